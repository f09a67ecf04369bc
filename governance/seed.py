"""The first start: an admin, the starter datasets, and agents to chat with. Safe to run at every start."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import TypeAdapter

from core.datasets.ingest.progress import Progress
from governance.agents import AgentDraft
from governance.schema import Actor
from governance.wiring import DATA, Workbench

DATASETS = DATA / "datasets"
AGENTS = DATA / "agents.yaml"


@dataclass(frozen=True, slots=True)
class Seeded:
    """What a start created.

    Attributes:
        admin_password: The one-time password of the new admin; None when there was a user already.
    """

    admin_password: str | None
    datasets: tuple[str, ...]
    agents: tuple[str, ...]


def seed(workbench: Workbench, *, progress: Callable[[Progress], None] | None = None) -> Seeded:
    """Bring the installation to what a first visitor needs; what exists already is left as it is."""
    records = workbench.records
    datasets = workbench.datasets.ingest_all(DATASETS, progress=progress)
    admin, password = records.identity.first_admin()
    created = [] if admin is None else _create_agents(workbench, admin)
    return Seeded(password, tuple(each.id for each in datasets), tuple(created))


def load_starter_agents(path: Path = AGENTS) -> list[AgentDraft]:
    """Read the agents that ship."""
    return TypeAdapter(list[AgentDraft]).validate_python(yaml.safe_load(path.read_text()))


def _create_agents(workbench: Workbench, admin: Actor) -> list[str]:
    profile = workbench.native_llm.engine.info.profile
    drafts = [draft.model_copy(update={"profile": profile}) for draft in load_starter_agents()]
    return [workbench.create_agent(admin, draft).name for draft in drafts]
