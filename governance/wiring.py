"""The composition root: Settings -> a Workbench with the engine in this process. Alone it imports what loads models."""

import time
from dataclasses import dataclass
from pathlib import Path

from core.config import Settings
from core.datasets.dataset_manager import DatasetManager
from core.encoder.cross_encoder import CrossEncoder
from core.encoder.guard_reader import GuardReader
from core.encoder.hub_guard import load_hub_guard
from core.encoder.sentence_encoder import SentenceEncoder
from core.llm.adapters import read_note
from core.llm.permits import PermitOffice
from core.llm.profiles import load_profile
from core.llm.transformers_engine import TransformersEngine
from core.rag.card_index import open_cards
from core.rag.cross_reading import CrossReading
from core.rag.embedding import Embedder
from core.rag.lexical import open_lexical
from core.rag.prompt import render_prompt
from core.rag.question import stands_alone
from core.rag.reader import Reader
from core.rag.retriever import HybridRetriever
from core.rag.support import SupportReader
from core.rag.table_evidence import TableEvidence
from core.rag.vectors import open_vectors
from core.rag.warming import Warming
from core.schema import Engine, Retriever
from core.tables.table_answerer import TableAnswerer
from core.tables.table_store import open_tables
from governance.agents import AgentDraft
from governance.dataset_jobs import DatasetJobs
from governance.dataset_rules import DatasetRulesFile
from governance.dataset_scan import DatasetScanner
from governance.datasets import DatasetGate
from governance.dialogue import Dialogue
from governance.errors import InputError
from governance.governance_engine import GovernanceEngine
from governance.native_llm import NativeLLM
from governance.policy import PolicyBook, PolicyVersions
from governance.rails import Classifier, Scope, build_rail_set
from governance.records import Records, new_id, open_records, utc_now
from governance.schema import Actor, AgentView

DATA = Path(__file__).resolve().parent.parent / "data"


@dataclass(frozen=True, slots=True)
class Workbench:
    """Everything, with the model."""

    records: Records
    native_llm: NativeLLM
    retriever: Retriever
    warming: Warming
    dialogue: Dialogue
    governance: GovernanceEngine
    datasets: DatasetManager
    jobs: DatasetJobs

    def create_agent(self, actor: Actor, draft: AgentDraft) -> AgentView:
        """Create an agent that this process can run.

        Raises:
            InputError: The profile is not the one that runs, or the adapter does not exist.
        """
        info = self.native_llm.engine.info
        if draft.profile != info.profile:
            raise InputError(f"This workbench runs the profile {info.profile!r}, not {draft.profile!r}.")
        if draft.adapter is not None and draft.adapter not in info.adapters:
            known = ", ".join(sorted(info.adapters)) or "none"
            raise InputError(f"There is no adapter {draft.adapter!r}; known: {known}.")
        return self.records.agents.create(actor, draft)

    def adapter_notes(self) -> dict[str, str]:
        """Return the adapters of the running model, by name, with what each does; empty where no card says it."""
        folders = load_profile(self.records.settings.profile, self.records.settings).adapters
        running = sorted(self.native_llm.engine.info.adapters)
        return {name: read_note(Path(folders[name])) if name in folders else "" for name in running}

    def close(self) -> None:
        """Close what is open; a running job goes on at the next start."""
        self.warming.close()
        self.jobs.close()
        self.records.close()


def open_workbench(settings: Settings) -> Workbench:
    """Open the records, load the model and the indexes, and join them behind the door."""
    records = open_records(settings)
    office = PermitOffice(settings.permit_ttl_s, clock=utc_now)
    engine = TransformersEngine(
        load_profile(settings.profile, settings),
        office=office,
        device=settings.device,
        offline=settings.offline,
        slots=settings.engine_slots,
        queue_timeout_s=settings.queue_timeout_s,
    )
    return build_workbench(records, engine=engine, office=office)


def build_governance(settings: Settings, *, versions: PolicyVersions | None = None) -> GovernanceEngine:
    """Join the rails with the policies that ship and their active versions; None for what ships alone."""
    names = GuardReader(DATA / "models" / "guard")
    rails = build_rail_set(_open_guard(settings, names), SupportReader(DATA / "models" / "support"), names)
    policies = PolicyBook(DATA / "policies", vocabulary=rails.vocabulary(), versions=versions)
    return GovernanceEngine(rails, policies, deadline_s=settings.rail_deadline_s)


def _open_guard(settings: Settings, bundled: GuardReader) -> Classifier:
    if settings.guard_model == "bundled":
        return bundled
    return load_hub_guard(settings.guard_model, revision=settings.guard_revision, offline=settings.offline)


def build_workbench(records: Records, *, engine: Engine, office: PermitOffice) -> Workbench:
    """Join records, an engine and the indexes of the settings; tests pass an engine of their own."""
    settings = records.settings
    tables = open_tables(settings)
    vectors = open_vectors(settings)
    lexical = open_lexical(settings)
    embedder, encoder = Embedder(), SentenceEncoder()
    cards = open_cards(settings, embedder)
    retriever = HybridRetriever(
        records.store,
        vectors,
        lexical,
        embedder,
        encoder,
        Reader(lexical),
        threshold=settings.answerable_threshold,
        cross=CrossReading(CrossEncoder()),
        cards=cards,
        two_levels_above=settings.retrieval_two_levels_above,
        table_answers=TableEvidence(records.store, tables, TableAnswerer(DATA / "models" / "tables")),
    )
    governance = build_governance(settings, versions=records.policies)
    native_llm = NativeLLM(
        engine,
        retriever=retriever,
        governance=governance,
        ledger=records.ledger,
        vault=records.vault,
        permits=office,
        render_prompt=render_prompt,
        usable_datasets=records.access.of,
        scope=Scope(embedder.embed, about=records.agents.intake, stands_alone=stands_alone),
        max_answer_tokens=settings.max_answer_tokens,
        top_k=settings.retrieval_top_k,
        review_wait_s=settings.review_wait_s,
        timer=time.perf_counter,
        new_id=new_id,
    )
    datasets = DatasetManager(
        records.store,
        vectors,
        lexical,
        embedder,
        encoder,
        clock=utc_now,
        tables=tables,
        cards=cards,
        gate=DatasetGate(records.ledger, rules=DatasetRulesFile(), scan=DatasetScanner()),
    )
    uploads = settings.data_folder / "uploads"
    return Workbench(
        records=records,
        native_llm=native_llm,
        retriever=retriever,
        warming=Warming(records.store, vectors),
        dialogue=Dialogue(
            native_llm,
            agents=records.agents,
            conversations=records.conversations,
            ledger=records.ledger,
            reviews=records.reviews,
        ),
        governance=governance,
        datasets=datasets,
        jobs=DatasetJobs(records.store, datasets, folder=uploads, clock=utc_now, new_id=new_id),
    )
