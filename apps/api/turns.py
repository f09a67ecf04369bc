"""Turns: list them, read one whole, rate one's own."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from apps.api.dependencies import Acting, Bench
from apps.api.errors import DOCUMENTED, not_found_if_unknown
from governance.identity import authorize
from governance.placeholders import MAX_REASON_CHARS, reveal_placeholders
from governance.schema import Resource
from governance.turns import TurnDetail, TurnFact, rate_turn, read_turn

router = APIRouter(prefix="/turns", tags=["turns"], responses=DOCUMENTED)


class TurnPage(BaseModel):
    """A page of turns, newest first.

    Attributes:
        total: How many turns of the window the reader may see.
    """

    turns: list[TurnFact]
    total: int
    offset: int


class Rating(BaseModel):
    """What a person thought of an answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    helpful: bool
    reason: Annotated[str, Field(max_length=2000)] = ""


class Looking(BaseModel):
    """Why somebody looks at what placeholders stand for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: Annotated[str, Field(min_length=1, max_length=MAX_REASON_CHARS)]


@router.get("")
def list_turns(
    actor: Acting,
    bench: Bench,
    agent_id: str | None = None,
    days: Annotated[int, Query(ge=1, le=3650)] = 30,
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> TurnPage:
    """List the turns that the reader may see: one's own, or all for those who review."""
    facts = bench.records.metrics.turns(agent_id=agent_id, days=days)
    seen = [f for f in facts if authorize(actor, "turn.view", Resource("turn", f.turn_id, f.actor_id)).allowed]
    return TurnPage(turns=seen[offset : offset + limit], total=len(seen), offset=offset)


@router.get("/{turn_id}")
def get_turn(turn_id: str, actor: Acting, bench: Bench) -> TurnDetail:
    """Read one turn: its facts, sealed record, receipt, and its content where the reader may see it."""
    with not_found_if_unknown():
        return read_turn(bench.records.ledger, bench.records.vault, actor, turn_id)


@router.post("/{turn_id}/rating", status_code=204)
def post_rating(turn_id: str, rating: Rating, actor: Acting, bench: Bench) -> None:
    """Rate one of one's own turns; a later rating counts instead of an earlier one."""
    records = bench.records
    with not_found_if_unknown():
        rate_turn(records.ledger, records.vault, actor, turn_id, helpful=rating.helpful, reason=rating.reason)


@router.post("/{turn_id}/placeholders")
def post_placeholders(turn_id: str, looking: Looking, actor: Acting, bench: Bench) -> dict[str, str]:
    """Read what the placeholders of a turn stand for, with the right to read content; the look is recorded."""
    records = bench.records
    with not_found_if_unknown():
        return dict(reveal_placeholders(records.ledger, records.vault, actor, turn_id, reason=looking.reason))
