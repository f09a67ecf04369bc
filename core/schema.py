"""The words that core and its callers share: messages, evidence, requests, generated tokens, and the two Protocols.

Values only: nothing here loads a model, reads a file or decides what is allowed.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Literal, Protocol

import rfc8785

Role = Literal["system", "user", "assistant"]
Quoting = Literal["always", "when_cited", "off"]
FinishReason = Literal["stop", "length", "cancelled"]


def canonical_bytes(value: object) -> bytes:
    """Return the RFC 8785 canonical JSON of a value made of dicts, lists, strings, numbers, booleans and None."""
    return rfc8785.dumps(value)  # type: ignore[arg-type]


def digest_of(value: object) -> str:
    """Return `sha256:<hex>` of a value's canonical bytes; bytes are hashed as they are."""
    data = value if isinstance(value, bytes) else canonical_bytes(value)
    return "sha256:" + hashlib.sha256(data).hexdigest()


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class GenerateConfig:
    """How one answer is sampled. temperature 0 is greedy."""

    max_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int = 0
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a dataset's version: what is embedded, searched and shown as evidence.

    Attributes:
        id: Deterministic: the same content at the same place of the same version has the same id.
        document: Title of the document (file, page, table) that the chunk comes from.
        place: Where in the document, for people: "Travel > Meals", "rows 11-20", "page 4".
        position: Order within the dataset's version, from 0.
    """

    id: str
    dataset_id: str
    version: str
    document: str
    place: str
    position: int
    text: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """A retrieved chunk, numbered once for a turn; an answer's `[number]` means this one.

    Attributes:
        sentences: The quotable units of `text`, in order, each a verbatim substring of it.
        sentence_scores: How far each sentence answers the question, 0..1, same length as `sentences`.
        answering: Places in `sentences` of those that an answer should quote, best first; an answer that has to quote
            and finds none named quotes what it likes.
    """

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
    sentences: tuple[str, ...] = ()
    sentence_scores: tuple[float, ...] = ()
    answering: tuple[int, ...] = ()

    def digest(self) -> str:
        """Return the digest of the text that the model saw."""
        return digest_of(self.text.encode())


@dataclass(frozen=True, slots=True)
class Support:
    """How far passages support a sentence.

    Attributes:
        score: 0..1.
        shared: How much of the sentence's words the nearest sentence of the passages holds, 0..1.
        numbers_missing: Numbers of the sentence, written in digits, that no passage holds.
        names_missing: Names of the sentence, by their stems, that no passage holds.
        flipped: Whether it negates, or says the opposite of, the sentence of the passages that it is nearest to.
    """

    score: float
    shared: float
    numbers_missing: tuple[str, ...] = ()
    names_missing: tuple[str, ...] = ()
    flipped: bool = False


@dataclass(frozen=True, slots=True)
class Retrieval:
    """What a retriever found.

    Attributes:
        outcome: "found"; "nothing", when no evidence reaches the calibrated threshold; "not_needed" for small talk and
            questions about the agent itself, which no dataset answers.
        evidence: Numbered from 1, best first; empty unless something was found.
        nearest: Titles of the nearest documents, for the sentence that says that nothing answers.
        unanswered: Parts of the question, counted from 1, that no evidence answers while it answers others.
    """

    outcome: Literal["found", "nothing", "not_needed"]
    evidence: tuple[Evidence, ...] = ()
    nearest: tuple[str, ...] = ()
    unanswered: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class GenerateRequest:
    """All that decides what an engine generates; its digest is what a Permit is bound to.

    Attributes:
        messages: The conversation as the model sees it, system message first, evidence already rendered in.
        evidence: What may be quoted; read by the quoting constraint, not rendered again.
    """

    messages: tuple[Message, ...]
    config: GenerateConfig
    evidence: tuple[Evidence, ...] = ()
    quoting: Quoting = "off"
    adapter: str | None = None

    def digest(self) -> str:
        """Return the digest of everything in the request."""
        return digest_of(
            {
                "messages": [asdict(m) for m in self.messages],
                "config": asdict(self.config) | {"stop": list(self.config.stop)},
                "evidence": [
                    [e.number, e.chunk_id, e.digest(), list(e.sentences), list(e.sentence_scores)]
                    for e in self.evidence
                ],
                "quoting": self.quoting,
                "adapter": self.adapter,
            }
        )


@dataclass(frozen=True, slots=True)
class Permit:
    """The right to run one request once. Made and checked by `core.llm.permits.PermitOffice`.

    Attributes:
        request_digest: `GenerateRequest.digest()` of the only request that may run.
        expires_at: Aware UTC time.
        seal: HMAC over the other fields under the office's secret.
    """

    id: str
    turn_id: str
    request_digest: str
    expires_at: datetime
    seal: bytes


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of generated text, as soon as it is decoded. Unchecked: only the release gate may see it."""

    text: str


@dataclass(frozen=True, slots=True)
class Finish:
    """The last event of a generation.

    Attributes:
        trimmed_messages: How many of the oldest messages were left out because the context was too small.
    """

    reason: FinishReason
    input_tokens: int
    output_tokens: int
    trimmed_messages: int = 0


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What runs, for the record.

    Attributes:
        adapters: Name -> digest of each adapter that a request can choose.
    """

    profile: str
    name: str
    revision: str
    weights_digest: str
    tokenizer_digest: str
    context_tokens: int
    parameters: int
    dtype: str
    device: str
    adapters: dict[str, str] = field(default_factory=dict)


class Engine(Protocol):
    """Runs a language model. Every implementation refuses without a valid Permit for exactly this request."""

    @property
    def info(self) -> ModelInfo:
        """Return what runs."""

    def generate(self, request: GenerateRequest, *, permit: Permit) -> Iterator[Delta | Finish]:
        """Yield text pieces, then one Finish. Closing the iterator frees the slot within one decoding step.

        Raises:
            PermitRefused: The permit is missing, reused, expired, foreign or for another request.
            EngineError: Generation failed.
        """


class Retriever(Protocol):
    """Finds evidence."""

    def retrieve(self, conversation: Sequence[Message], *, dataset_ids: Sequence[str], top_k: int) -> Retrieval:
        """Return evidence for the last user message, from the active versions of these datasets only.

        Earlier messages help to understand a follow-up. No dataset given means that nothing is found.
        """
