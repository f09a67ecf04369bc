"""Writes the starter model's folder: weights, tokenizer and the record of its training."""

import csv
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers.utils.logging import disable_progress_bar

from core.training.starter_tokenizer import save_tokenizer

WEIGHTS = "model.safetensors"
TRAINING = "training.json"
LOSSES = "loss.csv"


@dataclass(frozen=True, slots=True)
class TrainingRecord:
    """How a model came about.

    Attributes:
        recipe: Every number that decides the weights.
        device: `cpu` or `cuda`.
        history: Rows of step, tokens, share, loss.
    """

    recipe: dict[str, Any]
    device: str
    steps: int
    tokens: int
    seconds: float
    history: list[dict[str, Any]]


def export_model(model: Any, tokenizer: Tokenizer, folder: Path, *, record: TrainingRecord) -> None:
    """Write weights, tokenizer and the record of the training into a new folder."""
    disable_progress_bar()  # type: ignore[no-untyped-call]
    model.config.use_cache = True
    model.to(torch.bfloat16).save_pretrained(folder)
    (folder / WEIGHTS).chmod(0o644)
    save_tokenizer(tokenizer, folder, context_tokens=model.config.max_position_embeddings)
    summary = {"parameters": model.num_parameters(), **asdict(record), "seconds": round(record.seconds)}
    (folder / TRAINING).write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    with (folder / LOSSES).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["step", "tokens", "share", "loss"])
        writer.writeheader()
        writer.writerows(record.history)
