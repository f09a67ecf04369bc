"""Trains a scorer on drawn questions: the teacher on what is right, the student also on what the teacher says.

The clock ends a training: the rate of learning falls to nothing by then.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from random import Random
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, IterableDataset

from core.errors import TrainingError
from core.training.distil_data import Batch, Drawn, Pool, every_place, span_begins
from core.training.distil_model import Rows, Scorer

_NEVER = -1e4
_TEST_BATCH = 24


@dataclass(frozen=True, slots=True)
class DistilRecipe:
    """How a scorer is trained.

    Attributes:
        max_seconds: The rate of learning falls to nothing by then.
        max_steps: A limit of its own, for tests.
        questions: Of a step.
        rate: Highest rate of learning of the layers.
        new: How many times faster what is new learns.
        right: How much what is right counts beside what the teacher says.
        workers: Processes that draw batches; none to draw them in between.
    """

    max_seconds: float
    rate: float
    max_steps: int | None = None
    questions: int = 64
    new: float = 10.0
    right: float = 1.0
    warm_up: float = 0.05
    seed: int = 0
    workers: int = 0


class _Endless(IterableDataset[Batch]):
    """Batches without end, other ones in each process."""

    def __init__(self, drawn: Drawn, recipe: DistilRecipe) -> None:
        self._drawn, self._recipe = drawn, recipe

    def __iter__(self) -> Iterator[Batch]:
        worker = torch.utils.data.get_worker_info()
        random = Random(f"{self._recipe.seed}/{worker.id if worker else 0}")  # noqa: S311 - training data
        while True:
            yield self._drawn.draw(random, count=self._recipe.questions)


def train_scorer(
    model: Scorer, drawn: Drawn, recipe: DistilRecipe, *, progress: Callable[[str], None]
) -> dict[str, Any]:
    """Train in place, on the device that the model is on; return what the card says of it.

    Raises:
        TrainingError: The loss is no number.
    """
    torch.manual_seed(recipe.seed)
    device = model.side.device
    optimizer = _optimizer(model, recipe)
    batches = DataLoader(
        _Endless(drawn, recipe),
        batch_size=None,
        num_workers=recipe.workers,
        prefetch_factor=4 if recipe.workers else None,
    )
    losses, step, tokens = list[Tensor](), 0, 0
    began = time.monotonic()
    model.train()
    for batch in batches:
        done = max(
            step / recipe.max_steps if recipe.max_steps else 0.0, (time.monotonic() - began) / recipe.max_seconds
        )
        if done >= 1:
            break
        for each in optimizer.param_groups:
            each["lr"] = each["highest"] * min(1.0, (done + 1e-3) / recipe.warm_up) * max(0.01, 1 - done)
        loss = _loss(_scores(model, batch.parts, device), batch, device, right=recipe.right)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_([p for _, p in model.learnt()], 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(loss.detach())
        step += 1
        tokens += sum(int(part.lengths.sum()) for part in batch.parts)
        if step % 100 == 0:
            mean = float(torch.stack(losses[-100:]).mean())
            if not math.isfinite(mean):
                raise TrainingError(f"The loss is {mean} at step {step}; lower the rate of learning.")
            spent = time.monotonic() - began
            progress(f"step {step}, {done:.0%}: loss {mean:.3f}, {tokens / spent / 1000:.0f} k tokens/s")
    return {"recipe": asdict(recipe), "steps": step, "questions": step * recipe.questions, "tokens": tokens}


@torch.no_grad()
def teach(model: Scorer, pool: Pool, *, progress: Callable[[str], None]) -> NDArray[np.float16]:
    """Return what a teacher says of every span of every row beside every question that is no test."""
    begins = span_begins(pool)
    said = np.zeros(int(begins[-1]), dtype=np.float16)
    device = model.side.device
    model.eval()
    for rows, places in every_place(pool, np.flatnonzero(pool.is_test == 0).tolist()):
        where = np.concatenate([np.arange(begins[p], begins[p + 1]) for p in places])
        said[where] = _scores(model, [rows], device).half().cpu().numpy()
    progress(f"The teacher has scored {len(said)} sentences.")
    return said


@dataclass(frozen=True, slots=True)
class DistilFigures:
    """How good a scorer is on questions of a kind: among all their rows, and whether it gives up without the right one.

    Attributes:
        separated: How often the best score of rows with the answer is above that without, both over all pairs (AUC).
    """

    questions: int
    right_sentence: float
    right_passage: float
    separated: float

    def __str__(self) -> str:
        return (
            f"n {self.questions}: sentence {self.right_sentence:.3f}, passage {self.right_passage:.3f}, "
            f"answer told from none {self.separated:.3f}"
        )


@torch.no_grad()
def measure_scorer(model: Scorer, pool: Pool, names: Mapping[int, str], *, every: int = 1) -> dict[str, DistilFigures]:
    """Return the figures of a scorer on the tests of each kind, by the kind's name."""
    device = model.side.device
    model.eval()
    drawn = Drawn(pool, dict.fromkeys(names, 1.0))
    answered = {int(np.searchsorted(pool.of_near, place, side="right") - 1) for place, _ in pool.gold.tolist()}
    figures = {}
    for kind, name in names.items():
        asked = [at for at in np.flatnonzero((pool.kind == kind) & (pool.is_test == 1)).tolist() if at in answered]
        asked = asked[::every]
        right = passages = 0
        held, lacking = list[float](), list[float]()
        for begin in range(0, len(asked), _TEST_BATCH):
            own = asked[begin : begin + _TEST_BATCH]
            batch = drawn.everything(own)
            scores = _placed(_scores(model, batch.parts, device), batch.place.to(device)).cpu()
            for at, each, marks in zip(own, scores, batch.right[:, 1:], strict=True):
                best = int(each.argmax())
                right += bool(marks[best])
                rows = _row_of_span(pool, at)
                gold = {rows[n] for n in np.flatnonzero(marks.numpy()).tolist()}
                passages += rows[best] in gold
                held.append(float(each.max()))
                rest = [float(each[n]) for n in range(len(rows)) if rows[n] not in gold]
                lacking += [max(rest)] if rest else []
        above = np.array(held)[:, None] > np.array(lacking)[None] if lacking else np.zeros((1, 1))
        count = max(1, len(asked))
        figures[name] = DistilFigures(len(asked), right / count, passages / count, float(above.mean()))
    return figures


