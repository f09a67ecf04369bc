"""Chooses among the plans of a question, and says how sure that is.

Three log-linear models over named features weigh plans, and say whether the question is about the table at all; a
cross-encoder reads the likeliest answers again.
"""

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import ModelError
from core.tables.candidates import Candidate
from core.tables.features import features_of, operation_of, parts_of
from core.tables.plan_reading import MOST_READ, READER, PlanReader, join_scores
from core.tables.reading import Features, Part, Reading

CARD = "model.json"
MOST_SCORED = 8.0  # what the reader's score is taken to be at most
WEIGHT_OF_BELONGING = 0.4
BELONGS = (
    "uncovered",
    "uncovered words",
    "missed whole cells",
    "missed comparisons",
    "missed parts",
    "missed columns",
    "shown named",
    "shown alike",
    "shown alike what is asked",
    "shown less named than others",
    "order named",
    "order alike",
    "order alike superlative",
    "longer rival",
    "whole rival",
    "rivals",
    "words quoted",
    "whole cells",
    "parts of cells",
    "most rows have it",
    "says answer",
    "values=1",
)
"""Features of the chosen plan that say whether one operation on this table answers the question."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The plan that a question most likely means.

    Attributes:
        probability: Of its answer, among the answers that all plans yield.
        belonging: Log odds that the question is about this table, and takes one operation.
        is_sure: Whether it is clear enough of the next answer, and belonging high enough, to be given.
    """

    candidate: Candidate
    probability: float
    belonging: float
    is_sure: bool


class Ranker:
    """Weighs plans with the weights of a folder."""

    def __init__(self, folder: Path) -> None:
        """Read the weights; those of what reads plans are loaded at first use.

        Raises:
            ModelError: They are missing or can't be read.
        """
        try:
            card = json.loads((folder / CARD).read_text(encoding="utf-8"))
            self._plans: dict[str, float] = card["plans"]
            self._belongs: dict[str, float] = card["belongs"]
            self._steps: dict[str, float] = card["steps"]
            self._least_sureness = float(card["least_sureness"])
            self._least_belonging = float(card["least_belonging"])
        except (OSError, KeyError, TypeError, ValueError) as exc:
            raise ModelError(f"The weights for table questions can't be read in {folder}: {exc}.") from exc
        self._reader = PlanReader(folder / READER)

    def may_belong(self, reading: Reading) -> bool:
        """Return whether features of any plan may reach the belonging that an answer needs; told without making one."""
        if reading.mentions:
            return True
        one_step = weigh(step_features(reading), self._steps)
        return most_belonging(reading, one_step, self._belongs) >= self._least_belonging - 1e-9

    def choose(self, reading: Reading, candidates: Sequence[Candidate]) -> Choice | None:
        """Return the best plan; None where there is none, or where the likeliest can't be about the table."""
        if not candidates:
            return None
        answers = rank_answers(candidates, weigh_plans(reading, candidates, self._plans))
        one_step = weigh(step_features(reading), self._steps)
        if self._belonging(reading, answers[0].best, one_step, MOST_SCORED) < self._least_belonging:
            return None  # whatever the reader says
        top = read_again(answers, self._reader.score(reading.question.text, reading.frame, [a.best for a in answers]))
        belonging = self._belonging(reading, top.best, one_step, top.score)
        is_sure = sureness(top.margin, belonging) >= self._least_sureness and belonging >= self._least_belonging
        return Choice(top.best, top.probability, belonging, is_sure and not counts_beside_a_number(reading, top.best))

    def _belonging(self, reading: Reading, best: Candidate, one_step: float, score: float) -> float:
        return weigh(belonging_features(features_of(reading, best), one_step, score), self._belongs)


@dataclass(frozen=True, slots=True)
class Answer:
    """One of the answers that plans yield.

    Attributes:
        best: The likeliest of the plans that yield it.
        probability: Of all of them together, by their features.
    """

    best: Candidate
    probability: float


@dataclass(frozen=True, slots=True)
class Top:
    """The likeliest answer, once plans were read.

    Attributes:
        best: The likeliest of the plans that yield it.
        margin: How much likelier the answer is than the next.
        score: What the reader says of the plan.
    """

    best: Candidate
    probability: float
    margin: float
    score: float


