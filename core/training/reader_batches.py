"""Turns groups into the tensors that a reader learns from: encoded once, cut into batches of similar length, padded.

Worker processes lay batches out where there are any; how many makes no difference to what the batches hold.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch.utils.data import DataLoader, Dataset

from core.encoder.packing import pack_passage, tokenize
from core.processes import as_is, end_with_parent
from core.training.reader_data import Group

_WIDTH = 8  # rows are padded to a multiple of it
_JITTER = 24  # tokens: groups whose lengths differ by less may change places, so that each epoch batches anew
_PREFETCH = 4  # batches that each worker process lays out ahead


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """A passage in tokens.

    Attributes:
        ids: int32, (tokens,).
        marks: int32, (sentences,): place of the mark of each sentence.
        answers: float32, (sentences,): 1.0 where the sentence answers.
    """

    ids: NDArray[np.int32]
    question_length: int
    marks: NDArray[np.int32]
    answers: NDArray[np.float32]


Rows = list[Row]
"""A group in tokens: the rows of its passages, in order."""


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Several groups side by side, padded on the right: what a worker process sends.

    Attributes:
        groups: How many.
        ids: int32, (rows, tokens).
        lengths: int32, (rows, 2): tokens of the question, tokens altogether.
        marks: int32, (sentences, 2): row and place of each sentence's mark.
        group: int32, (sentences,): which question the sentence stands under.
        answers: float32, (sentences,): 1.0 where it answers.
        row_answers: float32, (rows,): 1.0 where the passage answers.
    """

    groups: int
    ids: NDArray[np.int32]
    lengths: NDArray[np.int32]
    marks: NDArray[np.int32]
    group: NDArray[np.int32]
    answers: NDArray[np.float32]
    row_answers: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class ReaderBatch:
    """A layout as tensors on a device; `mask` and `types` follow from its lengths, all whole numbers are int64."""

    groups: int
    ids: torch.Tensor
    mask: torch.Tensor
    types: torch.Tensor
    marks: torch.Tensor
    group: torch.Tensor
    answers: torch.Tensor
    row_answers: torch.Tensor


def encode_groups(groups: Sequence[Group], tokenizer: Tokenizer) -> list[Rows]:
    """Return the rows of each group; a passage too long for one row gives several."""
    questions = tokenize(tokenizer, [g.question for g in groups])
    readings = list(dict.fromkeys((r.heading, r.sentences) for g in groups for r in g.readings))
    headings = tokenize(tokenizer, [heading for heading, _ in readings])
    flat = tokenize(tokenizer, [s for _, sentences in readings for s in sentences])
    tokens, at = {}, 0
    for key, heading in zip(readings, headings, strict=True):
        tokens[key] = (heading, flat[at : at + len(key[1])])
        at += len(key[1])
    encoded = []
    for group, question in zip(groups, questions, strict=True):
        rows = []
        for reading in group.readings:
            heading, sentences = tokens[(reading.heading, reading.sentences)]
            first = 0
            for packed in pack_passage(question, heading, sentences):
                answers = [float(first + i in reading.gold) for i in range(len(packed.marks))]
                ids, marks = np.array(packed.ids, np.int32), np.array(packed.marks, np.int32)
                rows.append(Row(ids, packed.question_length, marks, np.array(answers, np.float32)))
                first += len(packed.marks)
        encoded.append(rows)
    return encoded


def plan_batches(groups: Sequence[Rows], random: Random, *, most: int, batch_tokens: int) -> list[list[int]]:
    """Cut an epoch into batches of groups of similar length, in an order drawn anew; return the groups' places.

    Args:
        groups: Every one comes once.
        random: Where the order is drawn from.
        most: Groups of a batch, at most.
        batch_tokens: Padded tokens of a batch, at most; a larger group makes a batch of its own.
    """
    longest = [max(len(row.ids) for row in group) for group in groups]
    order = sorted(range(len(groups)), key=lambda place: longest[place] + random.random() * _JITTER)
    plan: list[list[int]] = []
    batch, rows, width = list[int](), 0, 0
    for place in order:
        rows, width = rows + len(groups[place]), max(width, longest[place])
        if batch and (len(batch) == most or rows * _padded(width) > batch_tokens):
            plan.append(batch)
            batch, rows, width = [], len(groups[place]), longest[place]
        batch.append(place)
    plan += [batch] if batch else []
    random.shuffle(plan)
    return plan


def lay_out(groups: Sequence[Rows]) -> Layout:
    """Pad the rows of several groups to one length."""
    rows = [row for group in groups for row in group]
    ids = np.zeros((len(rows), _padded(max(len(row.ids) for row in rows))), np.int32)
    for at, row in enumerate(rows):
        ids[at, : len(row.ids)] = row.ids
    sentences = np.array([len(row.marks) for row in rows])
    row_of_sentence = np.repeat(np.arange(len(rows)), sentences)
    group_of_row = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    places = np.concatenate([row.marks for row in rows])
    return Layout(
        groups=len(groups),
        ids=ids,
        lengths=np.array([(row.question_length, len(row.ids)) for row in rows], np.int32),
        marks=np.stack((row_of_sentence, places), axis=1).astype(np.int32),
        group=np.repeat(group_of_row, sentences).astype(np.int32),
        answers=np.concatenate([row.answers for row in rows]),
        row_answers=np.array([row.answers.any() for row in rows], np.float32),
    )


def load_layout(layout: Layout, device: str) -> ReaderBatch:
    """Bring a layout to a device, without waiting for it where it is a GPU."""
    ids, lengths, marks, group = (
        _load(a, device).long() for a in (layout.ids, layout.lengths, layout.marks, layout.group)
    )
    places = torch.arange(layout.ids.shape[1], device=device)
    own = places < lengths[:, 1:]
    types = own & (places >= lengths[:, :1])
    answers, row_answers = _load(layout.answers, device), _load(layout.row_answers, device)
    return ReaderBatch(layout.groups, ids, own.long(), types.long(), marks, group, answers, row_answers)


def collate(groups: Sequence[Rows], device: str) -> ReaderBatch:
    """Lay groups out on a device."""
    return load_layout(lay_out(groups), device)


@dataclass(slots=True)
class _Layouts(Dataset[Layout]):
    """Layouts by the places of their groups."""

    groups: Sequence[Rows]

    def __getitem__(self, places: list[int]) -> Layout:
        return lay_out([self.groups[place] for place in places])


def load_layouts(groups: Sequence[Rows], *, plan: Sequence[list[int]], workers: int) -> Generator[Layout]:
    """Yield the planned batches in order, laid out ahead of need by so many worker processes; 0 means by this one."""
    options: dict[str, Any] = {}
    if workers:  # forked, so that they share the groups
        context = {"multiprocessing_context": "fork", "worker_init_fn": end_with_parent}
        options = {"prefetch_factor": _PREFETCH, **context}
    layouts = _Layouts(groups)
    yield from DataLoader(layouts, batch_size=None, sampler=plan, num_workers=workers, collate_fn=as_is, **options)


def _padded(tokens: int) -> int:
    return -(-tokens // _WIDTH) * _WIDTH


def _load(array: NDArray[Any], device: str) -> torch.Tensor:
    tensor = torch.from_numpy(array)
    if device == "cpu":
        return tensor
    return tensor.pin_memory().to(device, non_blocking=True)
