"""Measures a reader on groups it has not seen: does it choose right, and does it tell when nothing answers?

Figures at different thresholds compare one scorer with itself. Scorers with other scales are compared at the threshold
that is fitted to each on the very groups that are measured, which flatters all of them alike.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
import torch
from tokenizers import Tokenizer

from core.training.reader_batches import Rows, collate, encode_groups, plan_batches
from core.training.reader_data import Group
from core.training.reader_model import ReaderModel, score_batch

THRESHOLDS = (0.1, 0.2, 0.35, 0.5, 0.7)
GIVEN_UP = 0.05  # of the answered groups, at the fitted threshold
_MOST, _BATCH_TOKENS = 64, 16_384

Scores = list[list[float]]
"""Of each sentence of each passage of a group."""
Scorer = Callable[[Sequence[Group]], list[Scores]]


@dataclass(frozen=True, slots=True)
class ReaderFigures:
    """Shares, each None when there was nothing to measure.

    Attributes:
        threshold: Below it, a group counts as unanswered.
        is_fitted: Whether the threshold was chosen so that `GIVEN_UP` of these answered groups are given up.
        right_passage: Of the answered groups, how many have their best sentence in the passage that answers.
        abstains: Of the unanswered groups, how many are given up.
        wrongly_abstains: Of the answered groups, how many are given up.
    """

    threshold: float
    is_fitted: bool
    answered: int
    unanswered: int
    right_passage: float | None
    right_sentence: float | None
    abstains: float | None
    wrongly_abstains: float | None


@dataclass(frozen=True, slots=True)
class _Choice:
    """The best sentence of a group, and whether it is right."""

    score: float
    is_answered: bool
    in_passage: bool
    in_sentence: bool


def evaluate_reader(
    score: Scorer, groups: Sequence[Group], *, thresholds: Sequence[float] = THRESHOLDS
) -> list[ReaderFigures]:
    """Return how a scorer does at each threshold, and last at the one fitted to it, where a group is answered."""
    choices = [_choose(group, scores) for group, scores in zip(groups, score(groups), strict=True)]
    figures = [_figures(choices, threshold, is_fitted=False) for threshold in thresholds]
    answered = sorted(choice.score for choice in choices if choice.is_answered)
    if answered:
        figures.append(_figures(choices, answered[int(len(answered) * GIVEN_UP)], is_fitted=True))
    return figures


def reader_scorer(model: ReaderModel, tokenizer: Tokenizer, *, device: str) -> Scorer:
    """Return the scorer that a trained reader is; its scores are 0..1."""

    def score(groups: Sequence[Group]) -> list[Scores]:
        encoded = encode_groups(groups, tokenizer)
        scored: dict[int, Scores] = {}
        for places in plan_batches(encoded, Random(0), most=_MOST, batch_tokens=_BATCH_TOKENS):  # noqa: S311 - no secret
            flat = _score(model, [encoded[place] for place in places], device)
            for place, own in zip(places, flat, strict=True):
                scored[place] = _by_passage(groups[place], own)
        return [scored[place] for place in range(len(groups))]

    return score


@torch.no_grad()
def _score(model: ReaderModel, groups: Sequence[Rows], device: str) -> list[list[float]]:
    """Return the scores of all sentences of each group."""
    logits, _ = score_batch(model, collate(groups, device), device)
    ends = np.cumsum([sum(len(row.marks) for row in group) for group in groups])
    return [part.tolist() for part in np.split(torch.sigmoid(logits).cpu().numpy(), ends[:-1])]


def _by_passage(group: Group, scores: Sequence[float]) -> Scores:
    left = iter(scores)
    return [[next(left) for _ in reading.sentences] for reading in group.readings]


def _choose(group: Group, scores: Scores) -> _Choice:
    best, at, place = max((s, row, i) for row, each in enumerate(scores) for i, s in enumerate(each))
    gold = group.readings[at].gold
    return _Choice(best, any(reading.gold for reading in group.readings), bool(gold), place in gold)


def _figures(choices: Sequence[_Choice], threshold: float, *, is_fitted: bool) -> ReaderFigures:
    answered = [choice for choice in choices if choice.is_answered]
    unanswered = [choice for choice in choices if not choice.is_answered]
    return ReaderFigures(
        threshold,
        is_fitted,
        len(answered),
        len(unanswered),
        right_passage=_share([choice.in_passage for choice in answered]),
        right_sentence=_share([choice.in_sentence for choice in answered]),
        abstains=_share([choice.score < threshold for choice in unanswered]),
        wrongly_abstains=_share([choice.score < threshold for choice in answered]),
    )


def _share(held: Sequence[bool]) -> float | None:
    return sum(held) / len(held) if held else None