def _row_of_span(pool: Pool, at: int) -> list[int]:
    rows = []
    for place in range(int(pool.of_near[at]), int(pool.of_near[at + 1])):
        if not pool.is_cut[place]:
            rows += [place] * len(pool.row(int(pool.near[place]))[1])
    return rows


def _scores(model: Scorer, parts: Sequence[Rows], device: torch.device) -> Tensor:
    with torch.autocast(device.type, dtype=torch.bfloat16):
        return torch.cat([model(part.to(device)).float() for part in parts])


def _placed(scores: Tensor, place: Tensor) -> Tensor:
    return torch.where(place >= 0, scores[place.clamp(min=0)], _NEVER)


def _loss(scores: Tensor, batch: Batch, device: torch.device, *, right: float) -> Tensor:
    """Return how unlikely what is right is, and how far what the teacher says, as probabilities, is from it."""
    place = batch.place.to(device)
    own = functional.pad(_placed(scores, place), (1, 0))
    logs = functional.log_softmax(own, -1)
    marks = batch.right.to(device)
    unlikely = -torch.logsumexp(logs.masked_fill(~marks, _NEVER), -1).mean()
    if not batch.taught.shape[1]:
        return unlikely
    said = functional.pad(torch.where(place >= 0, batch.taught.to(device), _NEVER), (1, 0))
    apart = functional.kl_div(logs, functional.log_softmax(said, -1), log_target=True, reduction="batchmean")
    return right * unlikely + apart


def _optimizer(model: Scorer, recipe: DistilRecipe) -> torch.optim.Optimizer:
    new = [model.side, *model.head.parameters(), model.nothing]
    others = {id(each) for each in (*new, model.sharpness)}
    layers = [each for _, each in model.learnt() if id(each) not in others]
    return build_optimizer(layers, new, model.sharpness, rate=recipe.rate, faster=recipe.new)


def build_optimizer(
    layers: Sequence[Tensor], new: Sequence[Tensor], sharpness: Tensor, *, rate: float, faster: float
) -> torch.optim.Optimizer:
    """Return the optimizer of a reader: what is new learns so many times faster than the layers, its sharpness more.

    The highest rate of each group stands beside its parameters as `highest`.
    """
    groups = [
        {"params": [p for p in layers if p.ndim > 1], "weight_decay": 0.01, "highest": rate},
        {"params": [p for p in layers if p.ndim <= 1], "weight_decay": 0.0, "highest": rate},
        {"params": list(new), "weight_decay": 0.0, "highest": faster * rate},
        {"params": [sharpness], "weight_decay": 0.0, "highest": 20 * faster * rate},
    ]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98))
