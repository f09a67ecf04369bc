"""Chooses among the plans of a question, and says how sure that is: two log-linear models over named features."""

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import ModelError
from core.tables.candidates import Candidate
from core.tables.features import Features, Reading, features_of

CARD = "model.json"
KEPT = (
    "uncovered",
    "uncovered words",
    "missed whole cells",
    "missed comparisons",
    "missed parts",
    "missed columns",
    "shown named",
    "shown alike what is asked",
    "shown less named than others",
    "order named",
    "order alike superlative",
    "longer rival",
    "whole rival",
    "rivals",
    "words quoted",
    "whole cells",
    "parts of cells",
    "says answer",
    "values=1",
    "number=0",
    "number=1",
)
"""Features of the chosen plan that its confidence is read from too."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The plan that a question most likely means.

    Attributes:
        probability: Of its answer, among the answers that all plans yield.
        confidence: How likely the answer is right, 0..1.
    """

    candidate: Candidate
    probability: float
    confidence: float


class Ranker:
    """Weighs plans with the weights of a folder."""

    def __init__(self, folder: Path) -> None:
        """Read the weights.

        Raises:
            ModelError: They are missing or can't be read.
        """
        try:
            card = json.loads((folder / CARD).read_text(encoding="utf-8"))
            self._plans: dict[str, float] = card["plans"]
            self._sure: dict[str, float] = card["confidence"]
            self.threshold = float(card["threshold"])
        except (OSError, KeyError, TypeError, ValueError) as exc:
            raise ModelError(f"The weights for table questions can't be read in {folder}: {exc}.") from exc

    def choose(self, reading: Reading, candidates: Sequence[Candidate]) -> Choice | None:
        """Return the best plan; None where there is none."""
        if not candidates:
            return None
        features = [features_of(reading, candidate) for candidate in candidates]
        scores = [weigh(each, self._plans) for each in features]
        top = choose_answer(candidates, scores)
        sure = weigh(confidence_features(candidates[top.place], features[top.place], top), self._sure)
        return Choice(candidates[top.place], top.probability, 1 / (1 + math.exp(-max(-50.0, min(50.0, sure)))))


@dataclass(frozen=True, slots=True)
class Top:
    """The likeliest answer.

    Attributes:
        place: Of the best of the plans that yield it.
        second: Probability of the next answer.
        score: Of the best plan.
        answers: How many different answers the plans yield.
    """

    place: int
    probability: float
    second: float
    score: float
    answers: int


def weigh(features: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """Return the sum of the features' weights."""
    return sum(value * weights[name] for name, value in features.items() if name in weights)


def choose_answer(candidates: Sequence[Candidate], scores: Sequence[float]) -> Top:
    """Return the answer that the plans, weighed by their scores, yield most."""
    highest = max(scores)
    shares = [math.exp(score - highest) for score in scores]
    whole = sum(shares)
    by_answer: dict[frozenset[str], float] = defaultdict(float)
    answers = [answer_key(candidate.outcome.values) for candidate in candidates]
    for answer, share in zip(answers, shares, strict=True):
        by_answer[answer] += share / whole
    best = max(by_answer, key=lambda answer: by_answer[answer])
    place = max((n for n, answer in enumerate(answers) if answer == best), key=lambda n: scores[n])
    second = max((p for answer, p in by_answer.items() if answer != best), default=0.0)
    return Top(place, by_answer[best], second, scores[place], len(by_answer))


def answer_key(values: Iterable[str | float]) -> frozenset[str]:
    """Return what makes two answers the same."""
    return frozenset(value.strip().lower() if isinstance(value, str) else f"{value:.9g}" for value in values)


def confidence_features(candidate: Candidate, features: Features, top: Top) -> Features:
    """Return what the confidence in an answer is read from."""
    plan = candidate.plan
    found = {name: features[name] for name in KEPT if name in features}
    odds = math.log(max(top.probability, 1e-6) / max(1 - top.probability, 1e-6))
    found |= {
        "one": 1.0,
        "log odds": max(-8.0, min(8.0, odds)) / 2,
        "probability": top.probability,
        "second": top.second,
        "score": max(-40.0, min(40.0, top.score)) / 10,
        "answers": math.log(top.answers) / 3,
        f"op={plan.operation}": 1.0,
        f"conditions={len(plan.where) + len(plan.either)}": 1.0,
    }
    return found
