"""The pure functions that put scores and turns into words."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.dashboard.words import (
    ALL_LOOKS,
    LOOKS,
    count_text,
    entries_text,
    interval_text,
    look_of,
    ms_text,
    ordered_steps,
    parse_entries,
    score_text,
    selected,
    short_digest,
    times_of,
    trend_text,
    turn_rows,
)
from governance.native_llm import STEPS
from governance.schema import Action, Outcome
from governance.scorecard import Score
from governance.turns import TurnFact

FACT = TurnFact(
    entry=7,
    turn_id="t",
    agent_id="agent-with-a-long-id",
    actor_id="mia",
    at=datetime(2026, 3, 1, tzinfo=UTC),
    outcome="answered",
    action="allow",
    rule_id="turn.allowed",
    level="standard",
    retrieval="none",
    model="echo",
    findings=(),
    violations=(),
    sentences_checked=0,
    sentences_supported=0,
    cited=0,
    cited_datasets=(),
    datasets_attached=0,
    first_release_ms=None,
    total_ms=12.0,
    governance_ms=3.0,
    generate_ms=None,
    output_tokens=None,
)


@pytest.mark.parametrize(
    ("score", "text", "interval"),
    [
        (Score("Trust", None, 0, "f"), "–", "–"),
        (Score("Trust", 0.0, 3, "f"), "0.00", "–"),
        (Score("Rate", 0.5, 1200, "f", 0.25, 0.75), "50.0%", "25.0% to 75.0%"),
        (Score("Time", 1234.5, 9, "f", unit="ms"), "1,234 ms", "–"),
        (Score("Time", 120.0, 99, "f", 100.0, 140.0, unit="ms"), "120 ms", "100 to 140 ms"),
    ],
    ids=["not measured", "zero is a number", "rate", "unit", "unit with an interval"],
)
def test_score_is_said_with_its_interval(score: Score, text: str, interval: str) -> None:
    assert score_text(score) == text
    assert interval_text(score) == interval


@pytest.mark.parametrize(
    ("score", "text"),
    [
        (Score("Rate", 0.5, 9, "f"), None),
        (Score("Rate", 0.5, 9, "f", trend=-0.25), "-25.0%"),
        (Score("Time", 9.0, 9, "f", unit="ms", trend=1200.0), "+1,200.0 ms"),
    ],
    ids=["none before", "rate", "unit"],
)
def test_trend_is_said_with_its_sign(score: Score, text: str | None) -> None:
    assert trend_text(score) == text


@pytest.mark.parametrize(
    ("outcome", "action", "word"),
    [
        ("answered", "allow", "Answered"),
        ("answered", "redact", "Masked"),
        ("refused", "block", "Refused"),
        ("stopped", "redact", "Stopped"),
        ("abstained", "allow", "Nothing found"),
    ],
)
def test_look_tells_masked_answers_from_whole_ones(outcome: Outcome, action: Action, word: str) -> None:
    assert look_of(replace(FACT, outcome=outcome, action=action)).word == word


def test_looks_differ_in_word_and_cover_every_outcome() -> None:
    assert set(LOOKS.values()) < set(ALL_LOOKS)
    assert len({look.word for look in ALL_LOOKS}) == len(ALL_LOOKS)
    assert len({look.icon for look in ALL_LOOKS}) == len(ALL_LOOKS)


def test_rows_keep_what_was_not_measured_empty() -> None:
    (row,) = turn_rows([FACT], names={})
    assert row["Agent"] == "Agent tried in the wizard"
    assert row["First text"] is None
    assert row["Rating"] is None
    assert turn_rows([replace(FACT, rating=0)], names={FACT.agent_id: "Desk"})[0]["Rating"] == "not helpful"


def test_selected_turns_match_outcome_and_entries() -> None:
    refused = replace(FACT, entry=8, outcome="refused")
    assert selected([FACT, refused], outcome=None, entries=None) == [FACT, refused]
    assert selected([FACT, refused], outcome="Refused", entries=None) == [refused]
    assert selected([FACT, refused], outcome=None, entries=frozenset({7})) == [FACT]
    assert selected([FACT, refused], outcome="Refused", entries=frozenset({7})) == []


@given(st.sets(st.integers(0, 10**6), min_size=1, max_size=200))
def test_entries_survive_the_url(entries: set[int]) -> None:
    assert parse_entries(entries_text(sorted(entries))) == entries


@pytest.mark.parametrize("text", ["", ",", "x", "-3", "1e3", "²", "9" * 40])
def test_entries_that_name_none_are_none(text: str) -> None:
    assert parse_entries(text) is None


def test_entries_of_a_hostile_url_stay_few() -> None:
    assert len(parse_entries("0-999999999999999") or ()) < 10**6
    assert len(parse_entries(",".join(f"{n}" for n in range(10**4))) or ()) < 10**4


def test_steps_stand_in_the_order_of_the_door() -> None:
    assert list(ordered_steps(dict.fromkeys(sorted(STEPS), 1.0))) == list(STEPS)
    assert ordered_steps({"generate": 2.0}) == {"generate": 2.0}


def test_small_words() -> None:
    assert [ms_text(None), ms_text(0.04), ms_text(1234.5)] == ["–", "0.0 ms", "1,234 ms"]
    assert [count_text(0, "turn"), count_text(1, "turn"), count_text(2000, "turn")] == [
        "0 turns",
        "1 turn",
        "2,000 turns",
    ]
    assert short_digest("sha256:" + "a" * 64) == "sha256:aaaaaaaaaaaa…"
    assert short_digest("sha256:v") == "sha256:v"


def test_each_time_names_the_entry_that_it_comes_from_and_what_was_not_measured_is_left_out() -> None:
    refused = replace(FACT, entry=9, first_release_ms=None, generate_ms=None, total_ms=5.0, governance_ms=4.0)
    answered = replace(FACT, entry=8, first_release_ms=1.0, generate_ms=2.0, total_ms=3.0, governance_ms=0.5)
    assert times_of([refused, answered]) == {
        "Time to first text": [(8, 1.0)],
        "Whole turn": [(9, 5.0), (8, 3.0)],
        "Checks": [(9, 4.0), (8, 0.5)],
        "Generation": [(8, 2.0)],
    }
