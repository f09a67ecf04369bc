import math

import numpy as np
import pytest

from core.tables.candidates import Candidate
from core.tables.evaluate import evaluate
from core.tables.frame import build_frame
from core.tables.plan import Plan
from core.tables.question import Question, find_mentions
from core.tables.reading import Reading
from core.training.tables_data import is_one_operation, is_right
from core.training.tables_fit import Rows, TablesRecipe, choose_least, fit_logistic, fit_plans

FRAME = build_frame("T", ["Name", "Height", "Weight"], [["Ann", "3", "40"], ["Bo", "2", "50"]])


@pytest.mark.parametrize(
    ("values", "answer", "right"),
    [
        (("1,200",), ("1200",), True),
        ((1200.0,), ("1,200",), True),
        (("Zoë (actress)[2]",), ("zoe",), True),
        (("A", "B"), ("B", "A"), True),
        (("A",), ("A", "B"), False),
        ((3.0,), ("4",), False),
        ((), (), True),
    ],
)
def test_answers_are_compared_as_numbers_or_as_text(
    values: tuple[str | float, ...], answer: tuple[str, ...], right: bool
) -> None:
    assert is_right(values, answer) is right


@pytest.mark.parametrize(
    ("plan", "near"),
    [(Plan("top", "Name", "Height"), True), (Plan("top", "Name", "Weight"), False), (Plan("count"), True)],
    ids=["named", "not named", "no column"],
)
def test_plan_is_near_when_the_question_names_what_it_orders_by(plan: Plan, near: bool) -> None:
    question = Question("who has the most height")
    outcome = evaluate(plan, FRAME)
    assert outcome is not None
    reading = Reading(question, FRAME, tuple(find_mentions(question, FRAME)))
    assert is_one_operation(Candidate(plan, outcome), reading) is near


def test_plans_that_yield_the_answer_become_likely() -> None:
    rows = Rows(
        names=["good", "bad"],
        entries=np.array([0, 1, 1, 0], dtype=np.int32),
        values=np.ones(4, dtype=np.float32),
        starts=np.arange(5),
        first=np.array([0, 2, 4]),
        right=np.array([1.0, 0.0, 0.0, 1.0]),
        steps=[],
    )
    weights = fit_plans(rows, TablesRecipe())
    assert weights["good"] > 1
    assert weights["bad"] < -1


def test_sureness_lets_no_more_wrong_answers_through_than_allowed() -> None:
    answers = [(0.5, True), (0.9, True), (0.8, False), (0.7, True), (0.6, False)]
    assert choose_least(answers, most_wrong=1) == 0.7
    assert choose_least(answers, most_wrong=2) == 0.5
    assert choose_least(answers, most_wrong=0) == 0.9


def test_without_an_answer_nothing_is_sure_enough() -> None:
    assert choose_least([(0.9, False)], most_wrong=0) == math.inf


def test_yes_and_no_are_told_apart_by_what_many_rows_have() -> None:
    rows = [({"one": 1.0, "both": 1.0}, False), ({"one": 1.0, "most": 1.0}, True)] * 5 + [({"rare": 1.0}, True)]
    weights = fit_logistic(rows, decay=1e-3, seen=2)
    assert weights["most"] > 1
    assert weights["both"] < -1
    assert "rare" not in weights
