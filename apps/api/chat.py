"""POST /chat: one governed turn, as one JSON answer or as server-sent events.

There is no field that chooses a person or switches governance: unknown fields are refused.
"""

import json
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing
from dataclasses import asdict
from typing import Annotated, Any, Literal

import anyio
from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from apps.api.dependencies import Acting, Bench
from apps.api.errors import DOCUMENTED, describe, not_found_if_unknown
from apps.guard import error_body
from core.schema import Evidence, GenerateConfig, Message
from governance.errors import InputError
from governance.schema import (
    Actor,
    Decision,
    EvidenceFound,
    Outcome,
    Released,
    StageDone,
    TurnClosed,
    TurnEvent,
    TurnStarted,
)
from governance.wiring import Workbench

router = APIRouter(tags=["chat"], responses=DOCUMENTED)

Turn = Generator[TurnEvent, None, None]
Text = Annotated[str, Field(min_length=1, max_length=20_000)]


class Strict(BaseModel):
    """A request's body; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ContextMessage(Strict):
    """An earlier message of a conversation that the client keeps."""

    role: Literal["user", "assistant"]
    content: Text


class ChatRequest(Strict):
    """A question for an agent.

    Attributes:
        conversation_id: A conversation kept on the server; then `context` must be empty.
        context: Earlier messages, oldest first, when the client keeps the conversation.
        stream: Answer with server-sent events.
    """

    agent_id: Annotated[str, Field(min_length=1, max_length=36)]
    message: Text
    conversation_id: Annotated[str, Field(min_length=1, max_length=36)] | None = None
    context: Annotated[tuple[ContextMessage, ...], Field(max_length=200)] = ()
    max_tokens: Annotated[int, Field(ge=1, le=8192)] = 256
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    top_k: Annotated[int, Field(ge=0, le=1000)] = 0
    seed: Annotated[int, Field(ge=0, le=2**53)] = 0
    stream: bool = False

    def config(self) -> GenerateConfig:
        """Return how to sample the answer."""
        return GenerateConfig(self.max_tokens, self.temperature, self.top_p, self.top_k, self.seed)


class EvidenceItem(BaseModel):
    """Evidence as the model saw it; `cited` says whether the answer's `[number]` names it."""

    number: int
    chunk_id: str
    dataset_id: str
    dataset_version: str
    dataset_title: str
    document: str
    place: str
    licence: str
    text: str
    score: float
    digest: str
    cited: bool


class ChatAnswer(BaseModel):
    """A finished turn. A refused one is an answer too: see `outcome`.

    Attributes:
        text: Everything that was released; for a refusal, the kind message.
        findings: What the rails reported, matched texts masked.
        stage_ms: Milliseconds of each step of the turn.
        digests: Digests of prompt, released text, policy, agent and model.
        receipt: The signed proof; None only when the ledger could not be written.
    """

    turn_id: str
    conversation_id: str | None
    message_id: str | None
    outcome: Outcome
    text: str
    decision: Decision
    evidence: list[EvidenceItem]
    findings: list[dict[str, Any]]
    stage_ms: dict[str, float]
    input_tokens: int | None
    output_tokens: int | None
    digests: dict[str, str | None]
    receipt: dict[str, Any] | None


