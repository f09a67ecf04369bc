"""Reads a question beside the likeliest answers of a table, each said in words: a cross-encoder compares them.

The log-linear model knows features, this one words: that "the heaviest" asks for the highest "Tonnage". All plans are
read in one pass, as the sentences of one passage whose heading is the table's title and its columns.
"""

import math
from collections.abc import Sequence
from pathlib import Path

from core.encoder.cross_encoder import CrossEncoder
from core.tables.candidates import Candidate
from core.tables.describe import describe
from core.tables.evaluate import distinct
from core.tables.frame import Frame

READER = "reader"  # folder of its weights, beside the others'
MOST_READ = 8
COLUMNS_SAID = 10
LIKELY = 2.0  # what the log of an answer's probability counts beside the score of its plan


class PlanReader:
    """Scores plans with the weights of a folder, which are loaded at first use."""

    def __init__(self, folder: Path) -> None:
        self._encoder = CrossEncoder(folder)

    def score(self, question: str, frame: Frame, plans: Sequence[Candidate]) -> list[float]:
        """Return for each plan the log odds that it is meant, against none of them.

        Raises:
            ModelError: The weights are missing or not the expected ones.
        """
        (scores,) = self._encoder.score(question, [passage_of(frame, plans)])
        return scores


def passage_of(frame: Frame, plans: Sequence[Candidate]) -> tuple[str, list[str]]:
    """Return a heading and a sentence for each plan, as they are read, in training and at work."""
    heading = f"{frame.title}: {', '.join(column.name for column in frame.columns[:COLUMNS_SAID])}"
    return heading, [describe(each.plan, frame, distinct(each.outcome.values), of_table=False) for each in plans]


def join_scores(probabilities: Sequence[float], scores: Sequence[float]) -> list[float]:
    """Return the probability of each answer from what the log-linear model and the reader say of it."""
    logs = [
        LIKELY * math.log(max(probability, 1e-12)) + score
        for probability, score in zip(probabilities, scores, strict=True)
    ]
    shares = [math.exp(each - max(logs)) for each in logs]
    return [share / sum(shares) for share in shares]
