"""Measures a reader on groups it has not seen: does it choose right, and does it tell when nothing answers?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.training.reader_data import Group

Scorer = Callable[[Group], list[list[float]]]
"""Returns the score of each sentence of each passage, 0..1."""


@dataclass(frozen=True, slots=True)
class ReaderFigures:
    """Shares, each None when there was nothing to measure.

    Attributes:
        threshold: Below it, a group counts as unanswered; chosen so that as few as `wrongly_abstains` are given up.
    """

    answered: int
    unanswered: int
    right_passage: float | None
    right_sentence: float | None
    threshold: float
    abstains: float | None
    wrongly_abstains: float | None


def evaluate_reader(score: Scorer, groups: Sequence[Group], *, threshold: float) -> ReaderFigures:
    """Return how a scorer does."""
    passage = sentence = given_up = abstained = answered = unanswered = 0
    for group in groups:
        scores = score(group)
        best, at, place = max((s, row, i) for row, each in enumerate(scores) for i, s in enumerate(each))
        if any(reading.gold for reading in group.readings):
            answered += 1
            passage += bool(group.readings[at].gold)
            sentence += place in group.readings[at].gold
            given_up += best < threshold
        else:
            unanswered += 1
            abstained += best < threshold
    return ReaderFigures(
        answered,
        unanswered,
        passage / answered if answered else None,
        sentence / answered if answered else None,
        threshold,
        abstained / unanswered if unanswered else None,
        given_up / answered if answered else None,
    )
