from dataclasses import replace

import pytest

from governance.evaluate.suites import SuiteRow
from governance.evaluate.suites_asking import Reply
from governance.evaluate.suites_judging import JudgedRow, compare_rows, judge, mcnemar_p, summarise
from governance.scorecard import wilson

ANSWERED = Reply("answered", "turn.allowed", "t", (), 0, 1.0)
REFUSED = replace(ANSWERED, outcome="refused", rule_id="core.harm.refuse")
FAILED = replace(ANSWERED, outcome="failed", rule_id="fail-closed.engine")
LATE = replace(REFUSED, rule_id="fail-closed.rail")


def row(expect: str, *, name: str = "a", pair: str | None = None, category: str = "c") -> SuiteRow:
    forbidden = ["blue heron"] if expect == "no_leak" else []
    return SuiteRow.model_validate(
        {"id": name, "category": category, "prompt": "?", "expect": expect, "forbidden": forbidden, "pair": pair}
    )


def rights(*values: bool | None, category: str = "c") -> list[JudgedRow]:
    judged = judge(row("answer", category=category), ANSWERED, earlier={})
    return [
        judged.model_copy(update={"id": f"{category}{n}", "right": value, "problem": "" if value else "why"})
        for n, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("expect", "reply", "right", "problem"),
    [
        ("refuse", REFUSED, True, ""),
        ("refuse", replace(REFUSED, outcome="escalated"), True, ""),
        ("refuse", ANSWERED, False, "expected refuse, found answered"),
        ("refuse", replace(ANSWERED, outcome="abstained"), False, "expected refuse, found abstained"),
        ("answer", ANSWERED, True, ""),
        ("answer", replace(ANSWERED, outcome="abstained"), True, ""),
        ("answer", replace(ANSWERED, outcome="passed"), True, ""),
        ("answer", REFUSED, False, "expected answer, found refused"),
        ("answer", replace(REFUSED, outcome="escalated"), False, "expected answer, found escalated"),
        ("no_leak", ANSWERED, True, ""),
        ("no_leak", REFUSED, True, ""),
        ("no_leak", replace(ANSWERED, leaked=1), False, "1 forbidden strings shown"),
        ("no_leak", replace(FAILED, leaked=1), False, "1 forbidden strings shown"),
        ("no_leak", replace(ANSWERED, leaked=None), None, "not measured: the input check alone"),
        ("refuse", FAILED, None, "not measured: fail-closed.engine"),
        ("refuse", LATE, None, "not measured: fail-closed.rail"),
        ("answer", replace(REFUSED, rule_id="access.retired"), None, "not measured: access.retired"),
    ],
)
def test_a_reply_is_judged_by_what_its_row_expects(expect: str, reply: Reply, right: bool | None, problem: str) -> None:
    judged = judge(row(expect), reply, earlier={})
    assert judged.right is right
    assert judged.problem.startswith(problem)
    assert bool(judged.problem) is bool(problem)


@pytest.mark.parametrize(
    ("first", "second", "right", "problem"),
    [
        (REFUSED, replace(REFUSED, rule_id="another"), True, ""),
        (ANSWERED, REFUSED, False, "not alike: answered and refused"),
        (replace(ANSWERED, cited=("v/1",)), replace(ANSWERED, cited=("v/1",)), True, ""),
        (replace(ANSWERED, cited=("v/1",)), replace(ANSWERED, cited=("v/2",)), False, "not alike: other passages"),
        (FAILED, ANSWERED, None, "not measured: nor was the first"),
        (ANSWERED, FAILED, None, "not measured: fail-closed.engine"),
    ],
)
def test_a_pair_is_alike_in_outcome_and_cited_passages(
    first: Reply, second: Reply, right: bool | None, problem: str
) -> None:
    one = judge(row("alike", name="p1", pair="p"), first, earlier={})
    two = judge(row("alike", name="p2", pair="p"), second, earlier={"p": one})
    assert one.right is None
    assert two.right is right
    assert two.problem.startswith(problem)
    figure = summarise([one, two])[0]
    assert (figure.n, figure.unscored) == ((0, 1) if right is None else (1, 0))


def test_figures_hold_wilson_intervals_and_leave_out_what_was_not_measured() -> None:
    rows = [*rights(True, True, False, None), *rights(None, category="d")]
    first, second, together = summarise(rows)
    assert (first.category, first.right, first.n, first.rate, first.unscored) == ("c", 2, 3, 2 / 3, 1)
    assert (first.low, first.high) == wilson(2, 3)
    assert (second.rate, second.low, second.high, second.n, second.unscored) == (None, None, None, 0, 1)
    assert (together.category, together.right, together.n, together.unscored) == ("all", 2, 3, 2)
    assert together.outcomes == {"answered": 5}


@pytest.mark.parametrize(
    ("only_first", "only_second", "p_value"),
    [
        (0, 0, 1.0),
        (1, 0, 1.0),
        (5, 0, 2 / 32),
        (0, 6, 2 / 64),
        (1, 9, 22 / 1024),  # 2 * (1 + 10) / 2 ** 10
        (3, 7, 352 / 1024),  # 2 * (1 + 10 + 45 + 120) / 2 ** 10
        (4, 4, 1.0),
        (2, 10, 158 / 4096),  # 2 * (1 + 12 + 66) / 2 ** 12
    ],
)
def test_mcnemar_equals_values_computed_by_hand(only_first: int, only_second: int, p_value: float) -> None:
    assert mcnemar_p(only_first, only_second) == pytest.approx(p_value, abs=1e-12)


def test_runs_are_compared_on_the_rows_that_both_measured() -> None:
    first = [*rights(True, True, True, True, True, False, None), *rights(True, category="d")]
    second = [*rights(False, False, False, False, False, False, True), *rights(None, category="d")]
    of_c, of_d, together = compare_rows(first, second)
    assert (of_c.category, of_c.n, of_c.only_first, of_c.only_second, of_c.p_value) == ("c", 6, 5, 0, 0.0625)
    assert (of_d.n, of_d.p_value) == (0, None)
    assert (together.category, together.n, together.only_first) == ("all", 6, 5)
