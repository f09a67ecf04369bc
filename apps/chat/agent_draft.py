"""What a person has decided so far about a new agent, and what is wrong with it, step by step. Draws nothing."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from core.datasets.catalog import DatasetView
from core.datasets.search import CatalogPage, search_catalog
from governance.agents import AgentDraft
from governance.errors import InputError
from governance.records import Records
from governance.schema import Actor, AgentView

SHOWN = 50
FIELD_WORDS = {
    "name": "The name",
    "purpose": "The purpose",
    "dataset_ids": "The datasets",
    "allow": "The public contact details",
    "used_for": "The use",
}


def check_purpose(records: Records, *, name: str, purpose: str) -> None:
    """Refuse a name or purpose that an agent can't have.

    Raises:
        InputError: It is too short, too long, or taken; a retired agent keeps its name.
    """
    draft = build_draft(name=name, purpose=purpose)
    agents = records.agents
    if any(each.name == draft.name for each in (*agents.list(), *agents.list(retired=True))):
        raise InputError(f"An agent named “{draft.name}” exists already or did once. Choose another name.")


def build_draft(**decided: object) -> AgentDraft:
    """Return a draft.

    Raises:
        InputError: A field is not valid; all problems are named.
    """
    try:
        return AgentDraft.model_validate(decided)
    except ValidationError as exc:
        raise InputError(" ".join(_problem(dict(each)) for each in exc.errors(include_input=False))) from exc


def _problem(error: dict[str, Any]) -> str:
    field = str(error["loc"][0])
    name = FIELD_WORDS.get(field, f"The {field}")
    match error["type"]:
        case "string_too_short":
            return f"{name} needs at least {error['ctx']['min_length']} characters."
        case "string_too_long" | "too_long":
            return f"{name} can't be longer than {error['ctx']['max_length']}."
        case "value_error":
            return f"{name}: {error['ctx']['error']}."
        case _:
            return f"{name}: {error['msg']}."


def draft_agent(actor: Actor, draft: AgentDraft, *, agent_id: str, now: datetime) -> AgentView:
    """Return an agent as the draft describes it, to try before it exists; its turns are sealed under `agent_id`."""
    return AgentView(
        id=agent_id,
        owner_id=actor.id,
        name=draft.name,
        purpose=draft.purpose,
        profile=draft.profile,
        adapter=draft.adapter,
        level=draft.level,
        style=draft.style,
        domain=draft.domain,
        allow=draft.allow,
        scope=draft.scope,
        used_for=draft.used_for,
        dataset_ids=draft.dataset_ids,
        created_at=now,
        updated_at=now,
    )


def find_datasets(records: Records, *, text: str, category: str) -> CatalogPage:
    """Return the first datasets that match a search and a category; an empty one matches all."""
    return search_catalog(records.store, text, facets={"category": [category] if category else []}, limit=SHOWN)


def dataset_choices(found: Sequence[DatasetView]) -> list[tuple[str, str]]:
    """Return the first datasets as label and id."""
    return [(dataset_label(each), each.id) for each in found[:SHOWN]]


def dataset_label(dataset: DatasetView) -> str:
    """Return a dataset's title, category, tier and labels in a line."""
    return " · ".join((dataset.title, dataset.category, dataset.tier, *dataset.labels))


def merge_choice(chosen: Iterable[str], *, shown: Iterable[str], picked: Iterable[str]) -> tuple[str, ...]:
    """Return the chosen datasets after a person picked among those shown; what is not shown stays chosen."""
    kept = set(chosen) - set(shown)
    return tuple(sorted(kept | set(picked)))
