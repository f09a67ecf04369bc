"""The charts: their marks are the figures, and carry the entries behind them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from apps.dashboard.figures import (
    AGENT_COLOURS,
    agent_colour,
    dataset_chart,
    interval_chart,
    outcomes_over_time,
    stage_chart,
    timing_chart,
)
from apps.dashboard.tiles import clicked_entries
from governance.scorecard import Score
from tests.apps.dashboard.test_dashboard_words import FACT

REFUSED = replace(FACT, entry=9, outcome="refused", at=FACT.at + timedelta(days=2), total_ms=2.0, governance_ms=1.0)


def test_outcomes_are_counted_per_day_and_empty_days_keep_their_place() -> None:
    answered, refused = outcomes_over_time([REFUSED, FACT, replace(FACT, entry=8)]).data
    assert (answered.name, refused.name) == ("Answered", "Refused")
    assert list(answered.x) == ["1 Mar", "2 Mar", "3 Mar"]
    assert list(answered.y) == [2, 0, 0]
    assert list(refused.y) == [0, 0, 1]
    assert list(answered.customdata) == ["7-8", "", ""]


def test_interval_reaches_from_low_to_high() -> None:
    rows = [
        ("Known", Score("Known", 0.5, 4, "f", 0.2, 0.9, entries=(1, 2, 3), failures=(2,)), "#123456"),
        ("Unknown", Score("Unknown", None, 0, "f"), "#654321"),
    ]
    figure = interval_chart(rows, title="Rates")
    empty, known = figure.data
    assert known.x[0] - known.error_x.arrayminus[0] == pytest.approx(0.2)
    assert known.x[0] + known.error_x.array[0] == pytest.approx(0.9)
    assert list(known.customdata) == ["2"]  # a click opens what lowered it
    assert list(empty.x) == [None]
    assert [note.text for note in figure.layout.annotations] == ["– not measured"]
    assert figure.layout.xaxis.range[0] <= 0 < 1 <= figure.layout.xaxis.range[1]


def test_timing_shows_each_turn_and_the_medians() -> None:
    figure = timing_chart([FACT, replace(REFUSED, total_ms=14.0, governance_ms=5.0)])
    whole, checks = figure.data
    assert list(whole.y) == [12.0, 14.0]
    assert list(checks.y) == [3.0, 5.0]
    assert figure.layout.title.text == "Median turn 13 ms, checks 4.0 ms"
    assert list(whole.customdata) == ["7", "9"]


def test_steps_are_split_into_checks_and_the_rest() -> None:
    model, checks = stage_chart({"authorise": 1.0, "generate": 20.0, "release": 3.0}).data
    assert list(model.x) == [20.0]
    assert list(checks.x) == [1.0, 3.0]


def test_datasets_stand_by_how_often_they_are_cited() -> None:
    facts = [
        replace(FACT, cited_datasets=("b",)),
        replace(FACT, entry=8, cited_datasets=("a", "b")),
    ]
    (bars,) = dataset_chart(facts).data
    assert list(bars.y) == ["b", "a"]
    assert list(bars.x) == [2, 1]
    assert list(bars.customdata) == ["7-8", "8"]


def test_agent_keeps_its_colour_by_its_place() -> None:
    agents = [str(n) for n in range(20)]
    assert agent_colour("3", ordered=agents) == AGENT_COLOURS[3]
    assert agent_colour("8", ordered=agents) == AGENT_COLOURS[0]
    assert agent_colour("unknown", ordered=agents) in AGENT_COLOURS


@pytest.mark.parametrize(
    ("point", "entries"),
    [({"customdata": "3"}, "3"), ({"customdata": ["3-4"]}, "3-4"), ({"customdata": []}, ""), ({}, "")],
)
def test_click_opens_the_entries_that_a_mark_carries(point: dict[str, object], entries: str) -> None:
    assert clicked_entries(point) == entries
