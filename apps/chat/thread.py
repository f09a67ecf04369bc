"""A stored conversation as bubbles: texts read into blocks, versions to step through, a badge under each answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from apps.chat.answer_text import Block, read_answer
from apps.chat.badges import NOT_RECORDED, Badge, badge_of
from apps.chat.places import Place, read_place
from apps.chat.review_note import ReviewNote, review_note
from governance.errors import InputError
from governance.records import Records, utc_now
from governance.schema import Actor, StoredMessage
from governance.turn_record import PLACES
from governance.turns import TurnDetail, read_turn


@dataclass(frozen=True, slots=True)
class Bubble:
    """A message as the thread draws it.

    Attributes:
        position: Which version this is, from 1.
        previous_id: The version before this one; None at the first.
        rating: 1 for helpful, 0 for not; None when nobody rated.
        places: Where each source stands, by its number.
        note: How its review stands; None where no person is part of it.
    """

    id: str
    role: str
    text: str
    blocks: tuple[Block, ...]
    turn_id: str | None
    position: int
    versions: int
    previous_id: str | None
    next_id: str | None
    badge: Badge | None = None
    places: Mapping[int, Place] = field(default_factory=dict)
    rating: int | None = None
    note: ReviewNote | None = None


def read_bubbles(records: Records, actor: Actor, messages: Sequence[StoredMessage]) -> list[Bubble]:
    """Return a thread's bubbles; each answer's badge comes from its sealed turn."""
    return [_bubble(records, actor, each) for each in messages]


def evidence_texts(detail: TurnDetail | None) -> dict[int, str]:
    """Return the text of each piece of evidence that the model saw, by its number."""
    content = detail.content if detail else None
    return {number: text for number, _, text in content["evidence"]} if content else {}


def evidence_places(detail: TurnDetail | None) -> dict[int, tuple[str, str]]:
    """Return document and place of each piece of evidence, by its number; nothing where a turn kept none."""
    content = detail.content if detail else None
    return {number: (document, place) for number, document, place in content.get(PLACES, ())} if content else {}


def sealed_turn(records: Records, actor: Actor, turn_id: str) -> TurnDetail | None:
    """Return a turn, or None when the ledger holds no sealed record of it."""
    try:
        return read_turn(records.ledger, records.vault, actor, turn_id)
    except InputError:
        return None


def _bubble(records: Records, actor: Actor, stored: StoredMessage) -> Bubble:
    answered = stored.message.role == "assistant"
    detail = sealed_turn(records, actor, stored.turn_id) if answered and stored.turn_id else None
    at = stored.versions.index(stored.id)
    return Bubble(
        id=stored.id,
        role=stored.message.role,
        text=stored.message.content,
        blocks=read_answer(stored.message.content, evidence_texts(detail)) if answered else (),
        turn_id=stored.turn_id,
        position=at + 1,
        versions=len(stored.versions),
        previous_id=stored.versions[at - 1] if at > 0 else None,
        next_id=stored.versions[at + 1] if at + 1 < len(stored.versions) else None,
        badge=(badge_of(detail) if detail else NOT_RECORDED) if answered else None,
        places={number: read_place(*each) for number, each in evidence_places(detail).items()},
        rating=detail.fact.rating if detail else None,
        note=review_note(detail, now=utc_now(), newest=at + 1 == len(stored.versions)) if detail else None,
    )
