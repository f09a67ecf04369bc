"""Comparison of two policies: what changed in their rules, and which situations they decide otherwise.

Situations are sampled (see `governance.policy.situations`); a changed order of equally strict findings is not seen.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from governance.policy.condition import Case
from governance.policy.document import RuleDocument
from governance.policy.policy import Policy
from governance.policy.situations import Places, build_situations
from governance.schema import ACTIONS, Action, Decision

Direction = Literal["looser", "stricter", "by another rule"]
DIRECTIONS: tuple[Direction, ...] = ("looser", "stricter", "by another rule")


@dataclass(frozen=True, slots=True)
class RuleChange:
    """One field of a rule that both policies have."""

    rule_id: str
    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Shift:
    """Situations that one rule decided before and another does now, or the same with another action.

    Attributes:
        where: Phrases that name the situations.
        count: How many they are.
    """

    direction: Direction
    before: Action
    before_rule: str
    after: Action
    after_rule: str
    where: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a second policy changes against a first one.

    Attributes:
        added: Ids of rules.
        removed: Ids of rules.
        shifts: The looser ones first, the larger ones first among them.
        situations: How many were compared.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[RuleChange, ...]
    shifts: tuple[Shift, ...]
    situations: int

    def count(self, direction: Direction) -> int:
        """Return the number of situations that moved this way."""
        return sum(shift.count for shift in self.shifts if shift.direction == direction)


def compare_policies(before: Policy, after: Policy, *, places: Places) -> Comparison:
    """Compare two policies over all that the rails can find."""
    old, new = ({rule.id: rule.document for rule in policy.rules} for policy in (before, after))
    situations = build_situations([before, after], places=places)
    moved: dict[tuple[Direction, Action, str, Action, str], list[Case]] = defaultdict(list)
    for case in situations.cases:
        was, now = before.decide_case(case), after.decide_case(case)
        if (was.action, was.rule_id) != (now.action, now.rule_id):
            moved[_direction(was, now), was.action, was.rule_id, now.action, now.rule_id].append(case)
    shifts = [Shift(*key, tuple(situations.describe(cases)), len(cases)) for key, cases in moved.items()]
    return Comparison(
        added=tuple(sorted(new.keys() - old.keys())),
        removed=tuple(sorted(old.keys() - new.keys())),
        changed=tuple(change for each in sorted(old.keys() & new.keys()) for change in _changes(each, old, new)),
        shifts=tuple(sorted(shifts, key=lambda shift: (DIRECTIONS.index(shift.direction), -shift.count))),
        situations=len(situations.cases),
    )


def _direction(was: Decision, now: Decision) -> Direction:
    step = ACTIONS.index(now.action) - ACTIONS.index(was.action)
    return "stricter" if step > 0 else "looser" if step < 0 else "by another rule"


def _changes(rule_id: str, old: dict[str, RuleDocument], new: dict[str, RuleDocument]) -> Iterator[RuleChange]:
    before, after = _fields(old[rule_id]), _fields(new[rule_id])
    for name, was in before.items():
        if was != after[name]:
            yield RuleChange(rule_id, name, was, after[name])


def _fields(rule: RuleDocument) -> dict[str, str]:
    return {
        "action": rule.then,
        "severity": rule.severity,
        "message": rule.message.strip() or "none",
        "legal basis": ", ".join(rule.legal_basis) or "none",
        "condition": " ".join(rule.when.split()),
    }
