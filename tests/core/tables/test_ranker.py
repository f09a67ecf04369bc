import zlib
from collections import defaultdict

import pytest

from core.tables.candidates import build_candidates
from core.tables.features import features_of
from core.tables.frame import build_frame
from core.tables.question import Question, find_mentions
from core.tables.ranker import weigh, weigh_plans
from core.tables.reading import Reading

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
