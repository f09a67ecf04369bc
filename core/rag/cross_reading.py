"""Joins what the reader and the cross-encoder say of sentences: the reader shortlists, the cross-encoder judges.

The reader is quick and sees single words, numbers and fields; the cross-encoder reads question and passage together and
finds answers in other words. The log-odds of a sentence are

    words * (log-odds of the reader) + cross * (score of the cross-encoder) + bias

The numbers are fitted by `core.training.cross_fit` on questions that neither was trained on. The cross-encoder reads
only the passages that the reader likes best, `READ` for each part of a question; elsewhere its score is `UNREAD`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from core.encoder.cross_encoder import CrossEncoder

READ = 6
UNREAD = -6.0
_SURE = 1e-9


@dataclass(frozen=True, slots=True)
class Joint:
    """Weights of both scores, and the bias."""

    words: float
    cross: float
    bias: float


JOINT = Joint(words=0.6, cross=0.25, bias=-2.0)

Passage = tuple[str, Sequence[str]]
"""A heading and the sentences under it."""


class CrossReading:
    """Reads the likeliest passages of a question again."""

    def __init__(self, encoder: CrossEncoder) -> None:
        self._encoder = encoder

    def score(self, question: str, passages: Sequence[Passage], scores: Sequence[Sequence[float]]) -> list[list[float]]:
        """Return how far each sentence of each passage answers the question, 0..1.

        Args:
            question: Its last line is what is asked; lines before it are earlier questions.
            passages: All that were found.
            scores: What the reader says of their sentences, 0..1.

        Raises:
            ModelError: The cross-encoder can't be loaded.
        """
        order = sorted(range(len(passages)), key=lambda at: -max(scores[at], default=0.0))[:READ]
        read = dict(zip(order, self._encoder.score(question, [passages[at] for at in order]), strict=True))
        return [
            [_join(own, judged) for own, judged in zip(each, read.get(at, [UNREAD] * len(each)), strict=True)]
            for at, each in enumerate(scores)
        ]


def _join(score: float, judged: float) -> float:
    odds = math.log(max(score, _SURE) / max(1 - score, _SURE))
    return 1 / (1 + math.exp(-(JOINT.words * odds + JOINT.cross * judged + JOINT.bias)))
