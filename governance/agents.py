"""Agents: create, list, change, retire. Every change is authorised here and leaves a ledger entry.

Whether the model profile and adapter exist is the door's to check: this module knows no models.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from core.datasets.card import Slug
from core.datasets.states import RETRIEVABLE
from core.schema import digest_of
from core.store.database import Store
from core.store.tables import Agent, AgentDataset, Dataset
from governance.errors import InputError
from governance.identity import require
from governance.ledger import Ledger
from governance.rails import LONGEST, PUBLIC
from governance.rails.pii import build_pii_rail
from governance.schema import Actor, AgentView, Domain, Level, Resource, Scope

Style = Literal["balanced", "brief", "bullets", "plain-language"]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=80)]
Purpose = Annotated[str, StringConstraints(strip_whitespace=True, min_length=10, max_length=600)]
Allowed = Annotated[str, StringConstraints(strip_whitespace=True, min_length=4, max_length=LONGEST)]


class AgentDraft(BaseModel):
    """What a person decides about an agent; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    purpose: Purpose
    profile: str = "starter"
    adapter: str | None = None
    level: Level = "standard"
    style: Style = "balanced"
    domain: Domain = "general"
    allow: Annotated[tuple[Allowed, ...], Field(max_length=20)] = ()
    scope: Scope = "open"
    used_for: Slug | None = None
    dataset_ids: Annotated[tuple[str, ...], Field(max_length=5000)] = ()

    @field_validator("allow")
    @classmethod
    def _holds_contact_details_alone(cls, allow: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse other personal data: it would be kept in the open, and never pass."""
        for text in allow:
            if {finding.category for finding in build_pii_rail().inspect(text)} - PUBLIC:
                raise ValueError("only e-mail addresses and phone numbers can be let pass; take the other numbers out")
        return tuple(dict.fromkeys(allow))


class Agents:
    """The agents of this installation."""

    def __init__(
        self, store: Store, *, ledger: Ledger, clock: Callable[[], datetime], new_id: Callable[[], str]
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._clock = clock
        self._new_id = new_id

    def create(self, actor: Actor, draft: AgentDraft) -> AgentView:
        """Create an agent.

        Raises:
            AccessDenied: The actor may not create agents.
            InputError: The name is taken, or a dataset does not exist.
        """
        require(actor, "agent.create", Resource("agent"))
        now = self._clock()
        with self._store.write() as session:
            _check(session, draft, agent_id=None)
            row = Agent(
                id=self._new_id(),
                owner_id=actor.id,
                created_at=now,
                updated_at=now,
                retired_at=None,
                **_columns(draft),
            )
            session.add(row)
            session.flush()
            _attach(session, row.id, draft.dataset_ids)
            view = _view(session, row)
        self._record("agent.created", actor, view)
        return view

    def update(self, actor: Actor, agent_id: str, draft: AgentDraft) -> AgentView:
        """Replace what a person decided about an agent; past turns keep what they ran with."""
        current = self.get(agent_id)
        require(actor, "agent.edit", Resource("agent", agent_id, current.owner_id))
        with self._store.write() as session:
            _check(session, draft, agent_id=agent_id)
            row = session.get_one(Agent, agent_id)
            for column, value in _columns(draft).items():
                setattr(row, column, value)
            row.updated_at = self._clock()
            session.execute(delete(AgentDataset).where(AgentDataset.agent_id == agent_id))
            _attach(session, agent_id, draft.dataset_ids)
            session.flush()
            view = _view(session, row)
        self._record("agent.changed", actor, view)
        return view

    def retire(self, actor: Actor, agent_id: str) -> None:
        """Take an agent out of use; its turns stay."""
        current = self.get(agent_id)
        require(actor, "agent.edit", Resource("agent", agent_id, current.owner_id))
        with self._store.write() as session:
            session.get_one(Agent, agent_id).retired_at = self._clock()
        self._record("agent.retired", actor, current)

    def get(self, agent_id: str) -> AgentView:
        """Return an agent, retired ones included.

        Raises:
            InputError: There is none with this id.
        """
        with self._store.read() as session:
            row = session.get(Agent, agent_id)
            if row is None:
                raise InputError(f"There is no agent with id {agent_id!r}. `promethios agents` lists them.")
            return _view(session, row)

    def list(self, *, retired: bool = False) -> list[AgentView]:
        """Return the agents in use, or the retired ones, by name."""
        chosen = Agent.retired_at.is_not(None) if retired else Agent.retired_at.is_(None)
        with self._store.read() as session:
            return [_view(session, row) for row in session.scalars(select(Agent).where(chosen).order_by(Agent.name))]

    def intake(self, agent: AgentView) -> tuple[str, ...]:
        """Return what an agent is for: its name and purpose, then the titles and descriptions of its datasets."""
        with self._store.read() as session:
            rows = session.execute(
                select(Dataset.title, Dataset.description).where(Dataset.id.in_(agent.dataset_ids)).order_by(Dataset.id)
            ).all()
        return (f"{agent.name}. {agent.purpose}", *(f"{title}. {description}" for title, description in rows))

    def _record(self, kind: str, actor: Actor, agent: AgentView) -> None:
        self._ledger.append(kind, {"agent_digest": agent_digest(agent)}, agent_id=agent.id, actor_id=actor.id)


def agent_digest(agent: AgentView) -> str:
    """Return the digest of everything that decides how an agent answers."""
    decided = {key: value for key, value in asdict(agent).items() if not key.endswith("_at")}
    return digest_of(decided | {"dataset_ids": sorted(agent.dataset_ids)})


def _columns(draft: AgentDraft) -> dict[str, object]:
    return draft.model_dump(exclude={"dataset_ids"}) | {"allow": list(draft.allow)}


def _check(session: Session, draft: AgentDraft, *, agent_id: str | None) -> None:
    taken = session.scalar(select(Agent.id).where(Agent.name == draft.name))
    if taken is not None and taken != agent_id:
        raise InputError(f"An agent named {draft.name!r} exists already. Choose another name.")
    found = session.execute(select(Dataset.id, Dataset.state).where(Dataset.id.in_(draft.dataset_ids)))
    states: dict[str, str] = dict(found.all())
    missing = sorted(set(draft.dataset_ids) - set(states))
    if missing:
        raise InputError(f"There is no dataset {', '.join(missing)}. `promethios datasets` lists them.")
    unusable = [f"{each} ({state})" for each, state in sorted(states.items()) if state != RETRIEVABLE]
    if unusable:
        raise InputError(f"Only datasets that are approved and indexed can be attached, not {', '.join(unusable)}.")


def _attach(session: Session, agent_id: str, dataset_ids: Sequence[str]) -> None:
    session.add_all(AgentDataset(agent_id=agent_id, dataset_id=each) for each in dict.fromkeys(dataset_ids))


def _view(session: Session, row: Agent) -> AgentView:
    attached = session.scalars(
        select(AgentDataset.dataset_id).where(AgentDataset.agent_id == row.id).order_by(AgentDataset.dataset_id)
    )
    return AgentView(
        id=row.id,
        owner_id=row.owner_id,
        name=row.name,
        purpose=row.purpose,
        profile=row.profile,
        adapter=row.adapter,
        level=row.level,  # type: ignore[arg-type]
        style=row.style,
        dataset_ids=tuple(attached),
        created_at=row.created_at,
        updated_at=row.updated_at,
        retired_at=row.retired_at,
        domain=row.domain,  # type: ignore[arg-type]
        allow=tuple(row.allow),
        scope=row.scope,  # type: ignore[arg-type]
        used_for=row.used_for,
    )
