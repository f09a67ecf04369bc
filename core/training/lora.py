"""Trains a LoRA adapter (Hu et al., 2021) on a loaded profile: the model's weights stay, two thin matrices are learnt.

One row at a time on one device; checkpoints and several devices are not covered.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch
from peft import LoraConfig, get_peft_model

from core.errors import TrainingError
from core.llm.loading import load_model, load_tokenizer, pick_device
from core.llm.profiles import ModelProfile
from core.llm.weights import check_model, locate_model
from core.schema import Message


@dataclass(frozen=True, slots=True)
class Example:
    """A prompt and the answer that the adapter should learn."""

    messages: tuple[Message, ...]
    answer: str


@dataclass(frozen=True, slots=True)
class AdapterConfig:
    """How an adapter is trained.

    Attributes:
        max_tokens: A longer example is refused.
    """

    r: int = 8
    lora_alpha: int = 16
    lora_dropout: float = 0.0
    target_modules: tuple[str, ...] = ("q_proj", "v_proj")
    epochs: int = 1
    learning_rate: float = 1e-3
    rows_per_step: int = 8
    max_tokens: int = 1024
    seed: int = 1


def train_adapter(
    profile: ModelProfile,
    examples: Sequence[Example],
    output: Path,
    *,
    config: AdapterConfig | None = None,
    device: str = "auto",
    progress: Callable[[int, float], None] | None = None,
) -> Path:
    """Train an adapter and write it, as safetensors, to a new folder that a profile can name.

    Args:
        profile: The model that the adapter is for.
        examples: What it learns from.
        output: The adapter's folder; must not exist.
        config: How it is trained.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        progress: Called after each step with its number and its loss.

    Raises:
        TrainingError: There is nothing to learn from, an example is too long, or the output exists.
        ModelError: The model can't be loaded.
    """
    config = config or AdapterConfig()
    if output.exists():
        raise TrainingError(f"The adapter should be written to {output}, which exists. Choose another folder.")
    folder = locate_model(profile, offline=True)
    check_model(folder)
    place, tokenizer = pick_device(device), load_tokenizer(folder)
    rows = [_encode(tokenizer, example, number=n, limit=config.max_tokens) for n, example in enumerate(examples, 1)]
    if not rows:
        raise TrainingError("An adapter needs examples to learn from, and there are none.")
    torch.manual_seed(config.seed)
    model = _with_adapter(load_model(folder, profile=profile, device=place), config)
    losses = _train(model, rows, config, place, progress)
    model.save_pretrained(output, safe_serialization=True)
    record = {"model": profile.name, "examples": len(rows), "config": asdict(config), "losses": losses}
    (output / "training.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return output


def _with_adapter(model: Any, config: AdapterConfig) -> Any:
    settings = LoraConfig(
        r=config.r,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        target_modules=list(config.target_modules),
        task_type="CAUSAL_LM",
    )
    try:
        return get_peft_model(model, settings)
    except ValueError as exc:
        raise TrainingError(f"The adapter does not fit the model: {exc}") from exc


def _encode(tokenizer: Any, example: Example, *, number: int, limit: int) -> tuple[list[int], int]:
    """Return an example's tokens and where its answer starts."""
    chat = [{"role": m.role, "content": m.content} for m in example.messages]
    prompt = tokenizer.apply_chat_template(
        chat, add_generation_prompt=True, sanitize_control_tokens=True, return_dict=False
    )
    answer = tokenizer.encode(example.answer, add_special_tokens=False, split_special_tokens=True)
    ids = [*prompt, *answer, tokenizer.eos_token_id]
    if len(ids) > limit:
        raise TrainingError(f"Example {number} has {len(ids)} tokens, more than the {limit} allowed. Shorten it.")
    return ids, len(prompt)


def _train(
    model: Any,
    rows: Sequence[tuple[list[int], int]],
    config: AdapterConfig,
    device: torch.device,
    progress: Callable[[int, float], None] | None,
) -> list[float]:
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=config.learning_rate)
    random, losses = Random(config.seed), []  # noqa: S311 - order of examples, not secrets
    model.train()
    for _ in range(config.epochs):
        order = random.sample(range(len(rows)), len(rows))
        for first in range(0, len(order), config.rows_per_step):
            picked = [rows[i] for i in order[first : first + config.rows_per_step]]
            losses.append(sum(_backward(model, row, device, of=len(picked)) for row in picked))
            optimizer.step()
            optimizer.zero_grad()
            if progress is not None:
                progress(len(losses), losses[-1])
    model.eval()
    return losses


def _backward(model: Any, row: tuple[list[int], int], device: torch.device, *, of: int) -> float:
    """Add a row's share of the step's gradient; return its share of the loss."""
    ids, start = row
    tokens = torch.tensor([ids], device=device)
    labels = tokens.clone()
    labels[:, :start] = -100  # the index that transformers leaves out of the loss
    loss = model(input_ids=tokens, labels=labels).loss / of
    loss.backward()
    return float(loss.detach())
