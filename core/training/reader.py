"""Trains the reader: a small cross-encoder that scores the sentences of a passage, made from MiniLM's layers.

A deep teacher learns from the answers, then a shallow student, cut from the teacher, learns from both. The word vectors
stay those of the bundled embedder, so that a reader's file holds its layers alone. Nothing is resumed: a run takes
minutes on a GPU. A run that its time limit shortens can't be repeated to the byte.
"""

import math
import re
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch
from torch.nn import functional

from core.errors import TrainingError
from core.training.reader_batches import ReaderBatch, Rows, load_layout, load_layouts, plan_batches
from core.training.reader_model import ReaderModel, cut_reader, load_reader_base, score_batch

LISTWISE, PASSAGE = 1.0, 0.3


@dataclass(frozen=True, slots=True)
class ReaderRecipe:
    """All that decides a reader.

    Attributes:
        layers: Of MiniLM's six, or of the teacher's, that are kept.
        groups_per_step: Questions of a step, at most, each with all its passages.
        batch_tokens: Padded tokens of a step, at most.
        learning_rate: Of the topmost layer, at its height.
        layer_decay: The rate of each layer below is so many times that of the layer above it.
        head_rate: Learning rate of the head, which starts from nothing.
        warmup: Share of the training in which the rates rise; then they fall to nothing.
        weight_decay: Of matrices; biases and norms are left.
    """

    layers: int = 6
    epochs: int = 5
    groups_per_step: int = 48
    batch_tokens: int = 24_576
    learning_rate: float = 1e-4
    layer_decay: float = 1.0
    head_rate: float = 1e-3
    warmup: float = 0.06
    weight_decay: float = 0.01
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the training is.

    Attributes:
        share: Of the steps or of the time, whichever is further.
        loss: Mean since the last report.
        groups_per_s: Questions a second since the last report.
    """

    step: int
    steps: int
    share: float
    loss: float
    groups_per_s: float


def train_reader(
    groups: Sequence[Rows],
    base: Path,
    *,
    recipe: ReaderRecipe,
    device: str = "cpu",
    workers: int = 0,
    teacher: ReaderModel | None = None,
    max_seconds: float | None = None,
    report_every: int = 50,
    progress: Callable[[Progress], None] | None = None,
) -> ReaderModel:
    """Train a reader.

    Args:
        groups: What it learns from, encoded.
        base: Folder of all-MiniLM-L6-v2.
        recipe: Shape and schedule.
        device: `cpu` or `cuda`.
        workers: Processes that lay the batches out; 0 leaves that to this one.
        teacher: A trained reader: the student starts from its layers and learns its scores too.
        max_seconds: The schedule is shortened so that it ends by then.
        report_every: Steps between reports of progress.
        progress: Called with each report; the last step is always reported.

    Raises:
        TrainingError: There is nothing to learn from, or the loss is no number any more.
    """
    if not groups:
        raise TrainingError("A reader needs at least one group to learn from, and there is none.")
    torch.manual_seed(recipe.seed)
    model = (
        load_reader_base(base, layers=recipe.layers) if teacher is None else cut_reader(teacher, layers=recipe.layers)
    )
    model.to(device).train()
    plan = _plan(groups, recipe)
    optimizer = torch.optim.AdamW(_parameters(model, recipe), fused=device != "cpu")
    began = time.monotonic()
    tally = _Tally(len(plan), report_every, progress)
    with closing(load_layouts(groups, plan=plan, workers=workers)) as layouts:
        for step, layout in enumerate(layouts):
            share = max(step / len(plan), (time.monotonic() - began) / max_seconds if max_seconds else 0.0)
            if step and share >= 1:
                break
            _set_rates(optimizer, learning_rate(share, warmup=recipe.warmup))
            loss = _loss(model, load_layout(layout, device), teacher, device)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            tally.add(loss.detach(), layout.groups, share=share)
    tally.report(share=1.0)
    return model.eval()


def learning_rate(share: float, *, warmup: float) -> float:
    """Return the factor of the learning rates at this share of the training: up to 1, then down to 0, in lines."""
    return max(0.0, min((share + 1e-3) / (warmup + 1e-3), (1 - share) / (1 - warmup)))


class _Tally:
    """Adds losses up between two reports, so that a GPU is waited for only then."""

    def __init__(self, steps: int, every: int, progress: Callable[[Progress], None] | None) -> None:
        self._steps, self._every, self._progress = steps, every, progress
        self._step = self._groups = 0
        self._losses: list[torch.Tensor] = []
        self._since = time.monotonic()

    def add(self, loss: torch.Tensor, groups: int, *, share: float) -> None:
        """Count a step; report when it is time."""
        self._step += 1
        self._groups += groups
        self._losses.append(loss)
        if len(self._losses) == self._every:
            self.report(share=share)

    def report(self, *, share: float) -> None:
        """Report what was counted since the last report, if anything was."""
        if not self._losses:
            return
        loss = torch.stack(self._losses).mean().item()
        if not math.isfinite(loss):
            raise TrainingError(
                f"The loss is {loss} around step {self._step}: training on would be in vain. Lower the learning rates."
            )
        now = time.monotonic()
        if self._progress is not None:
            rate = self._groups / max(now - self._since, 1e-9)
            self._progress(Progress(self._step, self._steps, share, loss, rate))
        self._losses, self._groups, self._since = [], 0, now


def _plan(groups: Sequence[Rows], recipe: ReaderRecipe) -> list[list[int]]:
    random = Random(recipe.seed)  # noqa: S311 - order of examples, not secrets
    limits = {"most": recipe.groups_per_step, "batch_tokens": recipe.batch_tokens}
    return [batch for _ in range(recipe.epochs) for batch in plan_batches(groups, random, **limits)]


def _parameters(model: ReaderModel, recipe: ReaderRecipe) -> list[dict[str, Any]]:
    """Return what is trained, together where rate and decay are the same."""
    found: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        below = recipe.layers - _depth(name)
        rate = recipe.head_rate if name.startswith("head.") else recipe.learning_rate * recipe.layer_decay**below
        decay = recipe.weight_decay if parameter.ndim > 1 else 0.0
        if parameter.requires_grad:
            found.setdefault((rate, decay), []).append(parameter)
    return [{"params": p, "lr": rate, "peak": rate, "weight_decay": decay} for (rate, decay), p in found.items()]


def _depth(name: str) -> int:
    """Return 0 for a parameter of the embeddings, 1 for the lowest layer's, and so on."""
    layer = re.search(r"\.layer\.(\d+)\.", name)
    return int(layer[1]) + 1 if layer else 0


def _set_rates(optimizer: torch.optim.Optimizer, factor: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * factor


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
