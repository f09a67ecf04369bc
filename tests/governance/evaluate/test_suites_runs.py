"""Runs of suites that were kept: on the scorecard, as tables, compared, and refused where they are damaged."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.store.database import Store
from governance.errors import InputError
from governance.evaluate.suites_asking import build_rails_evaluator
from governance.evaluate.suites_runner import FINISHED
from governance.evaluate.suites_runs import compare_runs, find_run, load_run, read_run
from governance.metrics import MetricsCollector
from governance.scorecard import wilson
from tests.governance.evaluate.asking import BEA, ROWS, opened, run, stopping_after, suite_of


def test_the_latest_run_of_a_suite_stands_on_the_scorecard_of_its_agent(store: Store, tmp_path: Path) -> None:
    door, evaluator = opened(store)
    run(door, evaluator, tmp_path, suite=suite_of(*ROWS[:2]))
    run(door, evaluator, tmp_path, run_id="mine-2")
    rails = build_rails_evaluator(door.native_llm._governance, actor=BEA, agent=evaluator.agent)
    run(door, rails, tmp_path, suite=suite_of(ROWS[0]), run_id="mine-3")
    metrics = MetricsCollector(door.ledger, clock=lambda: datetime.now(UTC))
    whole, alone = metrics.scorecard(agent_id=evaluator.agent.id).suites
    last = door.ledger.entries(kinds=[FINISHED])
    assert (whole.name, whole.value, whole.n, whole.entries) == ("mine", 0.5, 8, (last[1].index,))
    assert (whole.low, whole.high) == wilson(4, 8)
    assert (alone.name, alone.value, alone.n, alone.entries) == ("mine (checks)", 1.0, 1, (last[2].index,))
    assert not whole.of_turns
    assert metrics.scorecard(agent_id=door.agent(BEA, name="Other").id).suites == metrics.scorecard().suites == ()


def test_a_run_is_a_table_for_notebooks(store: Store, tmp_path: Path) -> None:
    door, evaluator = opened(store)
    run(door, evaluator, tmp_path)
    table = load_run(tmp_path / "mine-1.jsonl")
    assert list(table["id"]) == [each["id"] for each in ROWS]
    assert table.groupby("category")["right"].mean().to_dict() == {
        "alike": 0.5,
        "answer": 0.5,
        "no-leak": 0.5,
        "refuse": 0.5,
    }
    assert table.attrs["agent_id"] == evaluator.agent.id


def test_only_finished_runs_of_one_suite_are_compared(store: Store, tmp_path: Path) -> None:
    door, evaluator = opened(store)
    first = run(door, evaluator, tmp_path)
    rails = build_rails_evaluator(door.native_llm._governance, actor=BEA, agent=evaluator.agent)
    second = run(door, rails, tmp_path, run_id="mine-2")
    figures = compare_runs(first, second)
    assert [(each.category, each.n, each.only_first, each.only_second) for each in figures][-1] == ("all", 8, 0, 0)
    other = run(door, rails, tmp_path, suite=suite_of(*ROWS[:2]), run_id="mine-3")
    with pytest.raises(InputError, match="Only runs of one suite can be compared"):
        compare_runs(first, other)
    with pytest.raises(InputError, match="Name two runs"):
        compare_runs(first, first)
    with pytest.raises(KeyboardInterrupt):
        run(door, rails, tmp_path, run_id="mine-4", progress=stopping_after(3))
    with pytest.raises(InputError, match=r"holds 3 of 10 rows\. Finish it with --resume"):
        compare_runs(first, read_run(tmp_path / "mine-4.jsonl"))


def test_a_damaged_run_is_refused_with_its_line(store: Store, tmp_path: Path) -> None:
    door, evaluator = opened(store)
    run(door, evaluator, tmp_path)
    path = tmp_path / "mine-1.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    for damaged, problem in (
        ([lines[0], "{\n", *lines[2:]], "damaged, line 2"),
        ([lines[0].replace('"mode"', '"mood"'), *lines[1:]], "damaged, line 1: mode: Field required"),
        ([*lines[:3], lines[2]], "damaged, line 4: rows stand there twice"),
        ([lines[0][:20]], "holds no run"),
    ):
        path.write_text("".join(damaged))
        with pytest.raises(InputError, match=problem):
            read_run(path)
    path.write_text("".join([lines[0], lines[2]]))
    with pytest.raises(InputError, match="damaged, line 2: expected 'bomb'"):
        run(door, evaluator, tmp_path, resume=True)
    with pytest.raises(InputError, match="can't be read"):
        load_run(tmp_path / "none.jsonl")
    with pytest.raises(InputError, match=r"no run 'mine-9'. Latest runs: mine-1\."):
        find_run(tmp_path, "mine-9")
    assert find_run(tmp_path, "mine-1") == path
