"""A whole turn on the bundled model: milliseconds by stage, governance's share, first text, tokens per second.

Asks starter questions, each of the shipped agent that has its dataset. Governance is everything but retrieving and
generating: authorise, input rails, intent, retrieval rails, release, outcome.
"""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.machine import describe_machine
from core.config import load_settings
from core.schema import Message
from governance.native_llm import STEPS
from governance.schema import Actor, AgentView, StageDone, TurnClosed
from governance.scorecard import percentile
from governance.seed import seed
from governance.wiring import DATA, Workbench, open_workbench

QUESTIONS = 60
GOAL_GOVERNANCE_MS = 30.0
NOT_GOVERNANCE = ("retrieve", "generate")


@dataclass(frozen=True, slots=True)
class Timed:
    """One turn: milliseconds by step, and its record."""

    steps: dict[str, float]
    record: dict[str, object]

    def governance(self) -> float:
        """Return the milliseconds of all checks and records."""
        return sum(ms for name, ms in self.steps.items() if name not in NOT_GOVERNANCE)


def main() -> None:
    """Run the turns and print the table."""
    with tempfile.TemporaryDirectory() as folder:
        workbench = open_workbench(load_settings(home=Path(folder)))
        seed(workbench)
        user = workbench.records.identity.list_users()[0]
        actor = Actor(id=user.id, name=user.name, role=user.role)
        timed = [_ask(workbench, actor, agent, question) for agent, question in _questions(workbench)]
        workbench.close()
    _print([each for each in timed[1:] if each.record["outcome"] == "answered"])  # the first one warms up


def _questions(workbench: Workbench) -> list[tuple[AgentView, str]]:
    agents = workbench.records.agents.list()
    asked = [json.loads(line) for line in (DATA / "questions" / "starter.jsonl").read_text().splitlines()]
    pairs = [
        (agent, each["question"])
        for each in asked
        if each["kind"] in ("direct", "table")
        for agent in agents
        if set(each["dataset_ids"]) & set(agent.dataset_ids)
    ]
    return pairs[:QUESTIONS]


def _ask(workbench: Workbench, actor: Actor, agent: AgentView, question: str) -> Timed:
    steps: dict[str, float] = {}
    record: dict[str, object] = {}
    for event in workbench.native_llm.chat(actor, agent, [Message("user", question)]):
        if isinstance(event, StageDone):
            steps[event.name] = event.ms
        elif isinstance(event, TurnClosed):
            record = event.record
    return Timed(steps, record)


def _print(timed: list[Timed]) -> None:
    table = Table("Stage", "p50 ms", "p95 ms", title=f"{len(timed)} answered turns\n{describe_machine()}")
    for step in STEPS:
        _row(table, step, [each.steps.get(step, 0.0) for each in timed])
    governance = [each.governance() for each in timed]
    whole = [sum(each.steps.values()) for each in timed]
    _row(table, f"governance (goal p95 <= {GOAL_GOVERNANCE_MS:.0f})", governance)
    _row(table, "turn", whole)
    _row(table, "first text", [float(str(each.record["first_release_ms"])) for each in timed])
    console = Console()
    console.print(table)
    tokens = sum(int(str(each.record["output_tokens"])) for each in timed)
    seconds = sum(each.steps["generate"] for each in timed) / 1000
    console.print(f"Governance is {sum(governance) / sum(whole):.1%} of the turn.")
    console.print(f"{tokens / seconds:.0f} tokens/s over {tokens} tokens, prompt reading included.")


def _row(table: Table, name: str, values: list[float]) -> None:
    table.add_row(name, f"{percentile(values, 0.5) or 0:.2f}", f"{percentile(values, 0.95) or 0:.2f}")


if __name__ == "__main__":
    main()