def weigh(features: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """Return the sum of the features' weights."""
    return sum(value * weights[name] for name, value in features.items() if name in weights)


def weigh_plans(reading: Reading, candidates: Iterable[Candidate], weights: Mapping[str, float]) -> list[float]:
    """Return each plan's sum of weights; what plans share is added up once."""
    weighed: dict[tuple[Part, str], float] = {}

    def weight(part: Part, op: str) -> float:
        if (part, op) not in weighed:
            beside = {f"{op}|{name}": value for name, value in part.features.items()} if op else {}
            weighed[part, op] = weigh(part.features, weights) + weigh(beside, weights)
        return weighed[part, op]

    scores = []
    for candidate in candidates:
        op = operation_of(candidate.plan)
        counted, named = parts_of(reading, candidate)
        scores.append(sum([weight(part, op) for part in counted]) + sum([weight(part, "") for part in named]))
    return scores


def rank_answers(candidates: Sequence[Candidate], scores: Sequence[float]) -> list[Answer]:
    """Return the answers that the plans, weighed by their scores, yield most; likeliest first."""
    highest = max(scores)
    shares = [math.exp(score - highest) for score in scores]
    whole = sum(shares)
    keys = {values: answer_key(values) for values in {candidate.outcome.values for candidate in candidates}}
    places: dict[frozenset[str], list[int]] = defaultdict(list)
    for place, candidate in enumerate(candidates):
        places[keys[candidate.outcome.values]].append(place)
    answers = [
        Answer(candidates[max(own, key=lambda n: scores[n])], sum(shares[n] for n in own) / whole)
        for own in places.values()
    ]
    return sorted(answers, key=lambda answer: -answer.probability)[:MOST_READ]


def read_again(answers: Sequence[Answer], scores: Sequence[float]) -> Top:
    """Return the likeliest answer by its probability and the reader's score of its plan."""
    joined = join_scores([answer.probability for answer in answers], scores)
    first, *rest = sorted(range(len(answers)), key=lambda n: -joined[n])
    second = joined[rest[0]] if rest else 0.0
    return Top(answers[first].best, joined[first], joined[first] - second, scores[first])


def answer_key(values: Iterable[str | float]) -> frozenset[str]:
    """Return what makes two answers the same."""
    return frozenset(value.strip().lower() if isinstance(value, str) else f"{value:.9g}" for value in values)


def step_features(reading: Reading) -> Features:
    """Return what says whether one operation answers a question: its own words, and how much of them quotes cells."""
    words = reading.words
    names = (f"length={min(len(words) // 4, 6)}", f"mentions={min(len(reading.mentions), 6)}", f"asks={reading.asks}")
    return dict.fromkeys(("one", *names, f"starts={words[0] if words else ''}", *words, *reading.pairs), 1.0)


def belonging_features(features: Features, one_step: float, score: float) -> Features:
    """Return what says whether one operation on the table answers a question, from the chosen plan and its score."""
    read = max(min(score / MOST_SCORED, 1.0), -1.0)
    shared = {name: features[name] for name in BELONGS if name in features}
    return {"one": 1.0, "one step": one_step, "read": read} | shared


def most_belonging(reading: Reading, one_step: float, weights: Mapping[str, float]) -> float:
    """Return what the belonging of no plan exceeds, its reading left out, for a question that mentions nothing."""
    content = [reading.question.stems[n] for n in reading.content]
    said = sum(stem in reading.said_at_all for stem in content)
    named = max((share for share, _ in reading.named.values()), default=0.0)
    alike = max(reading.alike.values(), default=0.0)
    left, size = len(content) - said, len(content)
    ranges = {
        "one": (1.0, 1.0),
        "one step": (one_step, one_step),
        "uncovered": (left / max(size, 1), size / max(size, 1)),
        "uncovered words": (min(left, 8) / 4, min(size, 8) / 4),
        "missed columns": (0.0, min(said, 4) / 2),
        "shown named": (0.0, named),
        "shown less named than others": (0.0, named),
        "order named": (0.0, named),
        "shown alike": (0.0, alike),
        "order alike": (0.0, alike),
        "order alike superlative": (0.0, max(reading.order_alike.values(), default=0.0)),
        "shown alike what is asked": (0.0, max(reading.asked_alike.values(), default=0.0)),
        "says answer": (0.0, 1.0),
        "values=1": (0.0, 1.0),
    }
    return sum(max(weights.get(name, 0.0) * end for end in ends) for name, ends in ranges.items())


def sureness(margin: float, belonging: float) -> float:
    """Return the log odds of a margin, raised by what speaks for one operation on this table."""
    margin = min(max(margin, 0.001), 0.999)
    return math.log(margin / (1 - margin)) + WEIGHT_OF_BELONGING * belonging


def counts_beside_a_number(reading: Reading, candidate: Candidate) -> bool:
    """Return whether rows are counted though the question names a column of numbers: "How many A are in stock?"."""
    plan = candidate.plan
    used = {plan.column, plan.by, *(m.condition.column for m in candidate.mentions)}
    numbers = (c.name for c in reading.frame.columns if c.is_number and not c.is_year and c.name not in used)
    return plan.operation in ("count", "count_different") and any(reading.named[name][0] == 1 for name in numbers)
