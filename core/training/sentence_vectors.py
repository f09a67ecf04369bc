"""Trains the sentence encoder: MiniLM's upper layers learn to put a question beside the sentence that answers it.

Questions that follow each other in the data share passages, so a batch is made of a few runs of them: each passage is
read once, and the sentences of the same document are what a question must be told apart from. Later "nothing" joins
them, a cosine that is learnt too: it must be nearer than any sentence to a question that no passage answers, and to
every question once its own answer is taken away. The lower layers stay as they are, and what they give for a passage is
computed once and kept.
"""

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import torch
from tokenizers import Tokenizer
from torch.nn.utils.rnn import pad_sequence

from core.encoder.packing import PAD, tokenize
from core.encoder.sentence_encoder import Row, pack_question, pack_sentences
from core.errors import TrainingError
from core.training.minilm import load_minilm
from core.training.reader_data import Group, Labelled

_ROWS = 16  # of one pass
_BLOCKED = -1e4
_NEVER = -1e9
NOTHING = 0.45  # its cosine at first
NOTHING_RATE = 2e-3
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class SentenceRecipe:
    """How the encoder is trained.

    Attributes:
        max_seconds: The rate of learning falls to nothing by then.
        max_steps: A limit of its own, for tests.
        frozen: Layers, from below, that stay as they are.
        run: Questions that follow each other in the data and come together.
        runs: Such runs in a batch.
        unanswered: Questions in a batch that no passage answers, once "nothing" has joined.
        other: Share of the passages without an answer that are read too.
        other_unanswered: The same of questions that no passage answers.
        nothing_from: Share of the time after which "nothing" joins.
        nothing_weight: Of the questions whose answer is taken away.
        rate: Highest rate of learning.
        temperature: The smaller, the more the nearest wrong sentences count.
    """

    max_seconds: float
    max_steps: int | None = None
    frozen: int = 3
    run: int = 12
    runs: int = 3
    unanswered: int = 7
    other: float = 0.15
    other_unanswered: float = 0.5
    nothing_from: float = 0.5
    nothing_weight: float = 0.5
    rate: float = 1.5e-4
    warm_up: float = 0.05
    temperature: float = 0.05
    seed: int = 0
    threads: int = 1


@dataclass(frozen=True, slots=True)
class SentenceFigures:
    """How often the nearest sentence of a question's passages is one that answers, and its passage one that does."""

    questions: int
    right_sentence: float
    right_passage: float


