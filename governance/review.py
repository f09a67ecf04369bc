"""Review: people decide on turns that wait for them, and judge what was decided before.

A held turn is released or stays refused, by somebody other than who asked, with a reason; nothing of it is generated or
shown before. A past decision is upheld or overturned. Overturning is a judgement on the policy, and sends no answer:
what a rule blocks stays blocked until the policy changes.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.schema import Evidence, Message, Retrieval, digest_of
from governance.errors import InputError
from governance.holds import (
    HELD_KINDS,
    ON_HELD,
    REVIEWED,
    Hold,
    Judgement,
    Review,
    messages_digest,
    read_holds,
    read_reviews,
)
from governance.identity import require
from governance.ledger import ContentVault, Entry, Ledger
from governance.schema import Actor, Resource
from governance.turn_record import TurnRecord

MAX_REASON_CHARS = 2_000


@dataclass(frozen=True, slots=True)
class Release:
    """A reviewer's release of a held turn: exactly this question of this person to this agent may go on.

    Attributes:
        answer: What was generated and waited; empty when the question waited, so that it is answered now.
        retrieval: The evidence of the waiting answer; nothing found without one.
    """

    answer: str
    retrieval: Retrieval


@dataclass(frozen=True, slots=True)
class HeldQuestion:
    """A released question, as it has to be asked again."""

    turn_id: str
    agent_id: str
    conversation_id: str | None
    messages: tuple[Message, ...]


class Reviews:
    """The turns that wait for a person, and the judgements on turns."""

    def __init__(self, ledger: Ledger, vault: ContentVault, *, clock: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._vault = vault
        self._clock = clock

    def now(self) -> datetime:
        """Return the time that decides what has expired."""
        return self._clock()

    def holds(self, actor: Actor) -> list[Hold]:
        """Return all held turns, oldest first.

        Raises:
            AccessDenied: The actor may not decide on turns.
        """
        require(actor, "review.decide", Resource("turn"))
        return read_holds(self._ledger.entries(kinds=HELD_KINDS))

    def queue(self, actor: Actor) -> list[Hold]:
        """Return the turns that wait now, oldest first."""
        now = self._clock()
        return [hold for hold in self.holds(actor) if hold.state(now) == "waiting"]

    def withheld_answer(self, actor: Actor, hold: Hold) -> str:
        """Return the answer that waits, for a reader who may see anybody's content; empty when the question waits.

        Raises:
            AccessDenied: The actor may not read it.
            ContentErased: The person who asked was erased.
        """
        require(actor, "content.read_any", Resource("turn", hold.turn_id, hold.actor_id))
        return _answer(self._vault, hold)

    def decide(self, actor: Actor, turn_id: str, judgement: Judgement, *, reason: str) -> Review:
        """Record a judgement on a turn: release or refuse one that waits, uphold or overturn any other.

        Raises:
            AccessDenied: The actor may not decide on turns.
            InputError: There is no such turn, it is the actor's own, the judgement does not fit how it stands, or no
                reason is given.
        """
        require(actor, "review.decide", Resource("turn", turn_id))
        closed, hold = self._read(turn_id)
        if closed.actor_id == actor.id:
            raise InputError("You asked this yourself, so somebody else has to decide on it.")
        self._refuse_unfit(judgement, hold)
        reason = reason.strip()
        if not 0 < len(reason) <= MAX_REASON_CHARS:
            raise InputError(f"Give a reason, in 1 to {MAX_REASON_CHARS:,} characters. The person who asked reads it.")
        sealed = self._ledger.append(
            REVIEWED,
            {
                "judgement": judgement,
                "closed_entry": closed.index,
                "rule_id": closed.body["decision"]["rule_id"],
                "actor": {"kind": actor.kind, "role": actor.role},
                "reason_content_id": self._vault.put(str(closed.actor_id), reason.encode()),
                "reason_digest": digest_of(reason.encode()),
            },
            turn_id=turn_id,
            agent_id=closed.agent_id,
            actor_id=actor.id,
        )
        counted = read_reviews(self._ledger.entries(turn_id=turn_id))
        found = next((each for each in counted if each.entry == sealed.index), None)
        if found is None:
            raise InputError("Somebody else decided first. Load the queue again.")
        return found

    def question(self, actor: Actor, turn_id: str) -> HeldQuestion:
        """Return a person's own question that a reviewer released.

        Raises:
            InputError: It is not the actor's, or it was not released; the message says how it stands.
        """
        closed, hold = self._read(turn_id)
        if closed.actor_id != actor.id or hold is None:
            raise InputError(f"You have no held turn with id {turn_id[:80]!r}.")
        state = hold.state(self._clock())
        if state != "released":
            raise InputError(_NOT_RELEASED[state])
        content = json.loads(self._vault.get(str(closed.body["content_id"])))
        messages = tuple(Message(role, text) for role, text in content["messages"])
        return HeldQuestion(turn_id, hold.agent_id, hold.conversation_id, messages)

    def _read(self, turn_id: str) -> tuple[Entry, Hold | None]:
        entries = self._ledger.entries(turn_id=turn_id)
        closed = [entry for entry in entries if entry.kind == "turn.closed"]
        if not closed:
            raise InputError(f"There is no sealed turn with id {turn_id[:80]!r}.")
        return closed[-1], next(iter(read_holds(entries)), None)

    def _refuse_unfit(self, judgement: Judgement, hold: Hold | None) -> None:
        state = hold.state(self._clock()) if hold else None
        if judgement in ON_HELD and state != "waiting":
            how = {None: "was never held", "expired": "waited too long and stays refused"}.get(state, f"is {state}")
            raise InputError(f"This turn {how}, so it can't be {judgement}. It can be upheld or overturned.")
        if judgement not in ON_HELD and state == "waiting":
            raise InputError("This turn waits for a person. Release or refuse it.")


_NOT_RELEASED = {
    "waiting": "A person has to look at this question first. Nothing is shown before.",
    "refused": "A reviewer confirmed that this is not answered.",
    "expired": "Nobody looked at this question in time, so it is not answered.",
}


def find_release(
    ledger: Ledger, vault: ContentVault, turn_id: str | None, *, record: TurnRecord, messages: Sequence[Message]
) -> Release | None:
    """Return a held turn's release if the ledger holds one for exactly this person, agent and conversation; note it.

    Args:
        ledger: What counts: who names a turn that was not released gets nothing by it.
        vault: Where an answer that waited is kept.
        turn_id: The held turn; None for most turns.
        record: The turn that begins now.
        messages: The conversation that it is about.
    """
    if turn_id is None:
        return None
    entries = ledger.entries(turn_id=turn_id)
    hold = next(iter(read_holds(entries)), None)
    if hold is None or hold.decided is None or hold.decided.judgement != "released":
        return None
    if (hold.actor_id, hold.agent_id, hold.messages_digest) != (
        record.actor.id,
        record.agent.id,
        messages_digest(messages),
    ):
        return None
    answer = _answer(vault, hold)
    closed = next(entry for entry in entries if entry.kind == "turn.closed")
    retrieval = _retrieval(vault, closed) if answer else Retrieval("nothing")
    record.release = {"turn_id": turn_id, "entry": hold.decided.entry, "role": hold.decided.role}
    return Release(answer, retrieval)


def _answer(vault: ContentVault, hold: Hold) -> str:
    if hold.answer_content_id is None:
        return ""
    return str(json.loads(vault.get(hold.answer_content_id))["answer"])


def _retrieval(vault: ContentVault, closed: Entry) -> Retrieval:
    """Return the evidence of a sealed turn, with the texts and numbers that its answer cites."""
    texts = {number: text for number, _, text in json.loads(vault.get(closed.body["content_id"]))["evidence"]}
    evidence = tuple(
        Evidence(
            each["number"],
            each["chunk_id"],
            each["dataset_id"],
            each["dataset_version"],
            dataset_title=each["dataset_id"],
            document="",
            place="",
            licence="",
            text=texts[each["number"]],
            score=each["score"],
        )
        for each in closed.body["evidence"]
    )
    return Retrieval("found" if evidence else closed.body["retrieval"], evidence)
