"""A workbench to measure in: a home of its own that is thrown away, an agent per set of datasets, the real door."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from core.config import Settings, load_settings
from core.llm.permits import PermitOffice
from core.llm.profiles import load_profile
from core.llm.transformers_engine import TransformersEngine
from core.rag.prompt import render_prompt
from core.schema import Engine, Evidence, GenerateConfig, GenerateRequest, Message, Quoting, Retriever
from governance.agents import AgentDraft
from governance.evaluate.alone import Alone
from governance.evaluate.turn import Turn
from governance.records import open_records, utc_now
from governance.schema import Actor, AgentView, EvidenceFound, TurnClosed
from governance.wiring import Workbench, build_workbench

NAME, PURPOSE = "Assistant", "Answers questions from the datasets that are attached to it."


@dataclass(frozen=True, slots=True)
class Bench:
    """What evaluations run on.

    Attributes:
        agents: Sorted dataset ids -> the agent that has them.
    """

    workbench: Workbench
    engine: Engine
    office: PermitOffice
    actor: Actor
    agents: dict[tuple[str, ...], AgentView] = field(default_factory=dict)

    @property
    def alone(self) -> Alone:
        """Return the model beside the door."""
        return Alone(self.engine, self.office, self.workbench.records.ledger, self.actor)

    def agent_for(self, dataset_ids: Sequence[str]) -> AgentView:
        """Return the agent with exactly these datasets."""
        key = tuple(sorted(dataset_ids))
        if key not in self.agents:
            draft = AgentDraft(
                name=f"{NAME} {len(self.agents) + 1}",
                purpose=PURPOSE,
                profile=self.engine.info.profile,
                dataset_ids=key,
            )
            self.agents[key] = self.workbench.create_agent(self.actor, draft)
        return self.agents[key]

    def ask(
        self, messages: Sequence[Message], *, dataset_ids: Sequence[str], retriever: Retriever | None = None
    ) -> Turn:
        """Run a turn through the door, greedily; with another retriever when one is given."""
        door = self.workbench.native_llm
        if retriever is not None:
            door = door.with_retriever(retriever)
        evidence: tuple[Evidence, ...] = ()
        closed: TurnClosed | None = None
        for event in door.chat(self.actor, self.agent_for(dataset_ids), messages, config=GenerateConfig()):
            if isinstance(event, EvidenceFound):
                evidence = event.evidence
            elif isinstance(event, TurnClosed):
                closed = event
        assert closed is not None, "every turn ends with TurnClosed"
        return Turn(tuple(messages), closed.outcome, closed.decision.rule_id, closed.text, evidence, closed.record)

    def ask_alone(
        self,
        question: str,
        *,
        evidence: Sequence[Evidence] = (),
        quoting: Quoting = "off",
        config: GenerateConfig | None = None,
    ) -> str:
        """Return what the model writes with no rail, no retrieval and, by default, no quoting constraint."""
        messages = render_prompt(
            [Message("user", question)], name=NAME, purpose=PURPOSE, style="balanced", evidence=evidence
        )
        request = GenerateRequest(messages, config or GenerateConfig(), tuple(evidence), quoting)
        return self.alone.write(request)

    def with_threshold(self, threshold: float) -> "Bench":
        """Return a bench on the same home and engine whose gate stands elsewhere. It has to be closed too."""
        settings = self.workbench.records.settings.model_copy(update={"answerable_threshold": threshold})
        records = open_records(settings)
        workbench = build_workbench(records, engine=self.engine, office=self.office)
        return Bench(workbench, self.engine, self.office, self.actor, self.agents)

    def close(self) -> None:
        """Close the workbench."""
        self.workbench.close()


@contextmanager
def opened_bench() -> Iterator[Bench]:
    """Open an empty workbench in a temporary home, with the settings in force but for the stores."""
    with tempfile.TemporaryDirectory(prefix="promethios-eval-") as folder:
        bench = open_bench(load_settings(home=Path(folder), database_url=None, chroma_url=None, workers=1))
        try:
            yield bench
        finally:
            bench.close()


def open_bench(settings: Settings) -> Bench:
    """Open a bench on a home; its first admin asks."""
    records = open_records(settings)
    office = PermitOffice(settings.permit_ttl_s, clock=utc_now)
    engine = TransformersEngine(
        load_profile(settings.profile, settings), office=office, device=settings.device, offline=settings.offline
    )
    workbench = build_workbench(records, engine=engine, office=office)
    admin, _ = records.identity.first_admin()
    if admin is None:
        user = records.identity.list_users()[0]
        admin = Actor(id=user.id, name=user.name, role=user.role)
    return Bench(workbench, engine, office, admin)
