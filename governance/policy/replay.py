"""Replay: the recorded findings of past turns, decided again under a draft policy.

It reads sealed entries alone, never a text. What a turn never reached is unknown: a question that was refused has no
answer to check, an answer that was stopped has no end. One label stands for a stage, so a mask more or less in a text
that is masked anyway does not show.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from governance.ledger import Entry, Ledger
from governance.policy.condition import Case
from governance.policy.policy import NO_FINDING, RAIL_FAILED, UNMATCHED, Policy
from governance.schema import Action, Decision, Stage

Effect = Literal["allowed", "masked", "passages dropped", "escalated", "refused"]
EFFECTS: tuple[Effect, ...] = ("allowed", "masked", "passages dropped", "escalated", "refused")
EXAMPLES = 10
PAGE = 500  # entries that are in memory together
_EFFECT_OF: dict[Action, Effect] = {"allow": "allowed", "redact": "masked", "escalate": "escalated", "block": "refused"}


@dataclass(frozen=True, slots=True)
class Step:
    """What was decided at one stage of a turn."""

    stage: Stage
    effect: Effect
    rule_id: str


@dataclass(frozen=True, slots=True)
class Example:
    """A turn that would come out otherwise.

    Attributes:
        entry: Index of its `turn.closed` in the ledger.
        before: The step that decided.
        after: The same under the draft.
    """

    entry: int
    before: Step
    after: Step


@dataclass(frozen=True, slots=True)
class Replay:
    """What a draft would have changed.

    Attributes:
        turns: Closed turns that were read.
        undecided: Those of them that ended before a rail looked, such as a refused access.
        effects: (before, after) -> turns, of all others.
        other_rules: Turns with the same effect, by another rule at some stage.
        examples: The newest with another effect first, then those by another rule.
        unknown: (stage, rail, category) -> recorded findings that no rule of the draft names; they would be blocked.
    """

    turns: int
    undecided: int
    effects: dict[tuple[Effect, Effect], int]
    other_rules: int
    examples: tuple[Example, ...]
    unknown: dict[tuple[str, str, str], int]


@dataclass(slots=True)
class _Newest:
    """Counts examples, and keeps the first ones."""

    count: int = 0
    kept: list[Example] = field(default_factory=list)

    def add(self, example: Example) -> None:
        self.count += 1
        if len(self.kept) < EXAMPLES:
            self.kept.append(example)


def replay_turns(ledger: Ledger, draft: Policy, *, since: datetime | None = None, limit: int | None = None) -> Replay:
    """Decide the closed turns of a ledger again.

    Args:
        ledger: Where they are sealed.
        draft: The policy to try.
        since: Not before this aware time.
        limit: At most so many, the newest.
    """
    turns = undecided = 0
    effects, unknown = Counter[tuple[Effect, Effect]](), Counter[tuple[str, str, str]]()
    moved, others = _Newest(), _Newest()
    for entry in _closed_turns(ledger, since=since, limit=limit):
        turns += 1
        before = _recorded(entry.body)
        if not before:
            undecided += 1
            continue
        after = _decided(entry.body, before, draft)
        unknown.update(_unknown(entry.body, draft))
        effects[_strictest(before).effect, _strictest(after).effect] += 1
        example = _example(entry.index, before, after)
        if example is not None:
            (moved if example.before.effect != example.after.effect else others).add(example)
    examples = tuple([*moved.kept, *others.kept][:EXAMPLES])
    return Replay(turns, undecided, dict(effects), others.count, examples, dict(unknown))


def _closed_turns(ledger: Ledger, *, since: datetime | None, limit: int | None) -> Iterator[Entry]:
    """Yield entries newest first, a page at a time."""
    after: int | None = None
    while limit is None or limit > 0:
        size = PAGE if limit is None else min(PAGE, limit)
        page = ledger.entries(kinds=["turn.closed"], since=since, after=after, limit=size, newest_first=True)
        yield from page
        if len(page) < size:
            return
        after, limit = page[-1].index, None if limit is None else limit - size


def _recorded(body: dict[str, Any]) -> list[Step]:
    """Return the steps that a turn took."""
    is_dropped = bool(body["dropped_evidence"])
    return [
        Step(each["stage"], _effect(each["stage"], each["action"], is_dropped=is_dropped), each["rule_id"])
        for each in body["decisions"]
    ]


def _effect(stage: Stage, action: Action, *, is_dropped: bool) -> Effect:
    if stage == "retrieval" and (is_dropped or action in ("escalate", "block")):
        return "passages dropped"
    return _EFFECT_OF[action]


def _decided(body: dict[str, Any], before: Sequence[Step], draft: Policy) -> list[Step]:
    """Return the steps under the draft: those that were taken, up to one that ends the turn."""
    steps: list[Step] = []
    for step in before:
        steps.append(step if step.rule_id == RAIL_FAILED else _step(step.stage, body, draft))
        if step.stage == "input" and steps[-1].effect in ("escalated", "refused"):
            break
    return steps


def _step(stage: Stage, body: dict[str, Any], draft: Policy) -> Step:
    found = [each for each in body["findings"] if each["stage"] == stage]
    if stage != "retrieval":
        decision = draft.decide_cases([_case(body, each) for each in found]).decision
        return Step(stage, _EFFECT_OF[decision.action], decision.rule_id)
    passages: dict[int, list[Case]] = defaultdict(list)
    for each in found:
        passages[each["message_index"]].append(_case(body, each))
    return _of_passages([draft.decide_cases(passages[index]).decision for index in sorted(passages)])


def _of_passages(decisions: Sequence[Decision]) -> Step:
    """Return what passages that were decided one by one make of their stage, as the governance engine does."""
    strictest = max(decisions, key=lambda d: (d.action != "allow", not d.allowed), default=NO_FINDING)
    if strictest.action == "allow":
        strictest = NO_FINDING
    effect = _effect("retrieval", strictest.action, is_dropped=not strictest.allowed)
    return Step("retrieval", effect, strictest.rule_id)


def _case(body: dict[str, Any], found: dict[str, Any]) -> Case:
    actor = body["actor"]
    at = found["rail"], found["category"], float(found["score"]), found["stage"]
    return Case(*at, body["level"], actor["role"], actor["kind"], body.get("domain", "general"))


def _unknown(body: dict[str, Any], draft: Policy) -> Iterator[tuple[str, str, str]]:
    for found in body["findings"]:
        if draft.decide_case(_case(body, found)).rule_id == UNMATCHED:
            yield found["stage"], found["rail"], found["category"]


def _strictest(steps: Sequence[Step]) -> Step:
    return max(steps, key=lambda step: EFFECTS.index(step.effect))


def _example(entry: int, before: Sequence[Step], after: Sequence[Step]) -> Example | None:
    """Return what to show of a turn: the steps that decided where they differ, else the first pair that does."""
    was, now = _strictest(before), _strictest(after)
    if was.effect != now.effect:
        return Example(entry, was, now)
    pairs = zip(before, after, strict=False)  # a turn that ends earlier has fewer steps
    return next((Example(entry, *pair) for pair in pairs if pair[0] != pair[1]), None)