class SentenceModel(torch.nn.Module):
    """MiniLM without its head; `forward` is what is exported."""

    def __init__(self, encoder: Any, *, frozen: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.nothing = torch.nn.Parameter(torch.tensor(NOTHING))
        self.frozen = frozen
        self._kept: dict[tuple[int, ...], torch.Tensor] = {}
        lower = [encoder.embeddings, *encoder.encoder.layer[:frozen]]
        for module in (part for each in lower for part in each.modules()):
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
            for parameter in module.parameters(recurse=False):
                parameter.requires_grad_(False)

    def forward(self, embeds: torch.Tensor, mask: torch.Tensor, types: torch.Tensor) -> torch.Tensor:
        """Return the vector of each token for word vectors of shape (rows, tokens, hidden)."""
        output = self.encoder(inputs_embeds=embeds, attention_mask=mask, token_type_ids=types)
        return output.last_hidden_state  # type: ignore[no-any-return]

    def spans(self, rows: Sequence[Row]) -> torch.Tensor:
        """Return the unit vectors of all spans, row by row."""
        hidden = self._upper([row.ids for row in rows])
        means = [own[start:end].mean(0) for row, own in zip(rows, hidden, strict=True) for start, end in row.spans]
        return torch.nn.functional.normalize(torch.stack(means), dim=-1)

    def _upper(self, rows: Sequence[tuple[int, ...]]) -> list[torch.Tensor]:
        lower = self.lower(rows)
        found: dict[int, torch.Tensor] = {}
        for part in alike(range(len(rows)), key=lambda at: len(rows[at])):
            hidden = pad_sequence([lower[at] for at in part], batch_first=True)
            hidden = self.run_layers(self.frozen, None, hidden, [len(rows[at]) for at in part]).float()
            found |= {at: hidden[n, : len(rows[at])] for n, at in enumerate(part)}
        return [found[at] for at in range(len(rows))]

    def lower(self, rows: Sequence[tuple[int, ...]]) -> list[torch.Tensor]:
        """Return what the frozen layers give for each row of token ids, computed once and kept."""
        new = {row for row in rows if row not in self._kept}
        for part in alike(new, key=len):
            ids = pad_sequence([torch.tensor(row) for row in part], batch_first=True, padding_value=PAD)
            with torch.no_grad():
                hidden = self.run_layers(
                    0, self.frozen, self.encoder.embeddings(input_ids=ids), [len(row) for row in part]
                )
            for row, own in zip(part, hidden, strict=True):
                self._kept[row] = own[: len(row)].to(torch.bfloat16).clone()
        return [self._kept[row] for row in rows]

    def forget(self, *, above: int) -> None:
        """Forget what the frozen layers gave where more than so many rows are kept."""
        if len(self._kept) > above:
            self._kept.clear()

    def run_layers(self, first: int, last: int | None, hidden: torch.Tensor, lengths: Sequence[int]) -> torch.Tensor:
        """Return what these layers make of padded rows of such lengths, in bfloat16."""
        there = torch.arange(hidden.shape[1]) < torch.tensor(lengths)[:, None]
        blocked = torch.zeros(there.shape, dtype=torch.bfloat16).masked_fill(~there, _BLOCKED)[:, None, None, :]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            for layer in self.encoder.encoder.layer[first:last]:
                hidden = layer(hidden, blocked)
        return hidden


def load_sentence_base(folder: Path, *, frozen: int) -> SentenceModel:
    """Return the untrained encoder of a MiniLM folder."""
    return SentenceModel(load_minilm(folder), frozen=frozen)


class SentenceData:
    """Groups as rows of token ids, each passage once."""

    def __init__(self, groups: Iterable[Group], tokenizer: Tokenizer) -> None:
        kept = list(groups)
        self.groups = [*(g for g in kept if _is_answered(g)), *(g for g in kept if not _is_answered(g))]
        self.answered = sum(map(_is_answered, kept))
        self.questions = [pack_question(ids) for ids in tokenize(tokenizer, [g.question for g in self.groups])]
        readings = dict.fromkeys((r.heading, r.sentences) for group in self.groups for r in group.readings)
        tokens = iter(tokenize(tokenizer, [text for heading, own in readings for text in (heading, *own)]))
        self._rows = {key: pack_sentences(next(tokens), [next(tokens) or [PAD] for _ in key[1]]) for key in readings}

    def rows(self, reading: Labelled) -> list[Row]:
        """Return the rows of a reading."""
        return self._rows[reading.heading, reading.sentences]


def train_sentences(
    model: SentenceModel, data: SentenceData, recipe: SentenceRecipe, *, progress: Callable[[str], None]
) -> dict[str, Any]:
    """Train in place; return what the card says of it.

    Raises:
        TrainingError: There is nothing to learn from, or the loss is no number.
    """
    if not data.answered:
        raise TrainingError("No group holds a sentence that answers; build the groups first.")
    torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    random = Random(recipe.seed)  # noqa: S311 - training data, not secrets
    optimizer = _optimizer(model, recipe)
    began, step, seen, losses = time.monotonic(), 0, 0, list[float]()
    order: list[int] = []
    model.train()
    while (done := _done(recipe, step, time.monotonic() - began)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = group["highest"] * min(1.0, done / recipe.warm_up) * max(0.02, 1 - done)
        with_nothing = done >= recipe.nothing_from
        batch = _draw(random, order, count=data.answered, recipe=recipe)
        if with_nothing:
            batch += [random.randrange(data.answered, len(data.groups)) for _ in range(_unanswered(data, recipe))]
        loss = _loss(model, data, batch, random, recipe, with_nothing=with_nothing)
        if not math.isfinite(float(loss.detach())):
            raise TrainingError(f"The loss is {float(loss.detach())} at step {step}; lower the rate of learning.")
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        step, seen = step + 1, seen + len(batch)
        losses = [*losses[-49:], float(loss.detach())]
        if step % 25 == 0:
            rate = seen / (time.monotonic() - began)
            progress(f"step {step}, {done:.0%}: loss {sum(losses) / len(losses):.3f}, {rate:.1f} questions/s")
    return {"recipe": asdict(recipe), "steps": step, "questions": seen, "loss": sum(losses) / max(1, len(losses))}


def measure_sentences(model: SentenceModel, data: SentenceData) -> SentenceFigures:
    """Return how often the nearest sentence is right."""
    model.eval()
    sentences = passages = 0
    with torch.no_grad():
        for at, group in enumerate(data.groups[: data.answered]):
            asked = model.spans([data.questions[at]])[0]
            best = [(reading, model.spans(data.rows(reading)) @ asked) for reading in group.readings]
            reading, scores = max(best, key=lambda each: float(each[1].max()))
            sentences += int(scores.argmax()) in reading.gold
            passages += bool(reading.gold)
    count = data.answered
    return SentenceFigures(count, sentences / max(1, count), passages / max(1, count))


def _loss(
    model: SentenceModel,
    data: SentenceData,
    batch: Sequence[int],
    random: Random,
    recipe: SentenceRecipe,
    *,
    with_nothing: bool,
) -> torch.Tensor:
    """Return how far the right sentences, or "nothing", are from being the nearest of all that the batch holds."""
    readings: dict[tuple[str, tuple[str, ...]], Labelled] = {}
    for at in batch:
        share = recipe.other if at < data.answered else recipe.other_unanswered
        for reading in data.groups[at].readings:
            if reading.gold or random.random() < share:
                readings.setdefault((reading.heading, reading.sentences), reading)
    place: dict[tuple[str, tuple[str, ...]], int] = {}
    same: dict[str, list[int]] = defaultdict(list)
    count = 0
    for key, reading in readings.items():
        place[key] = count
        for sentence in reading.sentences:
            same[sentence].append(count)
            count += 1
    held = model.spans([row for reading in readings.values() for row in data.rows(reading)])
    asked = model.spans([data.questions[at] for at in batch])
    right = torch.zeros(len(batch), count, dtype=torch.bool)
    for n, at in enumerate(batch):
        for reading in data.groups[at].readings:
            for gold in reading.gold:
                right[n, place[reading.heading, reading.sentences] + gold] = True
    for places in same.values():  # the same words elsewhere answer too
        right[:, places] = right[:, places].any(1, keepdim=True)
    scores = asked @ held.T / recipe.temperature
    if not with_nothing:
        return _less(scores, right).mean()
    nothing = (model.nothing / recipe.temperature).expand(len(batch), 1)
    alone = torch.zeros(len(batch), count + 1, dtype=torch.bool)
    alone[:, -1] = True
    answered = right.any(1)
    goal = torch.where(answered[:, None], torch.cat([right, ~alone[:, -1:]], 1), alone)
    loss = _less(torch.cat([scores, nothing], 1), goal).mean()
    without = torch.cat([scores.masked_fill(right, _NEVER), nothing], 1)[answered]
    return loss + recipe.nothing_weight * _less(without, alone[answered]).mean()


def _less(scores: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Return the negative logarithm of the share that the right ones have."""
    return torch.logsumexp(scores, 1) - torch.logsumexp(scores.masked_fill(~right, _NEVER), 1)


def _is_answered(group: Group) -> bool:
    return any(reading.gold for reading in group.readings)


def _unanswered(data: SentenceData, recipe: SentenceRecipe) -> int:
    return min(recipe.unanswered, len(data.groups) - data.answered)


def _draw(random: Random, order: list[int], *, count: int, recipe: SentenceRecipe) -> list[int]:
    """Take the next runs out of `order`, which begins anew, cut elsewhere, when it is used up."""
    if not order:
        cut = random.randrange(recipe.run)
        order += [max(0, start - cut) for start in range(0, count, recipe.run)]
        random.shuffle(order)
    starts = [order.pop() for _ in range(min(recipe.runs, len(order)))]
    return [at for start in starts for at in range(start, min(start + recipe.run, count))]


def _optimizer(model: SentenceModel, recipe: SentenceRecipe) -> torch.optim.Optimizer:
    learnt = [p for p in model.encoder.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in learnt if p.ndim > 1], "weight_decay": 0.01, "highest": recipe.rate},
        {"params": [p for p in learnt if p.ndim <= 1], "weight_decay": 0.0, "highest": recipe.rate},
        {"params": [model.nothing], "weight_decay": 0.0, "highest": NOTHING_RATE},
    ]
    return torch.optim.AdamW(groups, lr=recipe.rate, betas=(0.9, 0.98))


def _done(recipe: SentenceRecipe, step: int, seconds: float) -> float:
    by_steps = step / recipe.max_steps if recipe.max_steps else 0.0
    return max(by_steps, seconds / recipe.max_seconds)


def alike(items: Iterable[Item], *, key: Callable[[Item], int]) -> list[list[Item]]:
    """Return the items in parts of like length."""
    order = sorted(items, key=key)
    return [order[start : start + _ROWS] for start in range(0, len(order), _ROWS)]
