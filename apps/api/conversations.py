"""Conversations kept on the server: begin, list, read, delete one's own. POST /chat continues one."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from apps.api.dependencies import Acting, Bench
from apps.api.errors import DOCUMENTED, not_found_if_unknown
from governance.identity import require
from governance.schema import Actor, ConversationView, Resource, StoredMessage

router = APIRouter(prefix="/conversations", tags=["conversations"], responses=DOCUMENTED)


class NewConversation(BaseModel):
    """With whom to begin."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    agent_id: str


class ConversationId(BaseModel):
    """The conversation that was begun."""

    conversation_id: str


@router.post("", status_code=201)
def start_conversation(body: NewConversation, actor: Acting, bench: Bench) -> ConversationId:
    """Begin an empty conversation with an agent."""
    _require_chat(actor)
    with not_found_if_unknown():
        agent = bench.records.agents.get(body.agent_id)
    return ConversationId(conversation_id=bench.records.conversations.start(actor, agent.id))


@router.get("")
def list_conversations(
    actor: Acting, bench: Bench, agent_id: str | None = None, limit: Annotated[int, Query(ge=1, le=500)] = 50
) -> list[ConversationView]:
    """List one's own conversations that hold a message, newest first."""
    _require_chat(actor)
    return bench.records.conversations.list(actor, agent_id=agent_id, limit=limit)


@router.get("/{conversation_id}")
def get_conversation(conversation_id: str, actor: Acting, bench: Bench) -> list[StoredMessage]:
    """Read the messages along the newest versions."""
    _require_chat(actor)
    with not_found_if_unknown():
        return bench.records.conversations.thread(actor, conversation_id)


@router.delete("/{conversation_id}", status_code=204)
def delete_conversation(conversation_id: str, actor: Acting, bench: Bench) -> None:
    """Take a conversation out of one's lists; the ledger keeps its turns."""
    _require_chat(actor)
    with not_found_if_unknown():
        bench.records.conversations.delete(actor, conversation_id)


def _require_chat(actor: Actor) -> None:
    require(actor, "chat.use", Resource("conversation", owner_id=actor.id))
