"""The starter model's shape, loss and optimisers: a small Llama, Muon for its matrices, AdamW for the rest."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

from core.training.starter_batches import DECIDING, OPENING, OWN, PADDING, PROMPT, QUOTED, READ, Batch

READ_SHARE = 0.25  # of the prompt's tokens that count: most of what all would teach, in less time


@dataclass(frozen=True, slots=True)
class Shape:
    """How large the model is; the defaults are those of the model that ships."""

    vocabulary: int = 6144
    hidden: int = 256
    layers: int = 5
    heads: int = 4
    key_heads: int = 2
    feed_forward: int = 512
    context_tokens: int = 2048


@dataclass(frozen=True, slots=True)
class Weights:
    """What a token's loss weighs.

    Attributes:
        prompt: Each counted token of a prompt while prompts are read, see READ_SHARE.
        own: The answer's own words and citations.
        deciding: The first token of an answer: whether it answers, abstains, refuses or talks.
        opening: The first tokens of a quotation: which sentence it is.
        quoted: The others, which the engine's constraint writes.
        text: Each token of a public text.
    """

    prompt: float = 0.2
    own: float = 1.0
    deciding: float = 4.0
    opening: float = 1.0
    quoted: float = 0.15
    text: float = 0.3


@dataclass(frozen=True, slots=True)
class Counted:
    """The tokens that the loss counts.

    Attributes:
        places: int64, (n,): where the token before each of them is, in the batch laid out in one line.
        weights: float32, (n,).
    """

    places: torch.Tensor
    weights: torch.Tensor


def build_model(shape: Shape, *, seed: int, pad: int, end: int) -> Any:
    """Return an untrained LlamaForCausalLM in float32."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_heads,
        intermediate_size=shape.feed_forward,
        max_position_embeddings=shape.context_tokens,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=end,
        pad_token_id=pad,
        use_cache=False,
    )
    model = LlamaForCausalLM(config)
    model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
        bos_token_id=None, eos_token_id=end, pad_token_id=pad, do_sample=False, max_new_tokens=256
    )
    return model


def build_optimizers(model: Any, *, muon_lr: float, adamw_lr: float) -> tuple[torch.optim.Optimizer, ...]:
    """Return Muon for the matrices of the layers and AdamW for embeddings and norms (Jordan et al., 2024)."""
    layers = dict(model.model.layers.named_parameters())
    matrices = [p for p in layers.values() if p.ndim == 2]
    rest = [model.model.embed_tokens.weight, model.model.norm.weight, *(p for p in layers.values() if p.ndim != 2)]
    return (
        torch.optim.Muon(matrices, lr=muon_lr, weight_decay=0.01),
        torch.optim.AdamW(rest, lr=adamw_lr, betas=(0.9, 0.95), weight_decay=0.0),
    )


def count_tokens(batch: Batch, *, weights: Weights, reading: bool, step: int) -> Counted:
    """Return which tokens the loss counts, and how much.

    Args:
        batch: The tokens.
        weights: What each kind weighs.
        reading: A quarter of the prompts' tokens counts too, drawn by the step.
        step: Decides the quarter.
    """
    by_role = np.zeros(READ + 1, dtype=np.float32)
    by_role[[OWN, DECIDING, OPENING, QUOTED, READ]] = (
        weights.own,
        weights.deciding,
        weights.opening,
        weights.quoted,
        weights.text,
    )
    by_role[PROMPT], by_role[PADDING] = weights.prompt if reading else 0.0, 0.0
    drawn = np.random.default_rng(step).random(batch.roles.shape, dtype=np.float32) < READ_SHARE
    weighed = by_role[batch.roles] * (drawn | (batch.roles != PROMPT))
    weighed[:, 0] = 0.0  # nothing stands before it
    places = np.flatnonzero(weighed)
    return Counted(torch.from_numpy(places - 1), torch.from_numpy(weighed.reshape(-1)[places]))


def next_token_loss(model: Any, batch: Batch, *, counted: Counted, device: torch.device) -> torch.Tensor:
    """Return the weighted mean cross-entropy; only the counted tokens are multiplied with the vocabulary."""
    ids = torch.from_numpy(batch.ids).to(device).long()
    places, weights = counted.places.to(device), counted.weights.to(device)
    with torch.autocast(device.type, dtype=torch.bfloat16):
        hidden = model.model(input_ids=ids, use_cache=False).last_hidden_state
        logits = functional.linear(hidden.flatten(0, 1).index_select(0, places), model.model.embed_tokens.weight)
    losses = functional.cross_entropy(logits.float(), ids.flatten()[places + 1], reduction="none")
    return (losses * weights).sum() / weights.sum()


def learning_rate(share: float, *, warmup: float, decay: float) -> float:
    """Return the factor of the learning rate at a share of the training: up, level, then down to a fiftieth."""
    return min(1.0, max(share / warmup, 0.01), 0.02 + 0.98 * max(1.0 - share, 0) / decay)
