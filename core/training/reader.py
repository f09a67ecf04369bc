"""Trains the reader: a small cross-encoder that scores the sentences of a passage, made from MiniLM's layers.

A deep teacher learns from the answers, then a shallow student learns from both. The word vectors stay those of the
bundled embedder, so that a reader's file holds its layers alone. Nothing is resumed: a run takes minutes on a GPU.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch
from torch.nn import functional

from core.encoder.packing import load_tokenizer
from core.training.reader_batches import ReaderBatch, Row, collate, encode_groups
from core.training.reader_data import Group
from core.training.reader_model import ReaderModel, load_reader_base, score_batch

LISTWISE, PASSAGE = 1.0, 0.3
Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ReaderRecipe:
    """All that decides a reader.

    Attributes:
        layers: Of MiniLM's six that are kept.
        groups_per_step: Questions, each with all its passages.
    """

    layers: int = 3
    epochs: int = 4
    groups_per_step: int = 48
    learning_rate: float = 2e-4
    head_rate: float = 1e-3
    warmup: float = 0.06
    seed: int = 1


def train_reader(
    groups: Sequence[Group],
    base: Path,
    *,
    recipe: ReaderRecipe,
    device: str = "cpu",
    teacher: ReaderModel | None = None,
    max_seconds: float | None = None,
    report: Report = print,
) -> ReaderModel:
    """Train a reader.

    Args:
        groups: What it learns from.
        base: Folder of all-MiniLM-L6-v2.
        recipe: Shape and schedule.
        device: `cpu` or `cuda`.
        teacher: A trained reader whose scores are learnt too.
        max_seconds: The schedule is shortened so that it ends by then.
        report: Called with a line of progress every 50 steps.
    """
    torch.manual_seed(recipe.seed)
    model = load_reader_base(base, layers=recipe.layers).to(device)
    rows = encode_groups(groups, load_tokenizer((base / "tokenizer.json").read_text(encoding="utf-8")))
    optimizer = torch.optim.AdamW(_parameters(model, recipe), weight_decay=0.01)
    steps = recipe.epochs * (len(rows) // recipe.groups_per_step)
    began, losses = time.monotonic(), []
    model.train()
    for step, batch in enumerate(_batches(rows, recipe, device)):
        done = max(step / steps, (time.monotonic() - began) / max_seconds if max_seconds else 0.0)
        if done >= 1:
            break
        for group, rate in zip(optimizer.param_groups, (recipe.learning_rate, recipe.head_rate), strict=True):
            group["lr"] = rate * min(done / recipe.warmup + 0.01, 1 - done)
        loss = _loss(model, batch, teacher, device)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.detach())
        if step % 50 == 49:
            mean = torch.stack(losses[-50:]).mean().item()
            report(f"step {step + 1}/{steps} loss {mean:.4f} {time.monotonic() - began:.0f} s")
    return model.eval()


def _parameters(model: ReaderModel, recipe: ReaderRecipe) -> list[dict[str, Any]]:
    trained = [p for p in model.encoder.parameters() if p.requires_grad]
    return [
        {"params": trained, "lr": recipe.learning_rate},
        {"params": list(model.head.parameters()), "lr": recipe.head_rate},
    ]


def _batches(rows: Sequence[list[Row]], recipe: ReaderRecipe, device: str) -> Iterator[ReaderBatch]:
    """Yield batches of groups of similar length, in an order drawn anew each epoch."""
    random = Random(recipe.seed)  # noqa: S311 - order of examples, not secrets
    lengths = [max(len(row.ids) for row in group) for group in rows]
    for _ in range(recipe.epochs):
        order = sorted(range(len(rows)), key=lambda i: lengths[i] + random.random() * 24)
        size = recipe.groups_per_step
        starts = list(range(0, len(order) - size + 1, size))
        random.shuffle(starts)
        for start in starts:
            yield collate([rows[i] for i in order[start : start + size]], device)


def _loss(model: ReaderModel, batch: ReaderBatch, teacher: ReaderModel | None, device: str) -> torch.Tensor:
    sentences, passages = score_batch(model, batch, device)
    loss = _answer_loss(sentences, passages, batch)
    if teacher is None:
        return loss
    with torch.no_grad():
        taught, taught_passages = score_batch(teacher, batch, device)
    near = functional.mse_loss(sentences, taught) + PASSAGE * functional.mse_loss(passages, taught_passages)
    return 0.5 * loss + 0.1 * near + _group_distance(sentences, taught, batch)


def _answer_loss(sentences: torch.Tensor, passages: torch.Tensor, batch: ReaderBatch) -> torch.Tensor:
    """Every sentence for itself, every group as a choice among its sentences and none, every passage for itself."""
    own = functional.binary_cross_entropy_with_logits(sentences, batch.answers, reduction="sum") / batch.groups
    whole = functional.binary_cross_entropy_with_logits(passages, batch.row_answers, reduction="sum") / batch.groups
    every = _group_logsumexp(sentences, batch, include=torch.ones_like(batch.answers))
    right = _group_logsumexp(sentences, batch, include=batch.answers)
    answered = torch.zeros(batch.groups, device=sentences.device).index_add(0, batch.group, batch.answers) > 0
    null = torch.zeros_like(every)
    choice = torch.logaddexp(every, null) - torch.where(answered, right, null)
    return own + LISTWISE * choice.mean() + PASSAGE * whole


def _group_logsumexp(logits: torch.Tensor, batch: ReaderBatch, *, include: torch.Tensor) -> torch.Tensor:
    shifted = torch.exp(logits.clamp(-30, 30)) * include
    sums = torch.zeros(batch.groups, device=logits.device).index_add(0, batch.group, shifted)
    return torch.log(sums + 1e-13)


def _group_distance(sentences: torch.Tensor, taught: torch.Tensor, batch: ReaderBatch) -> torch.Tensor:
    """Cross-entropy between the teacher's and the student's choice within each group, none included."""
    ones = torch.ones_like(batch.answers)
    student = _group_logsumexp(sentences, batch, include=ones).logaddexp(torch.zeros(batch.groups, device=ones.device))
    master = _group_logsumexp(taught, batch, include=ones).logaddexp(torch.zeros(batch.groups, device=ones.device))
    chosen = torch.exp(taught - master[batch.group])
    per_sentence = chosen * (sentences - student[batch.group])
    none = torch.exp(-master) * -student
    return -(per_sentence.sum() + none.sum()) / batch.groups
