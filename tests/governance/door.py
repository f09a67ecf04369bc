"""A door to test: real rails, policies, ledger, vault and permits; the model echoes, and evidence is given by hand."""

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from core.llm.echo import EchoEngine, last_user_message
from core.llm.permits import PermitOffice
from core.rag.prompt import render_prompt
from core.rag.question import stands_alone
from core.schema import Evidence, GenerateRequest, Message, Retrieval
from core.store.database import Store
from core.store.tables import Dataset, User
from governance.agents import AgentDraft, Agents
from governance.conversations import Conversations
from governance.dataset_access import DatasetAccess
from governance.dataset_rules import SHIPPED, DatasetRulesFile
from governance.dialogue import Dialogue
from governance.governance_engine import GovernanceEngine
from governance.ledger import ContentVault, Ledger, Signer, create_signer
from governance.native_llm import NativeLLM
from governance.policy import Places, PolicyBook, PolicyVersions
from governance.rails import RailSet, Scope
from governance.review import Reviews
from governance.schema import Actor, AgentView, TurnClosed, TurnEvent, UserRole
from tests.core.datasets.word_embedder import WordEmbedder
from tests.governance.shipped import shipped_rails

POLICIES = Path(__file__).resolve().parents[2] / "data" / "policies"
WAIT_S = 3600.0
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def passage(number: int, text: str, dataset: str = "handbook") -> Evidence:
    return Evidence(
        number,
        f"chunk-{number}",
        dataset,
        "sha256:v",
        "Handbook",
        "Travel",
        "Meals",
        "CC0-1.0",
        text,
        0.9,
        (text,),
        (0.9,),
    )


@dataclass
class GivenRetriever:
    """Finds what it was given, and remembers what it was asked for."""

    found: Retrieval
    asked: list[tuple[tuple[Message, ...], tuple[str, ...]]]

    def retrieve(self, conversation: Sequence[Message], *, dataset_ids: Sequence[str], top_k: int) -> Retrieval:
        self.asked.append((tuple(conversation), tuple(dataset_ids)))
        return self.found


@dataclass
class Door:
    """NativeLLM with its parts in reach."""

    native_llm: NativeLLM
    dialogue: Dialogue
    ledger: Ledger
    vault: ContentVault
    agents: Agents
    access: DatasetAccess
    conversations: Conversations
    versions: PolicyVersions
    reviews: Reviews
    retriever: GivenRetriever
    requests: list[GenerateRequest]
    store: Store
    signer: Signer

    def user(self, name: str, role: UserRole = "builder") -> Actor:
        with self.store.write() as session:
            session.add(User(id=name, name=name, role=role, must_change_password=False, created_at=NOW))
        return Actor(name, name, role)

    @property
    def places(self) -> Places:
        return self.native_llm._governance.places

    def agent(self, owner: Actor, **changes: object) -> AgentView:
        draft = AgentDraft.model_validate(
            {"name": "Travel guide", "purpose": "Answers travel questions.", "profile": "echo"} | changes
        )
        return self.agents.create(owner, draft)


def open_door(
    store: Store,
    *,
    reply: Callable[[GenerateRequest], str] | None = None,
    rails: RailSet | None = None,
    ledger: Ledger | None = None,
    found: Retrieval | None = None,
    engine: object | None = None,
    deadline_s: float = 5.0,
    policies: Path = POLICIES,
    rules: Path = SHIPPED,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Door:
    """Build a door over a store."""
    requests: list[GenerateRequest] = []

    def note_and_reply(request: GenerateRequest) -> str:
        requests.append(request)
        return reply(request) if reply else last_user_message(request)

    def new_id() -> str:
        return str(uuid.uuid4())

    signer = create_signer(bytes(range(32)))
    ledger = ledger or Ledger(store, signer=signer, clock=clock)
    vault = ContentVault(store, master_key=bytes(32), clock=clock, ids=new_id)
    agents = Agents(store, ledger=ledger, clock=clock, new_id=new_id)
    access = DatasetAccess(store, rules=DatasetRulesFile(rules), clock=clock)
    office = PermitOffice(60, clock=clock)
    chosen = rails or shipped_rails()
    versions = PolicyVersions(ledger, shipped=policies)
    vocabulary = (shipped_rails() if policies == POLICIES else chosen).vocabulary()
    book = PolicyBook(policies, vocabulary=vocabulary, versions=versions)
    retriever = GivenRetriever(found or Retrieval("not_needed"), [])
    native_llm = NativeLLM(
        engine or EchoEngine(office, reply=note_and_reply, piece=5),  # type: ignore[arg-type]
        retriever=retriever,
        governance=GovernanceEngine(chosen, book, deadline_s=deadline_s),
        ledger=ledger,
        vault=vault,
        permits=office,
        render_prompt=render_prompt,
        usable_datasets=access.of,
        scope=Scope(WordEmbedder().embed, about=agents.intake, stands_alone=stands_alone),
        max_answer_tokens=400,
        top_k=4,
        review_wait_s=WAIT_S,
        timer=time.perf_counter,
        new_id=new_id,
    )
    conversations = Conversations(store, vault=vault, clock=clock, new_id=new_id)
    reviews = Reviews(ledger, vault, clock=clock)
    dialogue = Dialogue(native_llm, agents=agents, conversations=conversations, ledger=ledger, reviews=reviews)
    return Door(
        native_llm,
        dialogue,
        ledger,
        vault,
        agents,
        access,
        conversations,
        versions,
        reviews,
        retriever,
        requests,
        store,
        signer,
    )


def closed(events: Sequence[TurnEvent]) -> TurnClosed:
    last = events[-1]
    assert isinstance(last, TurnClosed)
    return last


def found(*texts: str) -> Retrieval:
    return Retrieval("found", tuple(passage(n, text) for n, text in enumerate(texts, start=1)))


def with_datasets(agent: AgentView, *dataset_ids: str) -> AgentView:
    return replace(agent, dataset_ids=dataset_ids)


def add_dataset(store: Store, dataset_id: str, *, tier: str = "public") -> None:
    """Put a dataset without content into the catalog."""
    with store.write() as session:
        session.add(
            Dataset(
                id=dataset_id,
                title=dataset_id,
                description="",
                category="Education",
                licence="CC0-1.0",
                source="",
                tier=tier,
                state="indexed",
                labels=[],
                active_version="sha256:v",
                created_at=NOW,
                updated_at=NOW,
            )
        )
