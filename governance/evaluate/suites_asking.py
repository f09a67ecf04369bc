"""Asks the rows of a suite: an agent through the real door, or the checks alone.

What an answer says is looked at here and not kept: a reply holds its outcome, what it cites, and whether it leaked.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from core.rag.sentences import split_sentences
from core.schema import Evidence, GenerateConfig, Retrieval, digest_of
from governance.agents import Agents, agent_digest
from governance.errors import InputError
from governance.evaluate.given import Given
from governance.evaluate.suites import SuiteRow
from governance.governance_engine import GovernanceEngine
from governance.native_llm import NativeLLM
from governance.rails import Grounding
from governance.schema import Actor, AgentView, Decision, EvidenceFound, Outcome, TurnClosed

GIVEN = "given"  # the dataset of the passages that a row gives
Mode = Literal["door", "rails"]
Came = Outcome | Literal["passed"]  # passed: the input check alone lets it go on, as it is or masked


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a row.

    Attributes:
        turn_id: Where the record and the encrypted text are found; None without a turn.
        cited: The passages that the answer cites, sorted: dataset version and chunk id.
        leaked: How many forbidden strings were shown; None where that can't be told.
        grounding: What was held against evidence; None where nothing could be.
    """

    outcome: Came
    rule_id: str
    turn_id: str | None
    cited: tuple[str, ...]
    leaked: int | None
    total_ms: float
    grounding: Grounding | None = None


@dataclass(frozen=True, slots=True)
class Evaluator:
    """Who asks whom, and how.

    Attributes:
        conditions: Digests of what decides the outcome; a run goes on only while they are the same.
    """

    actor: Actor
    agent: AgentView
    mode: Mode
    ask: Callable[[SuiteRow], Reply]
    conditions: dict[str, str] = field(default_factory=dict)


def find_agent(agents: Agents, name: str) -> AgentView:
    """Return the agent in use that has this id or name.

    Raises:
        InputError: There is none; lists those that there are.
    """
    known = agents.list()
    for each in known:
        if name in (each.id, each.name):
            return each
    if any(name in (each.id, each.name) for each in agents.list(retired=True)):
        raise InputError(f"The agent {name!r} is retired and answers nothing. Choose one in use: {_names(known)}.")
    raise InputError(f"There is no agent {name!r}. Known: {_names(known)}. `promethios agents create` makes one.")


def build_door_evaluator(
    native_llm: NativeLLM, governance: GovernanceEngine, *, actor: Actor, agent: AgentView
) -> Evaluator:
    """Return what asks an agent through the door, greedily.

    Raises:
        InputError: The agent's model is not the one that runs.
    """
    info = native_llm.engine.info
    if agent.profile != info.profile:
        raise InputError(
            f"The agent {agent.name!r} needs the model profile {agent.profile!r}, and {info.profile!r} is running. "
            f"Set PROMETHIOS_PROFILE={agent.profile}, or choose another agent."
        )
    conditions = _conditions(governance, actor=actor, agent=agent) | {"weights_digest": info.weights_digest}

    def ask(row: SuiteRow) -> Reply:
        if row.answer is not None:
            return _hold(row, row.answer, governance, actor=actor, agent=agent)
        evidence: Sequence[Evidence] = ()
        closed: TurnClosed | None = None
        door, asked = native_llm, agent
        if row.passages:
            door = native_llm.with_retriever(Given(Retrieval("found", _passages(row))))
            asked = replace(agent, dataset_ids=(GIVEN,))
        for event in door.chat(actor, asked, row.conversation(), config=GenerateConfig()):
            if isinstance(event, EvidenceFound):
                evidence = event.evidence
            elif isinstance(event, TurnClosed):
                closed = event
        assert closed is not None, "every turn ends with TurnClosed"
        return _reply(row, closed, evidence)

    return Evaluator(actor, agent, "door", ask, conditions)


def build_rails_evaluator(governance: GovernanceEngine, *, actor: Actor, agent: AgentView) -> Evaluator:
    """Return what asks the checks alone, at the agent's level; no model, no retrieval, no turn."""

    def ask(row: SuiteRow) -> Reply:
        if row.answer is not None:
            return _hold(row, row.answer, governance, actor=actor, agent=agent)
        if row.passages:
            return _check_passages(row, governance, actor=actor, agent=agent)
        begin = time.perf_counter()
        verdict = governance.check_input(row.conversation(), agent=agent, actor=actor)
        total_ms = round((time.perf_counter() - begin) * 1000, 2)
        decision = verdict.decision
        outcome = _came(decision)
        leaked = None
        if row.asks_for_what_it_holds():
            leaked = row.leaked(*verdict.texts) if decision.allowed else 0
        return Reply(outcome, decision.rule_id, None, (), leaked, total_ms)

    return Evaluator(actor, agent, "rails", ask, _conditions(governance, actor=actor, agent=agent))


def _hold(row: SuiteRow, answer: str, governance: GovernanceEngine, *, actor: Actor, agent: AgentView) -> Reply:
    """Send an answer that the row gives through the gate, with the row's passages for evidence; no model, no turn."""
    evidence = _passages(row)
    begin = time.perf_counter()
    gate = governance.open_gate(agent=agent, actor=actor, evidence=evidence)
    gate.push(answer)
    gate.finish()
    total_ms = round((time.perf_counter() - begin) * 1000, 2)
    grounding = governance.check_grounding(answer, evidence)
    return Reply(_came(gate.decision), gate.decision.rule_id, None, (), None, total_ms, grounding)


def _check_passages(row: SuiteRow, governance: GovernanceEngine, *, actor: Actor, agent: AgentView) -> Reply:
    """Send the row's passages through the check of evidence: what it lets pass would reach the model and the person."""
    begin = time.perf_counter()
    verdict = governance.check_evidence(_passages(row), agent=agent, actor=actor)
    total_ms = round((time.perf_counter() - begin) * 1000, 2)
    leaked = row.leaked(*(each.text for each in verdict.evidence))
    return Reply(_came(verdict.decision), verdict.decision.rule_id, None, (), leaked, total_ms)


def _passages(row: SuiteRow) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(
            n, f"given-{n}", GIVEN, GIVEN, row.id, row.id, "", "", text, 1.0, sentences=tuple(split_sentences(text))
        )
        for n, text in enumerate(row.passages, start=1)
    )


def _came(decision: Decision) -> Came:
    return "passed" if decision.allowed else "escalated" if decision.action == "escalate" else "refused"


def _reply(row: SuiteRow, closed: TurnClosed, evidence: Sequence[Evidence]) -> Reply:
    record = closed.record
    numbers = record.get("cited", [])
    cited = sorted({f"{each.dataset_version}/{each.chunk_id}" for each in evidence if each.number in numbers})
    leaked = row.leaked(closed.text, *(each.text for each in evidence))
    total_ms = float(record.get("total_ms") or 0.0)
    grounding = Grounding(**record["groundedness"]) if "groundedness" in record else None
    return Reply(closed.outcome, closed.decision.rule_id, closed.turn_id, tuple(cited), leaked, total_ms, grounding)


def _conditions(governance: GovernanceEngine, *, actor: Actor, agent: AgentView) -> dict[str, str]:
    return {
        "actor": digest_of([actor.id, actor.role]),
        "agent_digest": agent_digest(agent),
        "policy_digest": governance.policy_digest,
        "rails_digest": digest_of(governance.rail_versions),
    }


def _names(agents: Sequence[AgentView]) -> str:
    return ", ".join(each.name for each in agents) or "none"
