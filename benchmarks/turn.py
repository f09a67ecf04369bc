"""A whole turn on the bundled model: milliseconds by stage, governance's share, first text, tokens per second.

Asks the starter questions of every kind that needs an answer. Governance is authorise, input rails, intent, retrieval
rails, release and outcome: everything but retrieving and generating.
"""

import json
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.machine import describe_machine
from core.config import load_settings
from core.schema import Message
from governance.schema import Actor, TurnClosed
from governance.scorecard import percentile
from governance.seed import DATASETS, seed
from governance.wiring import DATA, Workbench, open_workbench

QUESTIONS = 40
GOAL_GOVERNANCE_MS = 30.0


def main() -> None:
    """Run the turns and print the table."""
    with tempfile.TemporaryDirectory() as folder:
        workbench = open_workbench(load_settings(home=Path(folder)))
        seed(workbench)
        records = [_ask(workbench, question) for question in _questions()]
        workbench.close()
    _print(records[1:])  # the first one warms up


def _questions() -> list[str]:
    lines = (DATA / "questions" / "starter.jsonl").read_text().splitlines()
    asked = [json.loads(line) for line in lines]
    return [each["question"] for each in asked if each["kind"] in ("direct", "table")][: QUESTIONS + 1]


def _ask(workbench: Workbench, question: str) -> dict[str, object]:
    user = workbench.records.identity.list_users()[0]
    actor = Actor(id=user.id, name=user.name, role=user.role)
    agent = workbench.records.agents.list()[0]
    turn = workbench.native_llm.chat(actor, agent, [Message("user", question)])
    return next(event.record for event in turn if isinstance(event, TurnClosed))


def _print(records: list[dict[str, object]]) -> None:
    table = Table("Stage", "p50 ms", "p95 ms", title=f"{len(records)} turns, {DATASETS.name}\n{describe_machine()}")
    stages = list(records[0]["stage_ms"])  # type: ignore[call-overload]
    for stage in stages:
        _row(table, stage, [r["stage_ms"].get(stage, 0.0) for r in records])  # type: ignore[attr-defined]
    checks = set(stages) - {"retrieve", "generate"}
    governance = [sum(r["stage_ms"].get(s, 0.0) for s in checks) for r in records]  # type: ignore[attr-defined]
    totals = [float(r["total_ms"]) for r in records]  # type: ignore[arg-type]
    _row(table, f"governance (goal p95 <= {GOAL_GOVERNANCE_MS:.0f})", governance)
    _row(table, "turn", totals)
    _row(table, "first text", [r["first_release_ms"] for r in records if r["first_release_ms"]])  # type: ignore[misc]
    console = Console()
    console.print(table)
    console.print(f"Governance is {sum(governance) / sum(totals):.1%} of the turn.")
    tokens = sum(r["output_tokens"] or 0 for r in records)  # type: ignore[misc]
    seconds = sum(r["stage_ms"].get("generate", 0.0) for r in records) / 1000  # type: ignore[attr-defined]
    console.print(f"{tokens / seconds:.0f} tokens/s over {tokens} tokens, prompt reading included.")


def _row(table: Table, name: str, values: list[float]) -> None:
    table.add_row(name, f"{percentile(values, 0.5) or 0:.2f}", f"{percentile(values, 0.95) or 0:.2f}")


if __name__ == "__main__":
    main()
