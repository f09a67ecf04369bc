"""Turns groups into the tensors that a reader learns from."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer

from core.encoder.packing import pack_passage, tokenize
from core.training.reader_data import Group


@dataclass(frozen=True, slots=True)
class Row:
    """A passage in tokens, with which of its sentences answer."""

    ids: tuple[int, ...]
    question_length: int
    marks: tuple[int, ...]
    gold: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ReaderBatch:
    """Several groups side by side.

    Attributes:
        groups: How many.
        marks: (sentences, 2): row and place of each sentence's mark.
        group: (sentences,): which question the sentence stands under.
        answers: (sentences,): 1.0 where it answers.
        row_answers: (rows,): 1.0 where the passage answers.
    """

    groups: int
    ids: torch.Tensor
    mask: torch.Tensor
    types: torch.Tensor
    marks: torch.Tensor
    group: torch.Tensor
    answers: torch.Tensor
    row_answers: torch.Tensor


def encode_groups(groups: Sequence[Group], tokenizer: Tokenizer) -> list[list[Row]]:
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
                gold = tuple(g - first for g in reading.gold if first <= g < first + len(packed.marks))
                rows.append(Row(packed.ids, packed.question_length, packed.marks, gold))
                first += len(packed.marks)
        encoded.append(rows)
    return encoded


def collate(groups: Sequence[Sequence[Row]], device: str) -> ReaderBatch:
    """Pad the rows of several groups to one length."""
    rows = [(number, row) for number, group in enumerate(groups) for row in group]
    length = -(-max(len(row.ids) for _, row in rows) // 8) * 8
    ids = torch.tensor([[*row.ids, *[0] * (length - len(row.ids))] for _, row in rows])
    places = torch.arange(length)
    ends = torch.tensor([[len(row.ids)] for _, row in rows])
    mask = (places < ends).long()
    types = ((places >= torch.tensor([[row.question_length] for _, row in rows])) & (places < ends)).long()
    marks = torch.tensor([(at, mark) for at, (_, row) in enumerate(rows) for mark in row.marks])
    group = torch.tensor([number for number, row in rows for _ in row.marks])
    answers = torch.tensor([float(i in row.gold) for _, row in rows for i in range(len(row.marks))])
    row_answers = torch.tensor([float(bool(row.gold)) for _, row in rows])
    tensors = (ids, mask, types, marks, group, answers, row_answers)
    return ReaderBatch(len(groups), *(tensor.to(device, non_blocking=True) for tensor in tensors))
