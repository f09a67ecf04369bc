"""Review: the turns that wait for a person, judgements on turns, and the answer to one's own released question."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from apps.api.chat import ChatAnswer, finish
from apps.api.dependencies import Acting, Bench
from apps.api.errors import DOCUMENTED
from governance.holds import Hold, HoldState, Judgement, Review
from governance.identity import require
from governance.review import MAX_REASON_CHARS
from governance.schema import Resource

router = APIRouter(prefix="/review", tags=["review"], responses=DOCUMENTED)


class HeldItem(BaseModel):
    """A held turn in the queue; `GET /turns/{turn_id}` has its findings, and its content for those with the right."""

    turn_id: str
    agent_id: str
    actor_id: str
    conversation_id: str | None
    at: datetime
    until: datetime
    state: HoldState
    rule_id: str
    reason: str
    waits: str


class JudgementRequest(BaseModel):
    """What a reviewer decides.

    Attributes:
        judgement: "released" or "refused" for a turn that waits, "upheld" or "overturned" for any other.
        reason: The person who asked reads it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    judgement: Judgement
    reason: Annotated[str, Field(min_length=1, max_length=MAX_REASON_CHARS)]


@router.get("")
def list_held(actor: Acting, bench: Bench, every: bool = False) -> list[HeldItem]:
    """List the turns that wait, oldest first; with `every`, also those that were decided or expired."""
    reviews = bench.records.reviews
    now = reviews.now()
    return [_item(hold, now) for hold in (reviews.holds(actor) if every else reviews.queue(actor))]


@router.post("/{turn_id}")
def judge(turn_id: str, body: JudgementRequest, actor: Acting, bench: Bench) -> Review:
    """Release or refuse a turn that waits; uphold or overturn any other."""
    return bench.records.reviews.decide(actor, turn_id, body.judgement, reason=body.reason)


@router.post("/{turn_id}/answer")
def collect(turn_id: str, actor: Acting, bench: Bench) -> ChatAnswer:
    """Get the answer to one's own question that a reviewer released; its conversation gets it too."""
    require(actor, "chat.use", Resource("turn", turn_id, actor.id))
    asked = bench.records.reviews.question(actor, turn_id)
    return finish(bench.dialogue.collect(actor, turn_id), asked.conversation_id)


def _item(hold: Hold, now: datetime) -> HeldItem:
    return HeldItem(
        turn_id=hold.turn_id,
        agent_id=hold.agent_id,
        actor_id=hold.actor_id,
        conversation_id=hold.conversation_id,
        at=hold.at,
        until=hold.until,
        state=hold.state(now),
        rule_id=hold.rule_id,
        reason=hold.reason,
        waits="answer" if hold.answer_content_id else "question",
    )