class EventStream(StreamingResponse):
    """Server-sent events of one turn; a client that leaves ends the turn, and with it the generation."""

    def __init__(self, first: TurnEvent, turn: Turn, conversation_id: str | None) -> None:
        self._events = _stream(first, turn, conversation_id)
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        super().__init__(self._events, media_type="text/event-stream", headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events, and close the turn however sending ends."""
        async with aclosing(self._events):
            await super().__call__(scope, receive, send)


@router.post("/chat", response_model=ChatAnswer)
def chat(body: ChatRequest, actor: Acting, bench: Bench) -> ChatAnswer | Response:
    """Ask an agent. With `stream` the answer is `text/event-stream`: turn.started, stage, evidence, delta, closed."""
    turn = _open(body, actor, bench)
    first = next(turn)
    if body.stream:
        return EventStream(first, turn, body.conversation_id)
    return finish(turn, body.conversation_id)


def finish(turn: Turn, conversation_id: str | None) -> ChatAnswer:
    """Run a turn to its end and return it whole."""
    evidence: tuple[Evidence, ...] = ()
    for event in turn:
        if isinstance(event, EvidenceFound):
            evidence = event.evidence
        elif isinstance(event, TurnClosed):
            return _answer(event, evidence, conversation_id)
    raise RuntimeError("the turn ended without a TurnClosed event")


def _open(body: ChatRequest, actor: Actor, bench: Workbench) -> Turn:
    with not_found_if_unknown():
        agent = bench.records.agents.get(body.agent_id)
    if body.conversation_id is None:
        messages = [*(Message(m.role, m.content) for m in body.context), Message("user", body.message)]
        return bench.native_llm.chat(actor, agent, messages, config=body.config())
    if body.context:
        raise InputError(
            "context and conversation_id exclude each other: the server keeps the conversation's messages."
        )
    with not_found_if_unknown():
        talks_to = bench.records.conversations.agent_of(actor, body.conversation_id)
    if talks_to != agent.id:
        raise InputError(f"The conversation is with agent {talks_to!r}, not with {agent.id!r}.")
    return bench.dialogue.ask(actor, body.conversation_id, body.message, config=body.config())


async def _stream(first: TurnEvent, turn: Turn, conversation_id: str | None) -> AsyncGenerator[bytes, None]:
    evidence: tuple[Evidence, ...] = ()
    event: TurnEvent | None = first
    try:
        while event is not None:
            if isinstance(event, EvidenceFound):
                evidence = event.evidence
            yield _encode(event, evidence, conversation_id)
            event = await run_in_threadpool(next, turn, None)
    except Exception as exc:  # noqa: BLE001 - the status is sent already, so every error becomes the last event
        yield _sse("error", error_body(*describe(exc)[1:]))
    finally:
        with anyio.CancelScope(shield=True):
            await run_in_threadpool(turn.close)


def _encode(event: TurnEvent, evidence: tuple[Evidence, ...], conversation_id: str | None) -> bytes:
    if isinstance(event, TurnStarted):
        return _sse("turn.started", {"turn_id": event.turn_id})
    if isinstance(event, StageDone):
        return _sse("stage", {"name": event.name, "ms": round(event.ms, 2)})
    if isinstance(event, EvidenceFound):
        return _sse("evidence", {"evidence": [_item(each, cited=None) for each in evidence]})
    if isinstance(event, Released):
        return _sse("delta", {"text": event.text})
    return _sse("closed", _answer(event, evidence, conversation_id).model_dump(mode="json"))


def _sse(kind: str, data: dict[str, Any]) -> bytes:
    return f"event: {kind}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def _item(evidence: Evidence, *, cited: bool | None) -> dict[str, Any]:
    shown = {key: value for key, value in asdict(evidence).items() if not key.startswith("sentence")}
    return shown | {"digest": evidence.digest()} | ({} if cited is None else {"cited": cited})


def _answer(closed: TurnClosed, evidence: tuple[Evidence, ...], conversation_id: str | None) -> ChatAnswer:
    record = closed.record
    cited = record.get("cited", [])
    return ChatAnswer(
        turn_id=closed.turn_id,
        conversation_id=conversation_id,
        message_id=closed.message_id,
        outcome=closed.outcome,
        text=closed.text,
        decision=closed.decision,
        evidence=[EvidenceItem(**_item(each, cited=each.number in cited)) for each in evidence],
        findings=record.get("findings", []),
        stage_ms=record.get("stage_ms", {}),
        input_tokens=record.get("input_tokens"),
        output_tokens=record.get("output_tokens"),
        digests=_digests(record),
        receipt=closed.receipt,
    )


def _digests(record: dict[str, Any]) -> dict[str, str | None]:
    model = record.get("model", {})
    return {
        "prompt": record.get("prompt_digest"),
        "released": record.get("released_digest"),
        "policy": record.get("policy_digest"),
        "agent": record.get("agent_digest"),
        "weights": model.get("weights_digest"),
        "adapter": model.get("adapter_digest"),
    }
