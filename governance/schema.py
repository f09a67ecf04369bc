"""The words of governance: actors, findings, decisions, and the events of a turn.

Values only. The order of `ACTIONS` is the order of strictness.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from core.schema import Evidence, Message, Permit

Action = Literal["allow", "redact", "escalate", "block"]
ACTIONS: tuple[Action, ...] = ("allow", "redact", "escalate", "block")
Level = Literal["standard", "enhanced", "maximum"]
LEVELS: tuple[Level, ...] = ("standard", "enhanced", "maximum")
UserRole = Literal["admin", "builder", "reviewer", "researcher", "member"]
ROLES: tuple[UserRole, ...] = ("admin", "builder", "reviewer", "researcher", "member")
Stage = Literal["input", "retrieval", "output"]
Domain = Literal["general", "healthcare", "financial", "legal"]
DOMAINS: tuple[Domain, ...] = ("general", "healthcare", "financial", "legal")
Scope = Literal["open", "stated"]
SCOPES: tuple[Scope, ...] = ("open", "stated")
Outcome = Literal["answered", "abstained", "refused", "escalated", "stopped", "failed"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts. Comes from a session, an API key or the command line, never from a request's body.

    Attributes:
        id: The user's id; an API key acts as its user.
        scopes: Empty for a person (the role decides); for a key, the only actions it may take.
    """

    id: str
    name: str
    role: UserRole
    kind: Literal["user", "key"] = "user"
    scopes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Resource:
    """On what: a kind ("agent", "dataset", "turn", "user", "ledger", ...), and where known its id and owner."""

    kind: str
    id: str | None = None
    owner_id: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rail reports.

    Attributes:
        score: 0..1.
        start: First character of the span in the text that was inspected.
        end: One past the last character.
        evidence: The matched text, masked, safe to show and to log.
        message_index: Which message or chunk the text was, from 0.
    """

    rail: str
    category: str
    score: float
    start: int
    end: int
    evidence: str = ""
    message_index: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer of a policy or of `authorize`.

    Attributes:
        reason: For reviewers: what led to it.
        rule_id: Which rule decided, e.g. `core.privacy.mask-identifiers`, `access.role`, `fail-closed.rail`.
        message: For the user, kind and plain; empty when allowed.
        notice: A sentence that the answer has to carry, such as a disclaimer.
    """

    action: Action
    reason: str
    rule_id: str
    message: str = ""
    notice: str = ""

    @property
    def allowed(self) -> bool:
        """Say whether the thing may go on, as it is or redacted."""
        return self.action in ("allow", "redact")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the governance engine says of texts: the Decision, all findings, and the texts as they may go on.

    Attributes:
        texts: Same length as what was inspected, redacted where the Decision says so.
        rail_ms: Rail name -> milliseconds.
        notices: Sentences that the answer has to carry, each once.
    """

    decision: Decision
    findings: tuple[Finding, ...]
    texts: tuple[str, ...]
    rail_ms: dict[str, float] = field(default_factory=dict)
    notices: tuple[str, ...] = ()


class Rail(Protocol):
    """A check of text. Pure: the same text gives the same findings."""

    @property
    def name(self) -> str:
        """Return the rail's name, as findings and policies call it."""

    @property
    def version(self) -> str:
        """Return what identifies this rail's rules or weights in a record."""

    def inspect(self, text: str) -> list[Finding]:
        """Return findings with spans into `text`, sorted by start."""


class PermitIssuer(Protocol):
    """Mints the right to generate once; `core.llm.permits.PermitOffice` does."""

    def issue(self, request_digest: str, *, turn_id: str) -> Permit:
        """Return a Permit for exactly this request."""


class PromptRenderer(Protocol):
    """Lays out the prompt; `core.rag.prompt.render_prompt` does."""

    def __call__(
        self, conversation: Sequence[Message], *, name: str, purpose: str, style: str, evidence: Sequence[Evidence]
    ) -> tuple[Message, ...]:
        """Return the messages that the model sees."""


@dataclass(frozen=True, slots=True)
class TurnStarted:
    """First event: the turn has an id. Nothing is generated yet."""

    turn_id: str


@dataclass(frozen=True, slots=True)
class StageDone:
    """A step of the turn is over; `governance.native_llm.STEPS` names them in order."""

    name: str
    ms: float


@dataclass(frozen=True, slots=True)
class EvidenceFound:
    """What the answer may cite, after the retrieval rails."""

    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Released:
    """A piece of the answer that passed the output rails. The only text that a person may see."""

    text: str


@dataclass(frozen=True, slots=True)
class TurnClosed:
    """Last event of every turn: what was decided, and the proof.

    Attributes:
        text: The whole released text (for a refusal: the kind message).
        record: The body of the sealed ledger entry, JSON-like; see docs/architecture.md for its fields.
        receipt: The signed proof that binds the record, JSON-like; None only when the ledger could not be written.
        message_id: The stored answer in the conversation; None without one.
    """

    turn_id: str
    outcome: Outcome
    decision: Decision
    text: str
    record: dict[str, Any]
    receipt: dict[str, Any] | None
    message_id: str | None = None


TurnEvent = TurnStarted | StageDone | EvidenceFound | Released | TurnClosed


@dataclass(frozen=True, slots=True)
class AgentView:
    """An agent as the rest of the system uses it.

    Attributes:
        style: How it answers: "balanced", or the name of an adapter's style.
        dataset_ids: What it may retrieve from.
        domain: Whose rules it answers under, beside those of every agent.
        allow: Contact details that are public here, so that the privacy rail lets exactly them pass.
        scope: "stated" answers only what its name, purpose and datasets are about; "open" whatever it can.
        used_for: The purpose, in the words of dataset cards, that data has to be usable for; None where it names none.
    """

    id: str
    owner_id: str
    name: str
    purpose: str
    profile: str
    adapter: str | None
    level: Level
    style: str
    dataset_ids: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    retired_at: datetime | None = None
    domain: Domain = "general"
    allow: tuple[str, ...] = ()
    scope: Scope = "open"
    used_for: str | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A dataset of an agent that a turn may not search, with the reason as a word and as a sentence."""

    dataset_id: str
    reason: Literal["state", "tier", "time", "licence", "purpose"]
    because: str


@dataclass(frozen=True, slots=True)
class UsableDatasets:
    """What a turn may search of an agent's datasets, and what it may not."""

    dataset_ids: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()

    def counts(self) -> dict[str, int]:
        """Return how many are left out, by reason."""
        return dict(Counter(each.reason for each in self.left_out))


@dataclass(frozen=True, slots=True)
class ConversationView:
    """A conversation in a list."""

    id: str
    agent_id: str
    title: str
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message of a conversation, decrypted, with its place among its versions.

    Attributes:
        versions: Ids of all siblings (regenerated or edited versions), oldest first, itself included.
    """

    id: str
    parent_id: str | None
    message: Message
    turn_id: str | None
    created_at: datetime
    versions: tuple[str, ...]
