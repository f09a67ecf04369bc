import random
import zlib
from collections import defaultdict
from pathlib import Path

import pytest

from core.tables.candidates import build_candidates
from core.tables.features import features_of
from core.tables.frame import build_frame
from core.tables.question import Question, find_mentions
from core.tables.ranker import (
    BELONGS,
    Ranker,
    belonging_features,
    most_belonging,
    weigh,
    weigh_plans,
)
from core.tables.reading import Reading

WEIGHTS = Path(__file__).parents[3] / "data" / "models" / "tables"
FRAME = build_frame(
    "Races",
    ["Year", "Driver", "Team", "Points"],
    [["1990", "Ann Lee", "Red", "12"], ["1991", "Bo Ray", "Blue", "9"], ["1992", "Cy Fox", "Red", "20"]],
)


class AnyWeight(defaultdict[str, float]):
    """A weight of its own for each name."""

    def __missing__(self, name: str) -> float:
        return zlib.crc32(name.encode()) / 2**32 - 0.5

    def __contains__(self, name: object) -> bool:
        return True


@pytest.mark.parametrize(
    "asked",
    [
        "how many drivers are in the red or blue team after 1990",
        "which driver had the most points",
        "what is the difference in points between ann lee and bo ray",
    ],
)
def test_plans_weigh_what_their_features_weigh(asked: str) -> None:
    question = Question(asked)
    mentions = tuple(find_mentions(question, FRAME))
    reading = Reading(question, FRAME, mentions)
    candidates = build_candidates(question, FRAME, mentions)
    alone = [weigh(features_of(Reading(question, FRAME, mentions), each), AnyWeight()) for each in candidates]
    assert len({round(score, 6) for score in alone}) > 3
    assert weigh_plans(reading, candidates, AnyWeight()) == pytest.approx(alone)


@pytest.mark.parametrize(
    "asked",
    ["which driver had the most points", "how many years are listed", "what is the longest river of the country"],
)
def test_no_plan_belongs_more_than_was_said_before_plans_were_made(asked: str) -> None:
    question = Question(asked)
    reading = Reading(question, FRAME, tuple(find_mentions(question, FRAME)))
    assert not reading.mentions
    features = [features_of(reading, each) for each in build_candidates(question, FRAME, ())]
    generator = random.Random(0)
    for _ in range(50):
        weights = {name: generator.uniform(-1, 1) for name in ("one", "one step", *BELONGS)}
        most = most_belonging(reading, 0.7, weights)
        assert all(weigh(belonging_features(each, 0.7, 0.0), weights) <= most + 1e-9 for each in features)


def test_a_table_that_shares_nothing_with_a_question_is_left_before_plans_are_made() -> None:
    ranker = Ranker(WEIGHTS)
    far, near = (Question(text) for text in (
        "explain why medieval monasteries preserved ancient manuscripts while cities declined",
        "which driver had the most points",
    ))  # fmt: skip
    assert not ranker.may_belong(Reading(far, FRAME, ()))
    assert ranker.may_belong(Reading(near, FRAME, ()))
