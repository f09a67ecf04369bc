"""What a decision of a policy costs, and whether broken policies are refused: `python -m benchmarks.policies`.

The decisions are those of the policies that ship; AGT decided in 0.145 ms at the 95th percentile and let three of three
policies with a typing error pass.
"""

import itertools
import statistics
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from benchmarks.machine import describe_machine
from benchmarks.rails import clocked
from benchmarks.suites import ACTOR, AGENT
from governance.errors import PolicyError
from governance.policy import Policy, load_policy, shipped_places, vocabulary_of
from governance.policy.condition import Vocabulary
from governance.schema import AgentView, Finding

POLICIES = Path(__file__).resolve().parents[1] / "data" / "policies"
GOAL_MS = 0.2
N = 4000
SOUND = """id: house
title: House
description: Rules of the house.
rules:
  - id: one
    when: finding.rail == "pii" && finding.category in ["email"]
    then: block
    severity: high
    message: No.
    legal_basis: [House rule 1]
"""
BROKEN = {
    "an unknown field: finding.typ": ("finding.category", "finding.typ"),
    "a list that is not closed": ('["email"]', '["email"'),
    "a misspelt heading: rulez": ("rules:", "rulez:"),
    "no rule at all": (SOUND[SOUND.index("  - id") :], "  []\n"),
    "an action that does not exist: drop": ("then: block", "then: drop"),
    "a category that no rail reports": ('"email"', '"emial"'),
    "a rule that can never hold": ('in ["email"]', '== "email" && finding.score > 1.5'),
    "a comparison of number and text": ('in ["email"]', '== "email" && finding.score > "high"'),
    "a field that no rule has": ("severity: high", "severity: high\n    priority: 1"),
}


def main() -> None:
    """Print the cost of decisions, then what became of each broken policy."""
    print(describe_machine())
    vocabulary = vocabulary_of(shipped_places())
    policy = load_policy(POLICIES, vocabulary=vocabulary)
    words = [(rail, category) for rail, names in sorted(vocabulary.items()) for category in sorted(names)]
    print(f"{'decision (ms)':44}{'n':>6}{'p50':>9}{'p95':>9}{'cpu p95':>9}   goal p95 <= {GOAL_MS}")
    show("10 findings", policy, itertools.repeat([Finding("pii", "email", i / 10, i, i + 1) for i in range(10)]))
    fresh = (Finding(*word, i / (10 * N), 0, 1) for i, word in enumerate(itertools.cycle(words)))
    unseen = iter(lambda: list(itertools.islice(fresh, 10)), [])
    show("10 findings with scores never seen, maximum", policy, unseen, agent=replace(AGENT, level="maximum"))
    refused = [is_refused(name, SOUND.replace(*change, 1), vocabulary) for name, change in BROKEN.items()]
    print(f"refused {sum(refused)} of {len(refused)}; the sound one: ", end="")
    print("refused" if is_refused("", SOUND, vocabulary) else "loads")


def show(name: str, policy: Policy, findings: Iterator[list[Finding]], *, agent: AgentView = AGENT) -> None:
    """Print the times of decisions, by the clock and of the processor."""
    decide = partial(policy.decide, stage="output", agent=agent, actor=ACTOR)
    taken = [clocked(partial(decide, found)) for found in itertools.islice(findings, N)]
    wall, cpu = (statistics.quantiles(times, n=20) for times in zip(*taken, strict=True))
    print(f"{name:44}{N:>6}{wall[9]:>9.3f}{wall[18]:>9.3f}{cpu[18]:>9.3f}")


def is_refused(name: str, rules: str, vocabulary: Vocabulary) -> bool:
    """Say whether a policy with this document is refused when it loads."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "house.yaml").write_text(rules, encoding="utf-8")
        try:
            load_policy(Path(folder), vocabulary=vocabulary)
        except PolicyError as exc:
            if name:
                print(f"{name:44}refused: {str(exc)[:100]}")
            return True
    if name:
        print(f"{name:44}LOADS")
    return False


if __name__ == "__main__":
    main()
