"""Looking for a phrase only where one may start finds what looking everywhere finds."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.rails.harm import build_harm_rail
from governance.rails.hate import build_hate_rail
from governance.rails.word_rail import WordRail
from governance.wiring import DATA

RAILS = [build_harm_rail(), build_hate_rail()]
TEXTS = [
    str(row["text"])
    for name in ("guard_fresh_test", "guard_hard_test")
    for row in map(json.loads, (DATA / "training" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines())
]


def everywhere(rail: WordRail) -> WordRail:
    return WordRail(rail.name, rail._rules)


@pytest.mark.parametrize("rail", RAILS, ids=lambda rail: rail.name)
def test_every_own_text_has_the_same_findings(rail: WordRail) -> None:
    slow = everywhere(rail)
    found = [(rail.inspect(text), slow.inspect(text)) for text in TEXTS]
    assert all(fast == whole for fast, whole in found)
    assert rail.name != "harm" or any(fast for fast, _ in found)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=3).map(" ".join), st.integers(0, 60))
def test_so_has_the_rest_of_a_text(text: str, start: int) -> None:
    for rail in RAILS:
        assert rail.inspect_from(text, start) == everywhere(rail).inspect_from(text, start)
