"""Runs a suite: asks its rows in batches, keeps each judged row durably, and records the end in the ledger.

Rows of a batch whose lines a kill cut off are asked again: that they were asked once already is seen only in the
ledger's turns.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from governance.errors import InputError
from governance.evaluate.suites import Suite, SuiteRow
from governance.evaluate.suites_asking import Evaluator, Reply
from governance.evaluate.suites_judging import JudgedRow, judge_all, summarise
from governance.evaluate.suites_runs import (
    Run,
    RunHeader,
    append_line,
    begun,
    continued,
    cut_to_complete_lines,
    read_run,
    write_summary,
)
from governance.identity import require
from governance.ledger import Ledger
from governance.ledger.entries import format_time
from governance.schema import Resource
from governance.suite_scores import FINISHED


def run_suite(
    suite: Suite,
    evaluator: Evaluator,
    *,
    folder: Path,
    ledger: Ledger,
    clock: Callable[[], datetime],
    run_id: str,
    resume: bool = False,
    at_once: int = 1,
    progress: Callable[[int], None] = lambda _: None,
) -> Run:
    """Ask every row that was not asked yet, in order, and record the end in the ledger.

    Args:
        suite: What to ask.
        evaluator: Whom to ask, and how.
        folder: Where runs are kept.
        ledger: Gets the entry `evaluation.finished`, once per run.
        clock: Says when the run began.
        run_id: The name of a new run, or of the one to go on with.
        resume: Go on with a run instead of beginning one.
        at_once: Rows of a batch, which are asked at the same time.
        progress: Is told how many rows are done.

    Raises:
        AccessDenied: The actor may not evaluate.
        InputError: The run is unknown, damaged, in use, or of another suite or other conditions.
        LedgerError: A turn or the end can't be recorded; `resume` tries again.
    """
    agent, actor = evaluator.agent, evaluator.actor
    require(actor, "evaluate.run", Resource("agent", agent.id, agent.owner_id))
    header = RunHeader(
        run_id=run_id,
        suite=suite.name,
        suite_digest=suite.digest(),
        rows=len(suite.rows),
        mode=evaluator.mode,
        agent_id=agent.id,
        started_at=format_time(clock()),
        conditions=evaluator.conditions,
    )
    path = folder / f"{run_id}.jsonl"
    with continued(path) if resume else begun(path, header) as file:
        run = cut_to_complete_lines(file, path)
        _check_goes_on(run, header, suite)
        _ask_the_rest(suite, evaluator, file, run.rows, at_once, progress)
        finished = read_run(path)
        write_summary(finished, path.with_suffix(".json"))
        _record(finished, ledger, actor_id=actor.id)
    return finished


def _check_goes_on(run: Run, header: RunHeader, suite: Suite) -> None:
    found, wanted = run.header.model_dump(), header.model_dump()
    names = ("run_id", "suite_digest", "rows", "mode", "agent_id")
    changed = [name for name in names if found[name] != wanted[name]]
    before, now = run.header.conditions, header.conditions
    changed += [name for name in sorted(before.keys() | now.keys()) if before.get(name) != now.get(name)]
    if changed:
        raise InputError(
            f"The run {run.header.run_id} can't go on, since this differs now: {', '.join(changed)}. Rows asked under "
            "other conditions can't stand in one run. Put them back, or begin a new run."
        )
    for number, (row, asked) in enumerate(zip(run.rows, suite.rows, strict=False), start=2):
        if row.id != asked.id:
            raise InputError(f"The run {run.header.run_id} is damaged, line {number}: expected {asked.id!r}.")


def _ask_the_rest(
    suite: Suite,
    evaluator: Evaluator,
    file: BinaryIO,
    done: Sequence[JudgedRow],
    at_once: int,
    progress: Callable[[int], None],
) -> None:
    progress(len(done))
    asked = _asked(evaluator, suite.rows[len(done) :], at_once)
    for count, judged in enumerate(judge_all(asked, done=done), start=len(done) + 1):
        append_line(file, judged)
        progress(count)


def _asked(evaluator: Evaluator, rows: Sequence[SuiteRow], at_once: int) -> Iterator[tuple[SuiteRow, Reply]]:
    """Yield rows with their replies in order; a batch is asked whole before the next one begins."""
    with ThreadPoolExecutor(at_once) as pool:
        for start in range(0, len(rows), at_once):
            batch = rows[start : start + at_once]
            yield from zip(batch, pool.map(evaluator.ask, batch), strict=True)


def _record(run: Run, ledger: Ledger, *, actor_id: str) -> None:
    """Seal the end of a run, unless it is sealed already."""
    header = run.header
    sealed = ledger.entries(kinds=[FINISHED], agent_id=header.agent_id)
    if any(entry.body.get("run_id") == header.run_id for entry in sealed):
        return
    body = header.model_dump(exclude={"agent_id"}) | {
        "run_digest": run.digest,
        "figures": [asdict(each) for each in summarise(run.rows)],
    }
    ledger.append(FINISHED, body, agent_id=header.agent_id, actor_id=actor_id)
