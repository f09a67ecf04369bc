"""What the ledger says of turns that waited for a person, and of what reviewers decided: entries to values.

`turn.held` is sealed together with the `turn.closed` that it belongs to, and says for how long the turn waits. A
`turn.reviewed` entry is a reviewer's judgement. On a held turn the first one in time counts; later ones change nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from core.schema import Message, digest_of
from governance.ledger import Entry
from governance.schema import Decision, UserRole

HELD, REVIEWED = "turn.held", "turn.reviewed"
HELD_KINDS = (HELD, REVIEWED)

Judgement = Literal["released", "refused", "upheld", "overturned"]
JUDGEMENTS: tuple[Judgement, ...] = ("released", "refused", "upheld", "overturned")
ON_HELD: tuple[Judgement, ...] = ("released", "refused")
HoldState = Literal["waiting", "released", "refused", "expired"]


@dataclass(frozen=True, slots=True)
class Review:
    """A reviewer's judgement on a turn.

    Attributes:
        role: What the reviewer was then.
        reason_content_id: Where the vault keeps the reason.
        entry: Index of the ledger's entry.
    """

    judgement: Judgement
    actor_id: str
    role: UserRole
    at: datetime
    reason_content_id: str
    entry: int


@dataclass(frozen=True, slots=True)
class Hold:
    """A turn that waited, or waits, for a person.

    Attributes:
        actor_id: Who asked.
        reason: What the rule saw.
        answer_content_id: Where the vault keeps the answer that waits; None when the question waits, unanswered.
        decided: The judgement that counts; None without one.
    """

    turn_id: str
    agent_id: str
    actor_id: str
    conversation_id: str | None
    at: datetime
    until: datetime
    rule_id: str
    reason: str
    messages_digest: str
    answer_content_id: str | None
    decided: Review | None = None

    def state(self, now: datetime) -> HoldState:
        """Return how it stands at a time."""
        if self.decided is not None:
            return "released" if self.decided.judgement == "released" else "refused"
        return "waiting" if now < self.until else "expired"


def held_body(
    decision: Decision,
    messages: Sequence[Message],
    *,
    conversation_id: str | None,
    answer: str,
    answer_content_id: str | None,
    wait_s: float,
) -> dict[str, Any]:
    """Return the body of `turn.held`.

    Args:
        decision: Why a person is needed.
        messages: The conversation that a release would be for.
        conversation_id: Where the person who asked will find the answer.
        answer: What the model said and nobody has seen; empty when the question waits.
        answer_content_id: Where it is kept.
        wait_s: For how long the turn waits.
    """
    return {
        "conversation_id": conversation_id,
        "rule_id": decision.rule_id,
        "reason": decision.reason,
        "messages_digest": messages_digest(messages),
        "answer_content_id": answer_content_id,
        "answer_digest": digest_of(answer.encode()) if answer else None,
        "wait_s": wait_s,
    }


def messages_digest(messages: Sequence[Message]) -> str:
    """Return the digest of a conversation as it was asked, before anything was masked."""
    return digest_of([asdict(message) for message in messages])


def read_reviews(entries: Iterable[Entry]) -> list[Review]:
    """Return the judgements among the entries of a turn that count, oldest first."""
    entries = list(entries)
    hold = next(iter(read_holds(entries)), None)
    decided = hold.decided if hold else None
    reviews = [_review(entry) for entry in entries if entry.kind == REVIEWED]
    return [each for each in reviews if each.judgement not in ON_HELD or each == decided]


def read_holds(entries: Iterable[Entry]) -> list[Hold]:
    """Return the held turns among entries in their order, each with the judgement that counts."""
    held: list[Entry] = []
    reviews: dict[str, list[Review]] = defaultdict(list)
    for entry in entries:
        if entry.kind == HELD:
            held.append(entry)
        elif entry.kind == REVIEWED and entry.body["judgement"] in ON_HELD:
            reviews[str(entry.turn_id)].append(_review(entry))
    return [_hold(entry, reviews[str(entry.turn_id)]) for entry in held]


def _hold(entry: Entry, reviews: Sequence[Review]) -> Hold:
    body, until = entry.body, entry.at + timedelta(seconds=entry.body["wait_s"])
    return Hold(
        turn_id=str(entry.turn_id),
        agent_id=str(entry.agent_id),
        actor_id=str(entry.actor_id),
        conversation_id=body["conversation_id"],
        at=entry.at,
        until=until,
        rule_id=body["rule_id"],
        reason=body["reason"],
        messages_digest=body["messages_digest"],
        answer_content_id=body["answer_content_id"],
        decided=next((each for each in reviews if each.at < until), None),
    )


def _review(entry: Entry) -> Review:
    body = entry.body
    return Review(
        body["judgement"], str(entry.actor_id), body["actor"]["role"], entry.at, body["reason_content_id"], entry.index
    )
