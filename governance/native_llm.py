"""NativeLLM, the one door: every token that anyone gets from a model passed the eight steps below.

No argument, role, setting or request field leaves a step out. What it does not cover: code that runs inside this
process with bad intent can reach the engine's objects; see docs/threat-model.md.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from copy import copy
from dataclasses import replace
from functools import partial

from core.errors import CoreError
from core.schema import (
    Delta,
    Engine,
    Finish,
    GenerateConfig,
    GenerateRequest,
    Message,
    Quoting,
    Retrieval,
    Retriever,
    canonical_bytes,
)
from governance.answer import Answer
from governance.endings import Ending, add_notices, ending_of, fail_closed, gate_ending, say_unanswered
from governance.errors import GovernanceError, InputError
from governance.governance_engine import GovernanceEngine, violations_in
from governance.holds import HELD, held_body
from governance.identity import authorize
from governance.ledger import ContentVault, Ledger, build_draft
from governance.placeholders import recall_placeholders
from governance.quotations import check_quotations
from governance.rails import Masker, Scope, say_scope
from governance.refusals import is_refusal
from governance.release import ReleaseGate
from governance.review import find_release
from governance.schema import (
    Actor,
    AgentView,
    Decision,
    EvidenceFound,
    Outcome,
    PermitIssuer,
    PromptRenderer,
    Resource,
    StageDone,
    TurnClosed,
    TurnEvent,
    TurnStarted,
    UsableDatasets,
)
from governance.turn_record import TurnRecord

STEPS = ("authorise", "input_rails", "intent", "retrieve", "retrieval_rails", "generate", "release", "outcome")
SMALL_MODEL_PARAMETERS = 1_000_000_000
REFUSAL_TOKENS = 96
OPENING = 80  # characters by which a refusal shows itself


class NativeLLM:
    """The only path to the model."""

    def __init__(
        self,
        engine: Engine,
        *,
        retriever: Retriever,
        governance: GovernanceEngine,
        ledger: Ledger,
        vault: ContentVault,
        permits: PermitIssuer,
        render_prompt: PromptRenderer,
        usable_datasets: Callable[[Actor, AgentView], UsableDatasets],
        scope: Scope,
        max_answer_tokens: int,
        top_k: int,
        review_wait_s: float,
        timer: Callable[[], float],
        new_id: Callable[[], str],
    ) -> None:
        self.engine = engine
        self._retriever = retriever
        self._governance = governance
        self._ledger = ledger
        self._vault = vault
        self._recall = partial(recall_placeholders, ledger, vault)
        self._permits = permits
        self._render_prompt = render_prompt
        self._usable_datasets = usable_datasets
        self._scope = scope
        self._max_answer_tokens = max_answer_tokens
        self._top_k = top_k
        self._review_wait_s = review_wait_s
        self._timer = timer
        self._new_id = new_id

    def with_retriever(self, retriever: Retriever) -> "NativeLLM":
        """Return a door with every check of this one that searches elsewhere."""
        other = copy(self)
        other._retriever = retriever
        return other

    def chat(
        self,
        actor: Actor,
        agent: AgentView,
        messages: Sequence[Message],
        *,
        config: GenerateConfig | None = None,
        conversation_id: str | None = None,
        held_turn_id: str | None = None,
        after_turn_id: str | None = None,
    ) -> Generator[TurnEvent, None, None]:
        """Run one turn. Closing the generator stops it: what was released is recorded, the rest is never shown.

        Args:
            actor: From a session, a key or the command line.
            agent: Who answers.
            messages: The conversation, ending with the user's message; system messages are refused.
            config: How to sample; its length is capped by the settings.
            conversation_id: Ties the turns of a conversation together in the ledger.
            after_turn_id: The conversation's turn before; what it masked keeps its placeholders.
            held_turn_id: The turn that held the same question for a reviewer. Only what the ledger says of it counts.

        Yields:
            TurnStarted first, TurnClosed last; the text of the Released events together is TurnClosed.text.

        Raises:
            InputError: The messages are malformed.
        """
        _check_messages(messages)
        record = TurnRecord(
            turn_id=self._new_id(),
            conversation_id=conversation_id,
            after_turn_id=after_turn_id,
            actor=actor,
            agent=agent,
            model=self.engine.info,
            governance=self._governance.for_turn(agent, actor),
            timer=self._timer,
        )
        answer = Answer()
        yield TurnStarted(record.turn_id)
        try:
            outcome, decision = yield from self._run(record, answer, messages, config or GenerateConfig(), held_turn_id)
        except GeneratorExit:
            answer.waiting = ""
            self._seal(record, answer, "stopped", Decision("allow", "stopped by the person", "turn.stopped"), messages)
            raise
        except Exception as exc:  # noqa: BLE001 - the boundary that fails closed, whatever broke
            outcome, decision = "failed", fail_closed(exc)
        yield from self._finish(record, answer, outcome, decision, messages)

    def _run(
        self,
        record: TurnRecord,
        answer: Answer,
        messages: Sequence[Message],
        config: GenerateConfig,
        held_turn_id: str | None,
    ) -> Generator[TurnEvent, None, Ending]:
        actor, agent, masker = record.actor, record.agent, record.masker

        # 1. Authorise: who asks comes from the session or key.
        with record.stage("authorise"):
            decision = self._authorise(actor, agent)
            release = find_release(self._ledger, self._vault, held_turn_id, record=record, messages=messages)
        yield StageDone("authorise", record.stage_ms["authorise"])
        if not decision.allowed:
            return "refused", decision

        masker.know(self._recall(actor, turn_id=record.after_turn_id, conversation_id=record.conversation_id))

        # 2. Input rails, on the whole conversation that the model will see.
        with record.stage("input_rails"):
            verdict = record.governance.check_input(
                messages, agent=agent, actor=actor, masker=masker, released=release is not None
            )
            record.note("input", verdict.decision, verdict.findings, verdict.rail_ms)
        yield StageDone("input_rails", record.stage_ms["input_rails"])
        if not verdict.decision.allowed:
            return ending_of(verdict.decision)
        conversation = [replace(m, content=text) for m, text in zip(messages, verdict.texts, strict=True)]
        config = replace(config, max_tokens=min(config.max_tokens, self._max_answer_tokens))

        # 3. Record intent, durably, before anything is retrieved or generated.
        with record.stage("intent"):
            asked = self._keep(record, {"messages": [m.content for m in messages]})
            self._append(record, "turn.opened", record.opened(conversation, config=config, content_id=asked))
        yield StageDone("intent", record.stage_ms["intent"])

        # 4. Retrieve what this agent and this actor may use; rails drop or mask single chunks.
        with record.stage("retrieve"):
            found = release.retrieval if release and release.answer else self._retrieve(record, conversation)
            record.retrieval = found.outcome if agent.dataset_ids else "none"
        yield StageDone("retrieve", record.stage_ms["retrieve"])
        with record.stage("retrieval_rails"):
            self._check_evidence(record, found, masker)
        yield StageDone("retrieval_rails", record.stage_ms["retrieval_rails"])
        yield EvidenceFound(record.evidence)

        withheld = release.answer if release else ""
        request = self._request(record, conversation, config)
        gate = record.governance.open_gate(
            agent=agent,
            actor=actor,
            masker=masker,
            released=bool(withheld),
            prompt=request.messages,
            evidence=record.evidence,
        )
        off_scope = None if withheld or record.evidence else self._scope.check_question(conversation, agent)
        if off_scope:
            yield from answer.offer(say_scope(agent))
            yield from add_notices(record, answer, verdict.notices, gate)
            return "abstained", off_scope
        if found.outcome == "nothing" or (found.outcome == "found" and not record.evidence):
            text = self._refusal(record, request) or _nothing_found(found)
            yield from answer.offer(gate.push(text))
            yield from answer.offer(gate.finish())
            ending = gate_ending(record, gate, answered="abstained", text=text)
            yield from add_notices(record, answer, verdict.notices, gate)
            return ending

        # 5. Generate, with a Permit for exactly this prompt. 6. Release what the output rails have passed.
        pieces = _replay(withheld) if withheld else self._start(record, request)
        yield from self._generate(record, answer, pieces, gate)
        yield StageDone("generate", record.stage_ms["generate"])
        yield StageDone("release", record.stage_ms["release"])
        ending = gate_ending(record, gate, answered="answered", text=answer.text + answer.waiting)
        yield from add_notices(record, answer, (*verdict.notices, *say_unanswered(found)), gate)
        return ending

    def _authorise(self, actor: Actor, agent: AgentView) -> Decision:
        if agent.retired_at is not None:
            return Decision("block", "the agent is retired", "access.retired", "This agent is no longer in use.")
        if agent.profile != self.engine.info.profile:
            running = self.engine.info.profile
            reason = f"the agent needs the model profile {agent.profile!r}, {running!r} is running"
            return Decision("block", reason, "access.profile", "This agent's model is not running here.")
        return authorize(actor, "chat.use", Resource("agent", agent.id, agent.owner_id))

    def _retrieve(self, record: TurnRecord, conversation: Sequence[Message]) -> Retrieval:
        if not record.agent.dataset_ids:
            return Retrieval("not_needed")
        record.usable = self._usable_datasets(record.actor, record.agent)
        return self._retriever.retrieve(conversation, dataset_ids=record.usable.dataset_ids, top_k=self._top_k)

    def _check_evidence(self, record: TurnRecord, found: Retrieval, masker: Masker) -> None:
        verdict = record.governance.check_evidence(
            found.evidence, agent=record.agent, actor=record.actor, masker=masker
        )
        record.note("retrieval", verdict.decision, verdict.findings, verdict.rail_ms)
        record.evidence = tuple(replace(e, number=n) for n, e in enumerate(verdict.evidence, start=1))
        record.dropped = verdict.dropped
        given = {each.chunk_id: each.text for each in found.evidence}
        record.is_evidence_masked = any(each.text != given[each.chunk_id] for each in record.evidence)

    def _request(self, record: TurnRecord, conversation: Sequence[Message], config: GenerateConfig) -> GenerateRequest:
        agent = record.agent
        prompt = self._render_prompt(
            conversation, name=agent.name, purpose=agent.purpose, style=agent.style, evidence=record.evidence
        )
        return GenerateRequest(
            messages=prompt,
            config=config,
            evidence=record.evidence,
            quoting=self._quoting(agent) if record.evidence else "off",
            adapter=agent.adapter,
        )

    def _quoting(self, agent: AgentView) -> Quoting:
        """Let only a model that can write its own sentences do so, and only at the lowest level."""
        free = agent.level == "standard" and self.engine.info.parameters >= SMALL_MODEL_PARAMETERS
        return "when_cited" if free else "always"

    def _generate(
        self, record: TurnRecord, answer: Answer, stream: Iterator[Delta | Finish], gate: ReleaseGate
    ) -> Iterator[TurnEvent]:
        with closing(stream) as pieces:  # type: ignore[type-var]
            # What a person has to look at is generated to its end, unseen: it is what a reviewer releases.
            while not gate.stopped or gate.decision.action == "escalate":
                with record.stage("generate"):
                    event = next(pieces, None)
                if not isinstance(event, Delta):
                    record.finish = event if isinstance(event, Finish) else None
                    break
                record.generated += event.text
                with record.stage("release"):
                    piece = gate.push(event.text)
                if piece and record.first_release_ms is None:
                    record.first_release_ms = record.elapsed_ms()
                yield from answer.offer(piece)
        with record.stage("release"):
            tail = gate.finish()
        yield from answer.offer(tail)

    def _start(self, record: TurnRecord, request: GenerateRequest) -> Iterator[Delta | Finish]:
        record.prompt_digest = request.digest()
        return self.engine.generate(request, permit=self._permits.issue(record.prompt_digest, turn_id=record.turn_id))

    def _refusal(self, record: TurnRecord, request: GenerateRequest) -> str:
        """Return what the model says without evidence when it declines, else nothing: then its words stay unseen."""
        config = replace(request.config, max_tokens=min(request.config.max_tokens, REFUSAL_TOKENS))
        request, text = replace(request, config=config), ""
        with record.stage("generate"), closing(self._start(record, request)) as pieces:  # type: ignore[type-var]
            for event in pieces:
                if isinstance(event, Finish):
                    record.finish = event
                    break
                text += event.text
                if len(text) > OPENING and not is_refusal(text):
                    return ""
        return text if is_refusal(text) else ""

    def _finish(
        self, record: TurnRecord, answer: Answer, outcome: Outcome, decision: Decision, messages: Sequence[Message]
    ) -> Iterator[TurnEvent]:
        # 7. Record the outcome; what still waits is released only when the record is sealed.
        if decision.message and not decision.allowed:
            separator = "\n\n" if answer.text or answer.waiting else ""
            yield from answer.offer(separator + decision.message)
        body, receipt, problem = self._seal(record, answer, outcome, decision, messages)
        if problem is not None:
            answer.waiting = ""
            yield TurnClosed(record.turn_id, "failed", problem, answer.text or problem.message, body, None)
            return
        yield StageDone("outcome", record.stage_ms["outcome"])
        yield from answer.release_waiting()
        # 8. Hand out the receipt.
        yield TurnClosed(record.turn_id, outcome, decision, answer.text, body, receipt)

    def _seal(
        self, record: TurnRecord, answer: Answer, outcome: Outcome, decision: Decision, messages: Sequence[Message]
    ) -> tuple[dict[str, object], dict[str, object] | None, Decision | None]:
        """Write `turn.closed`; return its body, the receipt, and what went wrong."""
        text = answer.text + answer.waiting
        body: dict[str, object] = {}
        try:
            with record.stage("outcome"):
                audit = record.governance.audit_output(
                    text, agent=record.agent, actor=record.actor, released=record.release is not None
                )
                kept = self._keep(record, record.content(messages, text))
                body = record.closed(
                    outcome,
                    decision,
                    text=text,
                    content_id=kept,
                    quotations=check_quotations(text, record.evidence),
                    audit=violations_in(audit),
                )
                held = self._hold(record, decision, messages) if outcome == "escalated" else None
                index = self._append(record, "turn.closed", body, held=held)
                return body, self._ledger.receipt(index), None
        except (GovernanceError, CoreError, OSError) as exc:
            return body, None, fail_closed(exc)

    def _keep(self, record: TurnRecord, content: dict[str, object]) -> str:
        return self._vault.put(record.actor.id, canonical_bytes(content))

    def _hold(self, record: TurnRecord, decision: Decision, messages: Sequence[Message]) -> dict[str, object]:
        """Keep what a reviewer may release, and return the body of `turn.held`."""
        kept = self._keep(record, {"answer": record.generated}) if record.generated else None
        return held_body(
            decision,
            messages,
            conversation_id=record.conversation_id,
            answer=record.generated,
            answer_content_id=kept,
            wait_s=self._review_wait_s,
        )

    def _append(
        self, record: TurnRecord, kind: str, body: dict[str, object], *, held: dict[str, object] | None = None
    ) -> int:
        """Seal an entry of the turn, with `turn.held` beside it where it waits for a reviewer; return its index."""
        ids = {"turn_id": record.turn_id, "agent_id": record.agent.id, "actor_id": record.actor.id}
        if held is None:
            return self._ledger.append(kind, body, **ids).index
        drafts = [build_draft(HELD, held, **ids), build_draft(kind, body, **ids)]
        return self._ledger.append_many(drafts)[-1].index


def _check_messages(messages: Sequence[Message]) -> None:
    if not messages or messages[-1].role != "user" or not messages[-1].content.strip():
        raise InputError("The conversation must end with a user message that is not empty.")
    if any(message.role == "system" for message in messages):
        raise InputError("System messages are the agent's own; a conversation holds user and assistant messages.")


def _replay(text: str) -> Iterator[Delta | Finish]:
    yield Delta(text)


def _nothing_found(found: Retrieval) -> str:
    sentence = "I can't find that in the datasets attached to this agent."
    return f"{sentence} The nearest documents are: {'; '.join(found.nearest)}." if found.nearest else sentence
