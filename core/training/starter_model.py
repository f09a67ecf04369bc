"""The starter model's shape, loss and optimisers: a small Llama, Muon for its matrices, AdamW for the rest."""

from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

from core.training.starter_batches import Batch

READ_SHARE = 0.25  # of the prompt's tokens that count while reading: most of what all would teach, at half the time


@dataclass(frozen=True, slots=True)
class Shape:
    """How large the model is; the defaults are those of the model that ships."""

    vocabulary: int = 6144
    hidden: int = 256
    layers: int = 4
    heads: int = 4
    feed_forward: int = 384
    context_tokens: int = 2048


def build_model(shape: Shape, *, seed: int, pad: int, end: int) -> Any:
    """Return an untrained LlamaForCausalLM in float32."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
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


def counted_tokens(batch: Batch, *, reading: bool, quoting: bool, step: int) -> torch.Tensor:
    """Return which tokens the loss counts.

    Args:
        batch: The tokens.
        reading: Beside the answers, a quarter of all other tokens counts, drawn by the step.
        quoting: Quotations count too, not only the answer's own words.
        step: Decides the quarter.
    """
    if not quoting:
        return batch.answers & ~batch.quoted
    if not reading:
        return batch.answers
    drawn = torch.rand(batch.ids.shape, generator=torch.Generator().manual_seed(step)) < READ_SHARE
    return batch.answers | (batch.texts & drawn)


def next_token_loss(model: Any, batch: Batch, *, counted: torch.Tensor) -> torch.Tensor:
    """Return the mean cross-entropy over the counted tokens; only they are multiplied with the vocabulary."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        hidden = model.model(input_ids=batch.ids, use_cache=False).last_hidden_state
        logits = functional.linear(hidden[:, :-1][counted[:, 1:]], model.model.embed_tokens.weight)
    return functional.cross_entropy(logits.float(), batch.ids[:, 1:][counted[:, 1:]])


def learning_rate(tokens: int, *, warmup: int, decay: int, total: int) -> float:
    """Return the factor of the learning rate after so many tokens: up, level, then down to a twentieth."""
    return min(1.0, max(tokens / warmup, 0.01), 0.05 + 0.95 * max(total - tokens, 0) / decay)
