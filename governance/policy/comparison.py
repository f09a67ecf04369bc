"""Comparison of two policies: what changed in their rules, and which situations they decide otherwise.

Situations are sampled (see `governance.policy.situations`); a changed order of equally strict findings is not seen.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from governance.errors import PolicyError
from governance.policy.condition import Case, Condition
from governance.policy.document import RuleDocument
from governance.policy.policy import RAIL_FAILED, Policy
from governance.policy.situations import Places, build_situations
from governance.schema import ACTIONS, LEVELS, Action, Decision

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
    for case in _touched(before, after, situations.cases):
        was, now = before.decide_case(case), after.decide_case(case)
        if (was.action, was.rule_id) != (now.action, now.rule_id):
            moved[_direction(was, now), was.action, was.rule_id, now.action, now.rule_id].append(case)
    shifts = [Shift(*key, tuple(situations.describe(cases)), len(cases)) for key, cases in moved.items()]
    shifts += _late_shifts(before, after)
    return Comparison(
        added=tuple(sorted(new.keys() - old.keys())),
        removed=tuple(sorted(old.keys() - new.keys())),
        changed=tuple(change for each in sorted(old.keys() & new.keys()) for change in _changes(each, old, new)),
        shifts=tuple(sorted(shifts, key=lambda shift: (DIRECTIONS.index(shift.direction), -shift.count))),
        situations=len(situations.cases),
    )


def _late_shifts(before: Policy, after: Policy) -> Iterator[Shift]:
    """Yield a shift for each rail and level of which only one policy lets it be late."""
    for level in LEVELS:
        was, now = before.listed_as_late(level), after.listed_as_late(level)
        for rail in sorted(now - was):
            yield Shift("looser", "block", RAIL_FAILED, "allow", "late", (f"{rail} is late, {level}",), 1)
        for rail in sorted(was - now):
            yield Shift("stricter", "allow", "late", "block", RAIL_FAILED, (f"{rail} is late, {level}",), 1)


def _touched(before: Policy, after: Policy, cases: Sequence[Case]) -> Sequence[Case]:
    """Return the cases in which a rule holds that the policies do not share: nothing else can be decided otherwise.

    A rule that holds at a level decides at every higher one too. Where shared rules stand in another order, any case
    may be decided by another of them.
    """
    old, new = ({rule.id: rule for rule in policy.rules} for policy in (before, after))
    shared = {each for each in old.keys() & new.keys() if old[each].document == new[each].document}
    if [each for each in old if each in shared] != [each for each in new if each in shared]:
        return cases
    own = [rule.condition for rules in (old, new) for each, rule in rules.items() if each not in shared]
    lowest: dict[Case, int] = {}
    for case in cases:
        if any(_holds(condition, case) for condition in own):
            place, level = replace(case, level=LEVELS[0]), LEVELS.index(case.level)
            lowest[place] = min(level, lowest.get(place, level))
    never = len(LEVELS)
    return [case for case in cases if LEVELS.index(case.level) >= lowest.get(replace(case, level=LEVELS[0]), never)]


def _holds(condition: Condition, case: Case) -> bool:
    """Say whether a condition may matter: one that can't be evaluated blocks."""
    try:
        return condition.holds(case)
    except PolicyError:
        return True


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
