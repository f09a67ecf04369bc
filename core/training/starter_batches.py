"""Turns conversations into batches of similar length; a window is decided by the seed, its number and its share alone.

Windows are made by worker processes where there are any; how many makes no difference to what they hold.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from tokenizers import Tokenizer
from torch.utils.data import DataLoader, Dataset

from core.processes import as_is, end_with_parent
from core.training.starter_data import KINDS, LATER_KINDS, build_conversation
from core.training.starter_reading import Reading, load_reading
from core.training.starter_sources import Sources, load_sources
from core.training.starter_tokenizer import SPECIAL_TOKENS, Encoded, encode_turn

COPY_SHARE = 0.3  # of the rows of the first windows: random tokens said twice, from which copying is learnt
PADDING, PROMPT, OWN, DECIDING, OPENING, QUOTED, READ = range(7)  # what a token is to the loss
_OPENING_TOKENS = 4  # of a quotation: they choose the sentence, the rest is spelling


@dataclass(frozen=True, slots=True)
class Mixture:
    """What the rows are at a point of the training; each number is a share of the whole training from 0 to 1.

    Attributes:
        copying: Until then random tokens said twice are mixed in, and small talk is rarer.
        reading: Until then public texts are mixed in, fewer and fewer.
        reading_rows: The share of rows that are public texts at the beginning.
        reading_floor: The share of rows that are public texts to the end.
    """

    copying: float = 0.1
    reading: float = 0.6
    reading_rows: float = 0.35
    reading_floor: float = 0.02

    def texts(self, share: float) -> float:
        """Return the share of rows that are public texts."""
        return max(self.reading_rows * (1 - share / self.reading), self.reading_floor)


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of tokens, padded on the right, where causal attention needs no mask.

    Attributes:
        ids: int32, (rows, length).
        roles: uint8, (rows, length): PADDING to READ.
    """

    ids: np.ndarray[Any, Any]
    roles: np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Stream:
    """Endless batches.

    Attributes:
        rows: Conversations of a window; those are sorted by length together.
        batch_tokens: Upper limit of a batch's padded size; a single longer row makes a batch of its own.
        max_tokens: Longer conversations are left out.
    """

    sources: Sources
    reading: Reading
    tokenizer: Tokenizer
    seed: int
    rows: int
    batch_tokens: int
    max_tokens: int
    mixture: Mixture = Mixture()

    def window(self, number: int, *, share: float) -> list[Batch]:
        """Return the batches of one window, in an order drawn from the seed."""
        random = Random(f"{self.seed}/window/{number}")  # noqa: S311 - training data, not secrets
        first = number * self.rows
        rows = [self._row(random, index, share) for index in range(first, first + self.rows)]
        kept = sorted((row for row in rows if len(row.ids) <= self.max_tokens), key=lambda row: len(row.ids))
        batches = list(_cut(kept, batch_tokens=self.batch_tokens))
        random.shuffle(batches)
        return [collate(rows) for rows in batches]

    def _row(self, random: Random, index: int, share: float) -> Encoded:
        if random.random() < self.mixture.texts(share):
            return self.reading.draw(random)
        copying = share < self.mixture.copying
        if copying and random.random() < COPY_SHARE:
            return self._copying(random)
        shares = KINDS if copying else LATER_KINDS
        turn = build_conversation(self.sources, seed=self.seed, index=index, shares=shares)
        return encode_turn(self.tokenizer, turn.messages, answer=turn.answer)

    def _copying(self, random: Random) -> Encoded:
        words = range(len(SPECIAL_TOKENS), self.tokenizer.get_vocab_size())
        said = random.choices(words, k=random.randint(16, 160))
        start = random.randint(0, len(said) // 2)
        return Encoded((*said, *said[start:]), len(said) + 1)


@dataclass(slots=True)
class Windows(Dataset[list[Batch]]):
    """The windows as worker processes make them: each reads the data once, when it makes its first window."""

    source: Path
    tokenizer_file: Path
    seed: int
    rows: int
    batch_tokens: int
    max_tokens: int
    mixture: Mixture
    stream: Stream | None = None

    def __getitem__(self, planned: tuple[int, float]) -> list[Batch]:
        """Return the batches of the window with this number at this share of the training."""
        number, share = planned
        if self.stream is None:
            tokenizer = Tokenizer.from_file(str(self.tokenizer_file))
            sources = load_sources(self.source, held_out=False)
            reading = load_reading(self.source, tokenizer=tokenizer)
            sizes = (self.rows, self.batch_tokens, self.max_tokens)
            self.stream = Stream(sources, reading, tokenizer, self.seed, *sizes, self.mixture)
        return self.stream.window(number, share=share)


def load_windows(windows: Windows, *, plan: Iterable[tuple[int, float]], workers: int) -> Iterator[list[Batch]]:
    """Yield the planned windows in order, made ahead of need by so many worker processes."""
    options: dict[str, Any] = {}
    if workers:
        options = {"multiprocessing_context": "spawn", "prefetch_factor": 2, "worker_init_fn": end_with_parent}
    loader = DataLoader(windows, batch_size=None, sampler=plan, num_workers=workers, collate_fn=as_is, **options)
    yield from loader


def collate(rows: Sequence[Encoded]) -> Batch:
    """Pad the rows to one length."""
    length = max(len(row.ids) for row in rows)
    ids = np.zeros((len(rows), length), dtype=np.int32)
    roles = np.zeros((len(rows), length), dtype=np.uint8)
    for number, row in enumerate(rows):
        ids[number, : len(row.ids)] = row.ids
        roles[number, : len(row.ids)] = READ if row.is_text else PROMPT
        _mark_answer(roles[number], row)
    return Batch(ids, roles)


def _mark_answer(roles: np.ndarray[Any, Any], row: Encoded) -> None:
    roles[row.answer_start : len(row.ids)] = OWN
    if row.answer_start < len(row.ids):
        roles[row.answer_start] = DECIDING
    quoted = sorted(row.quoted)
    roles[quoted] = QUOTED
    starts = [place for place in quoted if place - 1 not in row.quoted]
    for start in starts:
        for place in range(start, min(start + _OPENING_TOKENS, len(row.ids))):
            roles[place] = OPENING if place in row.quoted else roles[place]


def _cut(rows: Sequence[Encoded], *, batch_tokens: int) -> Iterator[list[Encoded]]:
    batch: list[Encoded] = []
    for row in rows:
        if batch and (len(batch) + 1) * len(row.ids) > batch_tokens:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch
