"""Tests for what the reader of plans learns from."""

from core.tables.frame import build_frame
from core.training.plans_run import ORDERS, groups_of, rank
from core.training.tables_data import TableQuestion

FRAME = build_frame(
    "Races",
    ["Year", "Driver", "Team", "Points"],
    [["1990", "Ann Lee", "Red", "12"], ["1991", "Bo Ray", "Blue", "9"], ["1992", "Cy Fox", "Red", "20"]],
)


def ask(text: str, *answer: str) -> TableQuestion:
    return TableQuestion("q", text, FRAME, answer, "learn")


def test_right_answers_are_gold_wherever_they_stand() -> None:
    (ranked,) = rank([ask("which driver had the most points", "Cy Fox")], {})
    groups = groups_of([ranked], seed=0)
    assert len(groups) == ORDERS
    readings = [group.readings[0] for group in groups]
    assert {reading.heading for reading in readings} == {"Races: Year, Driver, Team, Points"}
    assert len({reading.sentences for reading in readings}) > 1
    for reading in readings:
        assert [s for n, s in enumerate(reading.sentences) if n in reading.gold] == [
            s for s in reading.sentences if s.endswith(": Cy Fox.")
        ]
        assert len(reading.gold) == 1


def test_of_questions_without_a_right_answer_a_share_is_learnt_from() -> None:
    (ranked,) = rank([ask("which driver had the most points", "Nobody")], {})
    groups = groups_of([ranked] * 20, seed=0)
    assert 0.3 * 20 * ORDERS < len(groups) < 0.7 * 20 * ORDERS
    assert {group.readings[0].gold for group in groups} == {()}


def test_a_question_that_no_plan_answers_is_left_out() -> None:
    empty = build_frame("None", ["Name"], [])
    assert list(rank([TableQuestion("q", "who won?", empty, ("A",), "learn")], {})) == []
