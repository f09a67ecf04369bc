"""Versions of policy documents: draft, reviewed by a second person, active, retired.

The ledger alone says which versions there are and how they stand: a proposal's entry holds the whole text, and each
step after it is one entry more. So every step is all or nothing, whatever dies in between, and anyone who has the
ledger can see what was in force when. A step that was not allowed where it stands in the ledger changes nothing: of two
people who press a button at once, the first counts.

The documents that ship are always in force. A version adds a document of its own to them, and since the strictest rule
that holds decides, it can only tighten. What `governance.policy.draft_check` finds a problem in is neither reviewed nor
activated.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from governance.errors import InputError, PolicyError
from governance.identity import require
from governance.ledger import Entry, Ledger
from governance.policy.document import PolicyDocument, parse_document, policy_files, read_documents
from governance.policy.draft_check import DraftCheck, DraftText, check_draft
from governance.policy.situations import Places
from governance.schema import Actor, Resource, UserRole

SHIPPED = Path(__file__).resolve().parents[2] / "data" / "policies"
MAX_TEXT_BYTES = 100_000  # rules and cases together; an entry of the ledger has to hold them
MAX_WHY_CHARS = 1_000

State = Literal["draft", "reviewed", "active", "retired"]
_STATES: dict[str, State] = {
    "policy.proposed": "draft",
    "policy.reviewed": "reviewed",
    "policy.activated": "active",
    "policy.retired": "retired",
}
_BEFORE: dict[str, tuple[State, ...]] = {
    "policy.reviewed": ("draft",),
    "policy.activated": ("reviewed",),
    "policy.retired": ("draft", "reviewed", "active"),
}
KINDS = tuple(_STATES)
IN_FORCE_KINDS = ("policy.activated", "policy.retired")


@dataclass(frozen=True, slots=True)
class Transition:
    """A step in the life of a version: who took it, as what, when and why.

    Attributes:
        entry: Index of the ledger's entry that holds it.
    """

    state: State
    actor_id: str
    role: UserRole
    at: datetime
    why: str
    entry: int


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """A version of a policy document, as the ledger tells it.

    Attributes:
        id: The document's id and the version's number, as in `house@2`.
        text: The document and its cases.
        history: From the proposal on, oldest first.
    """

    id: str
    policy: str
    number: int
    text: DraftText
    history: tuple[Transition, ...]

    @property
    def state(self) -> State:
        """Return how it stands now."""
        return self.history[-1].state

    @property
    def author_id(self) -> str:
        """Return who proposed it."""
        return self.history[0].actor_id


class PolicyVersions:
    """The versions of all policy documents of an installation."""

    def __init__(self, ledger: Ledger, *, shipped: Path = SHIPPED) -> None:
        """Take the ledger, and the folder of the documents that are always in force."""
        self._ledger = ledger
        self.shipped = shipped

    def all(self) -> list[PolicyVersion]:
        """Return all versions, newest first."""
        return list(reversed(_fold(self._ledger.entries(kinds=KINDS))))

    def get(self, version_id: str) -> PolicyVersion:
        """Return one version.

        Raises:
            InputError: There is none with this id.
        """
        found = next((each for each in self.all() if each.id == version_id), None)
        if found is None:
            raise InputError(f"There is no policy version {version_id[:80]!r}. `promethios policy list` shows them.")
        return found

    def active(self) -> list[PolicyVersion]:
        """Return the versions in force, in the order of their ids."""
        return sorted((each for each in self.all() if each.state == "active"), key=lambda each: each.policy)

    def latest_change(self) -> int | None:
        """Return the entry that may have changed last what is in force; None before the first."""
        latest = self._ledger.entries(kinds=IN_FORCE_KINDS, newest_first=True, limit=1)
        return latest[0].index if latest else None

    def documents(self) -> list[PolicyDocument]:
        """Return the documents in force: those that ship, and of each other policy the active version.

        Raises:
            PolicyError: One does not load, or a version has the id of a document that ships.
        """
        shipped = read_documents(self.shipped)
        names = {document.id for document in shipped}
        active = self.active()
        for version in active:
            if version.policy in names:
                raise PolicyError(
                    f"{version.id} has the id of a document that ships by now. Run `promethios policy retire "
                    f"{version.id}`, and propose its rules under another id."
                )
        return [*shipped, *(version.text.document() for version in active)]

    def check(self, version_id: str, *, places: Places) -> DraftCheck:
        """Say whether a version is fit to be in force, and what it would change.

        Raises:
            InputError: There is none with this id.
            PolicyError: What is in force does not load.
        """
        version, shipped = self.get(version_id), read_documents(self.shipped)
        others = [each.text.document() for each in self.active()]
        return check_draft(version.text, shipped=shipped, others=others, places=places)

    def propose(self, actor: Actor, *, rules: str, cases: str, why: str) -> PolicyVersion:
        """Record a draft.

        Raises:
            AccessDenied: The actor may not edit policies.
            PolicyError: The text is no policy document.
            InputError: It has the id of a document that ships, is too large, or no reason is given.
        """
        require(actor, "policy.edit", Resource("policy"))
        document = parse_document(rules, source="the draft")
        if document.id in {path.stem for path in policy_files(self.shipped)}:
            raise InputError(
                f"The document {document.id!r} ships with the product and is part of the floor of every agent, so it "
                "has no versions. Put your rules in a document with an id of its own, such as `house`: the strictest "
                "rule that holds decides, so they tighten the floor and can't loosen it."
            )
        size = len(rules.encode()) + len(cases.encode())
        if size > MAX_TEXT_BYTES:
            raise InputError(
                f"Rules and cases have {size:,} bytes, at most {MAX_TEXT_BYTES:,} fit. Split the document."
            )
        body = {"policy": document.id, "rules": rules, "cases": cases}
        sealed = self._ledger.append("policy.proposed", body | _who(actor, why), actor_id=actor.id)
        return next(each for each in self.all() if each.history[0].entry == sealed.index)

    def review(self, actor: Actor, version_id: str, *, why: str, places: Places) -> PolicyVersion:
        """Record that a second person agrees.

        Raises:
            AccessDenied: The actor may not edit policies.
            InputError: It is no draft, the actor wrote it, the check finds a problem, or no reason is given.
        """
        return self._move(actor, version_id, "policy.reviewed", why, places=places)

    def activate(self, actor: Actor, version_id: str, *, why: str, places: Places) -> PolicyVersion:
        """Put a reviewed version in force; the one that was active before retires with the same entry.

        Raises:
            AccessDenied: The actor may not edit policies.
            InputError: It was not reviewed, the check finds a problem by now, or no reason is given.
        """
        return self._move(actor, version_id, "policy.activated", why, places=places)

    def retire(self, actor: Actor, version_id: str, *, why: str) -> PolicyVersion:
        """Take a version out of force, or a draft back.

        Raises:
            AccessDenied: The actor may not edit policies.
            InputError: It is retired already, or no reason is given.
        """
        return self._move(actor, version_id, "policy.retired", why)

    def _move(
        self, actor: Actor, version_id: str, kind: str, why: str, *, places: Places | None = None
    ) -> PolicyVersion:
        require(actor, "policy.edit", Resource("policy", version_id))
        version = self.get(version_id)
        problem = _why_not(version, kind, actor.id)
        if problem:
            raise InputError(problem)
        if places is not None:
            problems = self.check(version_id, places=places).problems
            if problems:
                raise InputError(f"{version_id} can't become {_STATES[kind]}. {' '.join(problems)}")
        body = {"policy": version.policy, "version": version.id, "proposal": version.history[0].entry}
        sealed = self._ledger.append(kind, body | _who(actor, why), actor_id=actor.id)
        moved = self.get(version_id)
        if all(step.entry != sealed.index for step in moved.history):
            raise InputError(f"Somebody else was first: {version_id} is {moved.state} now. Look at it again.")
        return moved


def _who(actor: Actor, why: str) -> dict[str, Any]:
    why = why.strip()
    if not 0 < len(why) <= MAX_WHY_CHARS:
        raise InputError(f"Say why, in 1 to {MAX_WHY_CHARS:,} characters. It is kept in the ledger.")
    return {"why": why, "actor": {"kind": actor.kind, "role": actor.role}}


def _fold(entries: Sequence[Entry]) -> list[PolicyVersion]:
    """Return the versions that these entries tell of, in the order of their proposals."""
    found: dict[int, PolicyVersion] = {}
    numbers: dict[str, int] = {}
    for entry in entries:
        body = entry.body
        step = Transition(
            _STATES[entry.kind], str(entry.actor_id), body["actor"]["role"], entry.at, body["why"], entry.index
        )
        if entry.kind == "policy.proposed":
            policy = body["policy"]
            number = numbers[policy] = numbers.get(policy, 0) + 1
            found[entry.index] = PolicyVersion(
                f"{policy}@{number}", policy, number, DraftText(policy, body["rules"], body["cases"]), (step,)
            )
            continue
        version = found.get(body["proposal"])
        if version is None or _why_not(version, entry.kind, step.actor_id):
            continue
        if entry.kind == "policy.activated":
            _retire_active(found, version.policy, step)
        found[body["proposal"]] = _with(version, step)
    return list(found.values())


def _retire_active(found: dict[int, PolicyVersion], policy: str, step: Transition) -> None:
    for proposal, other in found.items():
        if other.policy == policy and other.state == "active":
            found[proposal] = _with(other, replace(step, state="retired"))


def _with(version: PolicyVersion, step: Transition) -> PolicyVersion:
    return replace(version, history=(*version.history, step))


def _why_not(version: PolicyVersion, kind: str, actor_id: str) -> str:
    """Return why a step can't be taken; empty when it can."""
    if version.state in _BEFORE[kind]:
        if kind == "policy.reviewed" and version.author_id == actor_id:
            return f"You proposed {version.id}, so somebody else has to review it."
        return ""
    if kind == "policy.activated" and version.state == "draft":
        return f"{version.id} is a draft. Somebody other than its author has to review it first."
    return f"{version.id} is {version.state}, so it can't become {_STATES[kind]}. Propose its text again instead."
