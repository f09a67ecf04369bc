"""What a turn leaves in the ledger, gathered while it runs: `turn.opened` and the sealed `turn.closed`.

The bodies hold digests and metadata only; texts lie encrypted beside the ledger under `content_id`.
docs/architecture.md lists every field.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from core.schema import Evidence, Finish, GenerateConfig, Message, ModelInfo, digest_of
from governance.agents import agent_digest
from governance.governance_engine import GovernanceEngine
from governance.placeholders import PLACEHOLDERS
from governance.quotations import QuotationCheck
from governance.rails import Grounding, Masker
from governance.schema import Actor, AgentView, Decision, Finding, Outcome, Stage, UsableDatasets

PLACES = "places"  # where each piece of evidence stands: number, document, place


@dataclass(slots=True)
class TurnRecord:
    """A turn under way.

    Attributes:
        governance: Rails and policy as they were when the turn began.
        release: Which reviewer's release lets this turn pass where the policy asks for a person; None for most turns.
        after_turn_id: The conversation's turn before.
        masker: Gives the placeholders, those of the conversation's last turn among them.
        generated: All that the model said, more than was released where the gate stopped.
    """

    turn_id: str
    conversation_id: str | None
    actor: Actor
    agent: AgentView
    model: ModelInfo
    governance: GovernanceEngine
    timer: Callable[[], float]
    after_turn_id: str | None = None
    started: float = field(init=False)
    stage_ms: dict[str, float] = field(default_factory=dict)
    rail_ms: dict[str, float] = field(default_factory=dict)
    findings: list[tuple[Stage, Finding]] = field(default_factory=list)
    decisions: list[tuple[str, Decision]] = field(default_factory=list)
    evidence: tuple[Evidence, ...] = ()
    dropped: tuple[Evidence, ...] = ()
    is_evidence_masked: bool = False
    retrieval: str = "none"
    usable: UsableDatasets = field(default_factory=UsableDatasets)
    prompt_digest: str | None = None
    first_release_ms: float | None = None
    finish: Finish | None = None
    max_held_chars: int = 0
    release: dict[str, Any] | None = None
    generated: str = ""
    notices: tuple[str, ...] = ()
    grounding: Grounding = field(default_factory=Grounding)
    masker: Masker = field(default_factory=Masker)
    asked: dict[str, Any] = field(default_factory=lambda: {"messages_digest": None, "config": None})

    def __post_init__(self) -> None:
        self.started = self.timer()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure a step; a step entered again adds to its time."""
        begin = self.timer()
        try:
            yield
        finally:
            self.stage_ms[name] = self.stage_ms.get(name, 0.0) + (self.timer() - begin) * 1000

    def elapsed_ms(self) -> float:
        """Return the milliseconds since the turn began."""
        return (self.timer() - self.started) * 1000

    def note(self, stage: Stage, decision: Decision, findings: Sequence[Finding], rail_ms: dict[str, float]) -> None:
        """Keep what the rails of a stage found and what the policy made of it."""
        self.findings += [(stage, finding) for finding in findings]
        self.decisions.append((stage, decision))
        for rail, ms in rail_ms.items():
            self.rail_ms[rail] = self.rail_ms.get(rail, 0.0) + ms

    def content(self, messages: Sequence[Message], text: str) -> dict[str, object]:
        """Return what is kept of the turn, encrypted; `text` is every character that was released."""
        return {
            "messages": [[m.role, m.content] for m in messages],
            "evidence": [[e.number, e.chunk_id, e.text] for e in self.evidence],
            PLACES: [[e.number, e.document, _place(e)] for e in self.evidence],
            "answer": text,
            PLACEHOLDERS: self.masker.values(),
        }

    def opened(self, messages: Sequence[Message], *, config: GenerateConfig, content_id: str) -> dict[str, Any]:
        """Return the body of `turn.opened`."""
        self.asked = {
            "messages_digest": digest_of([asdict(message) for message in messages]),
            "config": asdict(config) | {"stop": list(config.stop)},
        }
        return self._who() | self.asked | {"content_id": content_id}

    def closed(
        self,
        outcome: Outcome,
        decision: Decision,
        *,
        text: str,
        content_id: str | None,
        quotations: QuotationCheck,
        audit: Sequence[Finding] | None,
    ) -> dict[str, Any]:
        """Return the body of `turn.closed`.

        `text` is every character that was released; `audit` holds the findings of the output rails on all of it that
        the policy does not allow, None when nothing was audited.
        """
        finish = self.finish
        return (self._who() | self.asked) | {
            "outcome": outcome,
            "decision": asdict(decision),
            "decisions": [{"stage": stage, **asdict(each)} for stage, each in self.decisions],
            "findings": [{"stage": stage, **asdict(each)} for stage, each in self.findings],
            "left_out": list(self.governance.left_out),
            "retrieval": self.retrieval,
            "datasets_left_out": self.usable.counts(),
            "evidence": [_evidence_entry(each) for each in self.evidence],
            "dropped_evidence": [_evidence_entry(each) for each in self.dropped],
            "prompt_digest": self.prompt_digest,
            "notices": list(self.notices),
            "released_digest": digest_of(text.encode()),
            "released_chars": len(text),
            "max_held_chars": self.max_held_chars,
            "groundedness": asdict(self.grounding),
            "quotations": {"checked": quotations.checked, "supported": quotations.supported},
            "cited": list(quotations.cited),
            "released_violations": None if audit is None else [asdict(each) for each in audit],
            "content_id": content_id,
            "input_tokens": finish.input_tokens if finish else None,
            "output_tokens": finish.output_tokens if finish else None,
            "finish_reason": finish.reason if finish else None,
            "trimmed_messages": finish.trimmed_messages if finish else None,
            "first_release_ms": _ms(self.first_release_ms),
            "total_ms": _ms(self.elapsed_ms()),
            "stage_ms": {name: _ms(value) for name, value in self.stage_ms.items()},
            "rail_ms": {name: _ms(value) for name, value in self.rail_ms.items()},
        }

    def _who(self) -> dict[str, Any]:
        return {
            "conversation_id": self.conversation_id,
            "actor": {"kind": self.actor.kind, "role": self.actor.role},
            "agent_digest": agent_digest(self.agent),
            "level": self.agent.level,
            "domain": self.agent.domain,
            "datasets_attached": len(self.agent.dataset_ids),
            "policy_digest": self.governance.policy_digest,
            "rails": self.governance.rail_versions,
            "release": self.release,
            "model": {
                "profile": self.model.profile,
                "name": self.model.name,
                "revision": self.model.revision,
                "weights_digest": self.model.weights_digest,
                "tokenizer_digest": self.model.tokenizer_digest,
                "adapter": self.agent.adapter,
                "adapter_digest": self.model.adapters.get(self.agent.adapter) if self.agent.adapter else None,
            },
        }


def _place(evidence: Evidence) -> str:
    """Return where evidence stands; a query, the last line of its text, as that was masked."""
    return evidence.text.rpartition("\n")[2] if "Query: " in evidence.place else evidence.place


def _evidence_entry(evidence: Evidence) -> dict[str, Any]:
    return {
        "number": evidence.number,
        "chunk_id": evidence.chunk_id,
        "dataset_id": evidence.dataset_id,
        "dataset_version": evidence.dataset_version,
        "digest": evidence.digest(),
        "score": round(evidence.score, 4),
    }


def _ms(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
