"""What the distillation reads: rows of passages, questions, and which rows stand beside each question.

Every row is tokenized once. A question comes with the row that answers it, with that row cut of its answer, and with
rows that lie near; a batch draws some of them. What the teacher says of each is kept beside them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.training.distil_model import Rows, pad_rows

Ints = NDArray[np.int64]
PUBLIC, WRITTEN, READ, FACTS, OTHERS, FITTING = range(6)  # kinds of questions
QUESTION_MARK = 1029
CHUNK_TOKENS = 24_000  # of one pass
_SHORTEN, _GOLD, _CUT = 0.15, 0.75, 0.1
_OTHERS = (1, 2, 2, 3)


@dataclass(frozen=True, slots=True)
class Pool:
    """All questions and rows, as flat arrays; `of_*` hold where each one's part begins.

    Attributes:
        tokens: Of all rows, beginning at `of_row`.
        spans: Start and end of each sentence of all rows, beginning at `of_span`.
        asked: Tokens of all questions, beginning at `of_question`.
        near: Rows beside each question, the nearest first, beginning at `of_near`.
        is_cut: Whether such a row is one that answers, without its answer.
        gold: Pairs of a place in `near` and a sentence of that row that answers.
        kind: Of each question: its source.
        is_test: Of each question.
    """

    tokens: Ints
    of_row: Ints
    spans: Ints
    of_span: Ints
    asked: Ints
    of_question: Ints
    near: Ints
    of_near: Ints
    is_cut: Ints
    gold: Ints
    kind: Ints
    is_test: Ints

    def row(self, at: int) -> tuple[Ints, Ints]:
        """Return the tokens of a row and its spans."""
        return (
            self.tokens[self.of_row[at] : self.of_row[at + 1]].astype(np.int64),
            self.spans[self.of_span[at] : self.of_span[at + 1]].astype(np.int64),
        )

    def question(self, at: int) -> Ints:
        """Return the tokens of a question."""
        return self.asked[self.of_question[at] : self.of_question[at + 1]].astype(np.int64)

    def save(self, path: Path) -> None:
        """Write the arrays, as narrow as they can be."""
        arrays = {each.name: getattr(self, each.name) for each in fields(self)}
        np.savez_compressed(path, allow_pickle=False, **{name: _narrow(values) for name, values in arrays.items()})


def load_pool(path: Path) -> Pool:
    """Return what `Pool.save` wrote."""
    with np.load(path) as file:
        return Pool(**{name: file[name] for name in file.files})


@dataclass(frozen=True, slots=True)
class Batch:
    """Questions with their rows, cut in passes of like length.

    Attributes:
        parts: The passes.
        place: (questions, most sentences): which score of all passes each sentence has, -1 for none.
        right: (questions, 1 + most sentences): what is right, "nothing" first.
        taught: The teacher's scores in the shape of `place`; empty without them.
    """

    parts: tuple[Rows, ...]
    place: Tensor
    right: Tensor
    taught: Tensor


class Drawn:
    """Draws batches."""

    def __init__(self, pool: Pool, shares: dict[int, float], *, taught: NDArray[np.float16] | None = None) -> None:
        """Take the pool, the share of each kind of question, and what the teacher says of every span of `near`."""
        self._pool, self._taught = pool, taught
        self._of_kind = {kind: np.flatnonzero((pool.kind == kind) & (pool.is_test == 0)).tolist() for kind in shares}
        self._kinds, self._shares = list(shares), list(shares.values())
        self._begins = span_begins(pool)
        self._gold: dict[int, list[int]] = {}
        for place, sentence in pool.gold.tolist():
            self._gold.setdefault(place, []).append(sentence)

    def draw(self, random: Random, *, count: int) -> Batch:
        """Return a batch of so many questions."""
        asked = [random.choice(self._of_kind[kind]) for kind in random.choices(self._kinds, self._shares, k=count)]
        return self.batch([(at, self._choose(random, at)) for at in asked], random)

    def everything(self, asked: Sequence[int]) -> Batch:
        """Return questions with all their rows but those that are cut."""
        pool = self._pool
        chosen = [range(int(pool.of_near[at]), int(pool.of_near[at + 1])) for at in asked]
        return self.batch(
            [(at, [p for p in own if not pool.is_cut[p]]) for at, own in zip(asked, chosen, strict=True)], None
        )

    def batch(self, chosen: Sequence[tuple[int, Sequence[int]]], random: Random | None) -> Batch:
        """Return a batch of questions with places in `near`; random to leave out some question marks."""
        pool = self._pool
        rows, counts, right, taught = [], [], [], []
        for at, places in chosen:
            question = pool.question(at)
            if random is not None and random.random() < _SHORTEN and question[-2] == QUESTION_MARK:
                question = np.concatenate([question[:-2], question[-1:]])
            own = [False]
            said: list[float] = []
            for place in places:
                row = int(pool.near[place])
                tokens, spans = pool.row(row)
                rows.append((question, tokens, spans))
                own += [n in self._gold.get(place, ()) for n in range(len(spans))]
                if self._taught is not None:
                    begin = int(self._begins[place])
                    said += self._taught[begin : begin + len(spans)].tolist()
            own[0] = not any(own)
            right.append(own)
            taught.append(said)
            counts.append(len(places))
        return _pack(rows, counts, right, taught)

    def _choose(self, random: Random, at: int) -> list[int]:
        pool = self._pool
        every = range(int(pool.of_near[at]), int(pool.of_near[at + 1]))
        gold = [p for p in every if p in self._gold]
        cut = [p for p in every if pool.is_cut[p]]
        others = [p for p in every if p not in self._gold and not pool.is_cut[p]]
        drawn = random.random()
        first = gold if drawn < _GOLD else (cut if drawn < _GOLD + _CUT else [])
        wanted = min(len(others), random.choice(_OTHERS) + (not first))
        if not first and not wanted:  # it has but the rows that answer
            return gold
        picked: list[int] = []
        while len(picked) < wanted:  # the nearest are likelier
            one = others[min(int(random.random() ** 1.7 * len(others)), len(others) - 1)]
            if one not in picked:
                picked.append(one)
        chosen = [*first, *picked]
        random.shuffle(chosen)
        return chosen


def span_begins(pool: Pool) -> Ints:
    """Return where the spans of each place of `near` begin among all that the teacher scores, and their number last."""
    lengths = np.diff(pool.of_span.astype(np.int64))[pool.near.astype(np.int64)]
    return np.concatenate([[0], np.cumsum(lengths)])


def every_place(pool: Pool, asked: Sequence[int]) -> Iterator[tuple[Rows, list[int]]]:
    """Yield passes of about `CHUNK_TOKENS`, each with the places of `near` that its spans belong to, in order."""
    places = [(p, at) for at in asked for p in range(int(pool.of_near[at]), int(pool.of_near[at + 1]))]
    size = np.diff(pool.of_row.astype(np.int64))[pool.near.astype(np.int64)]
    places.sort(key=lambda each: size[each[0]])
    part: list[tuple[int, int]] = []
    for each in places:
        part.append(each)
        if len(part) * (size[each[0]] + 40) >= CHUNK_TOKENS:
            yield _pass_of(pool, part)
            part = []
    if part:
        yield _pass_of(pool, part)


def _pass_of(pool: Pool, part: Sequence[tuple[int, int]]) -> tuple[Rows, list[int]]:
    rows = [(pool.question(at), *pool.row(int(pool.near[place]))) for place, at in part]
    return pad_rows(rows), [place for place, _ in part]


def _pack(
    rows: Sequence[tuple[Ints, Ints, Ints]],
    counts: Sequence[int],
    right: Sequence[Sequence[bool]],
    taught: Sequence[Sequence[float]],
) -> Batch:
    lengths = [len(asked) + len(own) for asked, own, _ in rows]
    order = sorted(range(len(rows)), key=lengths.__getitem__)
    parts, part = [], list[int]()
    for at in order:
        if part and (len(part) + 1) * lengths[at] > CHUNK_TOKENS:
            parts.append(part)
            part = []
        part.append(at)
    parts.append(part)
    begins, position = [0] * len(rows), 0
    for at in order:
        begins[at] = position
        position += len(rows[at][2])
    most = max(map(len, right)) - 1
    place = np.full((len(counts), most), -1, dtype=np.int64)
    marks = np.zeros((len(counts), most + 1), dtype=bool)
    said = np.zeros((len(counts), most if any(taught) else 0), dtype=np.float32)
    row = 0
    for n, count in enumerate(counts):
        found = [begins[at] + k for at in range(row, row + count) for k in range(len(rows[at][2]))]
        row += count
        place[n, : len(found)] = found
        marks[n, : len(right[n])] = right[n]
        if taught[n]:
            said[n, : len(found)] = taught[n]
    passes = tuple(pad_rows([rows[at] for at in each]) for each in parts)
    return Batch(passes, torch.from_numpy(place), torch.from_numpy(marks), torch.from_numpy(said))


def _narrow(values: Ints) -> NDArray[np.generic]:
    for kind in (np.uint8, np.uint16, np.uint32):
        if values.size == 0 or (values.min() >= 0 and values.max() <= np.iinfo(kind).max):
            return values.astype(kind)
    return values
