"""What the placeholders of a turn stood for: kept encrypted with the turn's content, shown with a right and a reason.

The values are gone when the key of the person who asked is destroyed. Values of other people, from evidence, lie under
that key too.
"""

import json
from collections.abc import Mapping

from governance.errors import ContentErased, InputError
from governance.identity import require
from governance.ledger import ContentVault, Ledger
from governance.schema import Actor, Resource

PLACEHOLDERS = "placeholders"  # the part of a turn's content that holds them
REVEALED = "placeholders.revealed"
MAX_REASON_CHARS = 2000


def recall_placeholders(
    ledger: Ledger, vault: ContentVault, actor: Actor, *, turn_id: str | None, conversation_id: str | None
) -> Mapping[str, str]:
    """Return placeholder -> value of an earlier turn of this person and conversation; empty where nothing is kept."""
    if turn_id is None or conversation_id is None:
        return {}
    for entry in ledger.entries(turn_id=turn_id, kinds=["turn.closed"]):
        if entry.actor_id == actor.id and entry.body["conversation_id"] == conversation_id:
            try:
                return _read(vault, entry.body["content_id"])
            except ContentErased:
                return {}
    return {}


def reveal_placeholders(
    ledger: Ledger, vault: ContentVault, actor: Actor, turn_id: str, *, reason: str
) -> Mapping[str, str]:
    """Return placeholder -> value of a turn to an authorised reader; who looked, and why, is recorded first.

    Raises:
        AccessDenied: The actor may not read what others wrote.
        InputError: There is no such turn, or the reason is missing.
        ContentErased: The person's key was destroyed.
    """
    closed = ledger.entries(turn_id=turn_id, kinds=["turn.closed"])
    owner = closed[-1].actor_id if closed else None
    require(actor, "content.read_any", Resource("turn", turn_id, owner))
    if not closed:
        raise InputError(f"There is no sealed turn with id {turn_id!r}.")
    if not (why := reason.strip()[:MAX_REASON_CHARS]):
        raise InputError("Say why you need to see the values; the reason is recorded.")
    values = _read(vault, closed[-1].body["content_id"])
    ledger.append(
        REVEALED,
        {"placeholders": sorted(values), "reason_content_id": vault.put(actor.id, why.encode())},
        turn_id=turn_id,
        agent_id=closed[-1].agent_id,
        actor_id=actor.id,
    )
    return values


def _read(vault: ContentVault, content_id: str | None) -> dict[str, str]:
    if content_id is None:
        return {}
    values: dict[str, str] = json.loads(vault.get(content_id)).get(PLACEHOLDERS, {})
    return values
