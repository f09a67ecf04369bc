"""Turns rows into batches of token ids with their targets; unknown targets are masked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

import torch
from tokenizers import Encoding, Tokenizer

from core.training.guard_rows import LABELS, TAGS, Row

MAX_TOKENS = 128
STRIDE = 32
CLS, SEP, PAD = 101, 102, 0
UNKNOWN = -100
_CHUNK = 2000  # encodings are large: a few at a time


@dataclass(frozen=True, slots=True)
class Window:
    """Up to `MAX_TOKENS` tokens of a row.

    Attributes:
        row: Its row's place in the list.
        offset: How many of the row's tokens stand before it.
        labels: 0, 1 or `UNKNOWN`, as `LABELS`.
        tags: Places in `TAGS` or `UNKNOWN`, one per token.
    """

    row: int
    offset: int
    ids: tuple[int, ...]
    labels: tuple[int, ...]
    tags: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class GuardBatch:
    """Tensors of one step, padded to the longest."""

    ids: torch.Tensor
    mask: torch.Tensor
    labels: torch.Tensor
    tags: torch.Tensor


def cut_windows(rows: Sequence[Row], tokenizer: Tokenizer, *, every: bool) -> list[Window]:
    """Return the windows of rows: all that cover a text when `every`, else its first alone."""
    windows: list[Window] = []
    room = MAX_TOKENS - 2
    for at, (row, encoding) in enumerate(zip(rows, _encode(rows, tokenizer), strict=True)):
        labels = tuple(row.labels.get(name, UNKNOWN) for name in LABELS)
        tags = _tags(row, encoding)
        all_ids = encoding.ids
        last = max(1, len(all_ids) - STRIDE) if every else 1
        for start in range(0, last, room - STRIDE):
            ids = (CLS, *all_ids[start : start + room], SEP)
            windows.append(Window(at, start, ids, labels, (UNKNOWN, *tags[start : start + room], UNKNOWN)))
    return windows


def batches(windows: Sequence[Window], *, size: int, random: Random | None = None) -> Iterator[list[Window]]:
    """Yield windows of similar length together; in random order when `random` is given, else by length."""
    order = sorted(windows, key=lambda w: len(w.ids) + (random.random() * 12 if random else 0))
    starts = list(range(0, len(order), size))
    if random:
        random.shuffle(starts)
    for start in starts:
        yield order[start : start + size]


def collate(windows: Sequence[Window], device: str) -> GuardBatch:
    """Return the tensors of a batch, their length a multiple of 8."""
    length = -(-max(len(w.ids) for w in windows) // 8) * 8

    def padded(rows: Sequence[Sequence[int]], filler: int) -> torch.Tensor:
        return torch.tensor([[*row, *[filler] * (length - len(row))] for row in rows])

    ids = padded([w.ids for w in windows], PAD)
    tags = padded([w.tags for w in windows], UNKNOWN)
    labels = torch.tensor([w.labels for w in windows])
    tensors = (ids, (ids != PAD).long(), labels, tags)
    return GuardBatch(*(tensor.to(device, non_blocking=True) for tensor in tensors))


def _encode(rows: Sequence[Row], tokenizer: Tokenizer) -> Iterator[Encoding]:
    for start in range(0, len(rows), _CHUNK):
        texts = [row.text for row in rows[start : start + _CHUNK]]
        yield from tokenizer.encode_batch(texts, add_special_tokens=False)


def _tags(row: Row, encoding: Encoding) -> tuple[int, ...]:
    if row.spans is None:
        return (UNKNOWN,) * len(encoding.ids)
    unmarked = 0 if len(row.entities) == 4 else UNKNOWN
    tags = [0] * len(encoding.ids)
    if unmarked:  # a number or month may be a date that nobody marked
        tags = [UNKNOWN if any(c.isdigit() for c in token) else 0 for token in encoding.tokens]
    for start, end, kind in row.spans:
        inside = [i for i, (a, b) in enumerate(encoding.offsets) if a < end and b > start]
        for i in inside:
            tags[i] = TAGS.index(f"{'B' if i == inside[0] else 'I'}-{kind}")
    return tuple(tags)
