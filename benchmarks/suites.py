"""What the checks alone make of the suites that ship, per category: `python -m benchmarks.suites [SUITE ...]`.

No model runs: questions pass the input check, given answers the gate, given passages the check of evidence, at the
level `standard` unless another is chosen. One author wrote suites and rules, so the rates flatter.
"""

import argparse
from dataclasses import replace
from datetime import UTC, datetime

from benchmarks.machine import describe_machine
from core.config import load_settings
from governance.evaluate.suites import known_suites, load_suite
from governance.evaluate.suites_asking import Evaluator, build_rails_evaluator
from governance.evaluate.suites_judging import JudgedRow, judge_all, summarise
from governance.schema import LEVELS, Actor, AgentView
from governance.wiring import build_governance

NOW = datetime(2026, 1, 1, tzinfo=UTC)
AGENT = AgentView("a", "o", "Agent", "Answers questions.", "starter", None, "standard", "balanced", (), NOW, NOW)
ACTOR = Actor("u", "u", "builder")


def main() -> None:
    """Print right / n with its 95 % interval for each category."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suites", nargs="*", default=known_suites(), metavar="SUITE")
    parser.add_argument("--level", choices=LEVELS, default="standard")
    arguments = parser.parse_args()
    governance = build_governance(load_settings(rail_deadline_s=60))
    evaluator = build_rails_evaluator(governance, actor=ACTOR, agent=replace(AGENT, level=arguments.level))
    print(f"{describe_machine()}, level {arguments.level}")
    for name in arguments.suites:
        for figure in summarise(_judged(name, evaluator)):
            rate = "not measured"
            if figure.rate is not None and figure.low is not None and figure.high is not None:
                rate = f"{figure.rate:6.1%} ({figure.low:.1%} to {figure.high:.1%})"
            print(f"{name:14}{figure.category:22}{figure.right:4} / {figure.n:<4}{rate}")


def _judged(name: str, evaluator: Evaluator) -> list[JudgedRow]:
    return list(judge_all((row, evaluator.ask(row)) for row in load_suite(name).rows))


if __name__ == "__main__":
    main()
