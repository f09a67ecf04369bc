"""Trains the reader of plans on: among all sentences of a question's passages and "nothing", the right one is to win.

The clock ends it: the rate of learning falls to nothing by then.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import torch
from tokenizers import Tokenizer

from core.encoder.cross_encoder import passage_rows, question_row
from core.encoder.sentence_encoder import Row
from core.errors import TrainingError
from core.training.checkpoints import load_checkpoint, save_checkpoint
from core.training.cross_model import CrossModel
from core.training.distil import build_optimizer
from core.training.reader_data import Group

_SAVE_S = 300.0
_KEPT_ROWS = 30_000
_NEVER = -1e9
_OTHERS = (1, 2)  # passages read beside those that answer


@dataclass(frozen=True, slots=True)
class CrossRecipe:
    """How the cross-encoder is trained.

    Attributes:
        max_seconds: The rate of learning falls to nothing by then.
        max_steps: A limit of its own, for tests.
        groups: Questions of a step.
        rate: Highest rate of learning of the layers.
        new: How many times faster what is new learns.
    """

    max_seconds: float
    max_steps: int | None = None
    groups: int = 16
    rate: float = 1.5e-4
    new: float = 6.7
    warm_up: float = 0.04
    seed: int = 0
    threads: int = 1


class Rows:
    """Texts as rows of token ids, each made once."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._passages: dict[tuple[str, tuple[str, ...]], list[Row]] = {}

    def pairs(self, group: Group) -> list[tuple[Row, Row]]:
        """Return the pairs of a group's question with each row of its passages, in order."""
        asked = question_row(self._tokenizer, group.question)
        return [(asked, row) for r in group.readings for row in self._of(r.heading, r.sentences)]

    def _of(self, heading: str, sentences: tuple[str, ...]) -> list[Row]:
        if (heading, sentences) not in self._passages:
            self._passages[heading, sentences] = passage_rows(self._tokenizer, heading, sentences)
        return self._passages[heading, sentences]


def train_cross(
    model: CrossModel,
    groups: Sequence[Group],
    tokenizer: Tokenizer,
    recipe: CrossRecipe,
    *,
    checkpoint: Path,
    progress: Callable[[str], None],
    measure: Callable[[], str] | None = None,
) -> dict[str, Any]:
    """Train in place, from the checkpoint where there is one; return what the card says of it.

    Args:
        model: Is changed.
        groups: What it learns from.
        tokenizer: MiniLM's.
        recipe: Shape and schedule.
        checkpoint: File that is written every few minutes.
        progress: Gets a line every 25 steps.
        measure: Says how good the model is; asked with every checkpoint.

    Raises:
        TrainingError: There is nothing to learn from, or the loss is no number.
    """
    if not groups:
        raise TrainingError("There are no groups to learn from; build them first.")
    torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    optimizer, rows = _optimizer(model, recipe), Rows(tokenizer)
    state = load_checkpoint(checkpoint, recipe=asdict(recipe))
    step, spent = _resume(state, model, optimizer)
    random = Random(f"{recipe.seed}/{step}")  # noqa: S311 - training data, not secrets
    saved = time.monotonic()
    began = saved - spent  # as if there had been no break
    order, losses = list[int](), list[float]()
    model.train()
    while (done := _done(recipe, step, time.monotonic() - began)) < 1:
        for each in optimizer.param_groups:
            each["lr"] = each["highest"] * min(1.0, (done + 1e-3) / recipe.warm_up) * max(0.01, 1 - done)
        batch = [drop_some(random, groups[_next(random, order, groups)]) for _ in range(recipe.groups)]
        loss = cross_loss(model, rows, batch)
        losses = [*losses[-49:], float(loss.detach())]
        if not math.isfinite(losses[-1]):
            raise TrainingError(f"The loss is {losses[-1]} at step {step}; lower the rate of learning.")
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        model.base.forget(above=_KEPT_ROWS)
        step += 1
        if step % 25 == 0:
            speed = step * recipe.groups / (time.monotonic() - began)
            progress(f"step {step}, {done:.0%}: loss {sum(losses) / len(losses):.3f}, {speed:.1f} questions/s")
        if time.monotonic() - saved > _SAVE_S:
            save_checkpoint(checkpoint, _state(recipe, model, optimizer, step, time.monotonic() - began))
            if measure is not None:
                progress(measure())
                model.train()
            saved = time.monotonic()
    save_checkpoint(checkpoint, _state(recipe, model, optimizer, step, time.monotonic() - began))
    return {"recipe": asdict(recipe), "steps": step, "questions": step * recipe.groups}


def drop_some(random: Random, group: Group) -> Group:
    """Return a group with fewer passages: those that answer, and a few others."""
    others = [reading for reading in group.readings if not reading.gold]
    kept = random.sample(others, min(random.choice(_OTHERS), len(others)))
    return replace(group, readings=(*(reading for reading in group.readings if reading.gold), *kept))


def cross_loss(model: CrossModel, rows: Rows, batch: Sequence[Group]) -> torch.Tensor:
    """Return the mean of how unlikely the right sentences, or "nothing", are in their group."""
    pairs = [rows.pairs(group) for group in batch]
    flat = model.scores([pair for each in pairs for pair in each])
    losses, at = list[torch.Tensor](), 0
    for group, each in zip(batch, pairs, strict=True):
        scores = torch.cat([torch.zeros(1), *flat[at : at + len(each)]])
        at += len(each)
        gold = [n in reading.gold for reading in group.readings for n in range(len(reading.sentences))]
        right = torch.tensor([not any(gold), *gold])
        losses.append(torch.logsumexp(scores, 0) - torch.logsumexp(scores.masked_fill(~right, _NEVER), 0))
    return torch.stack(losses).mean()


@torch.no_grad()
def score_groups(model: CrossModel, groups: Sequence[Group], tokenizer: Tokenizer) -> list[list[list[float]]]:
    """Return the score of each sentence of each passage of each group."""
    model.eval()
    rows = Rows(tokenizer)
    found = []
    for group in groups:
        flat = iter(score for part in model.scores(rows.pairs(group)) for score in part.tolist())
        found.append([[next(flat) for _ in reading.sentences] for reading in group.readings])
    return found


def _next(random: Random, order: list[int], groups: Sequence[Group]) -> int:
    if not order:
        order += range(len(groups))
        random.shuffle(order)
    return order.pop()


def _optimizer(model: CrossModel, recipe: CrossRecipe) -> torch.optim.Optimizer:
    layers = [p for p in model.base.encoder.parameters() if p.requires_grad]
    new = [model.side, *model.head.parameters(), model.nothing]
    return build_optimizer(layers, new, model.sharpness, rate=recipe.rate, faster=recipe.new)


def _done(recipe: CrossRecipe, step: int, seconds: float) -> float:
    return max(step / recipe.max_steps if recipe.max_steps else 0.0, seconds / recipe.max_seconds)


def _state(
    recipe: CrossRecipe, model: CrossModel, optimizer: torch.optim.Optimizer, step: int, seconds: float
) -> dict[str, Any]:
    learnt = {name: p for name, p in model.named_parameters() if p.requires_grad}
    return {
        "recipe": asdict(recipe),
        "model": learnt,
        "optimizer": optimizer.state_dict(),
        "step": step,
        "seconds": seconds,
    }


def _resume(state: dict[str, Any] | None, model: CrossModel, optimizer: torch.optim.Optimizer) -> tuple[int, float]:
    if state is None:
        return 0, 0.0
    model.load_state_dict(state["model"], strict=False)
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"]), float(state["seconds"])
