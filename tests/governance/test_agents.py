import pytest
from pydantic import ValidationError

from core.store.tables import Dataset
from governance.agents import AgentDraft, agent_digest
from governance.errors import AccessDenied, InputError
from tests.governance.door import Door, add_dataset

DRAFT = AgentDraft(name="Guide", purpose="Answers questions about travel.")


def test_agent_is_created_listed_and_recorded(door: Door) -> None:
    add_dataset(door.store, "b")
    add_dataset(door.store, "a")
    actor = door.user("ada")
    made = door.agents.create(actor, DRAFT.model_copy(update={"dataset_ids": ("b", "a", "b")}))
    assert made.dataset_ids == ("a", "b")
    assert door.agents.list() == [made]
    assert door.agents.get(made.id) == made
    [entry] = door.ledger.entries(kinds=["agent.created"])
    assert entry.agent_id == made.id
    assert entry.body["agent_digest"] == agent_digest(made)


def test_agent_keeps_its_name_to_itself(door: Door) -> None:
    actor = door.user("ada")
    door.agents.create(actor, DRAFT)
    with pytest.raises(InputError, match="exists already"):
        door.agents.create(actor, DRAFT)


def test_agent_needs_datasets_that_exist(door: Door) -> None:
    with pytest.raises(InputError, match="no dataset ghost"):
        door.agents.create(door.user("ada"), DRAFT.model_copy(update={"dataset_ids": ("ghost",)}))


def test_agent_can_be_changed_by_its_owner_alone(door: Door) -> None:
    owner, other = door.user("ada"), door.user("bob")
    made = door.agents.create(owner, DRAFT)
    changed = DRAFT.model_copy(update={"name": "Guide 2", "level": "maximum"})
    with pytest.raises(AccessDenied):
        door.agents.update(other, made.id, changed)
    after = door.agents.update(owner, made.id, changed)
    assert (after.name, after.level) == ("Guide 2", "maximum")
    assert agent_digest(after) != agent_digest(made)
    assert door.ledger.entries(kinds=["agent.changed"])[0].agent_id == made.id


@pytest.mark.parametrize(
    "change", [{"domain": "legal"}, {"allow": ("help@example.com",)}, {"scope": "stated"}, {"used_for": "research"}]
)
def test_domain_allowed_contacts_scope_and_use_are_kept_and_recorded(door: Door, change: dict[str, object]) -> None:
    owner = door.user("ada")
    made = door.agents.create(owner, DRAFT)
    assert (made.domain, made.allow, made.scope) == ("general", (), "open")
    after = door.agents.update(owner, made.id, DRAFT.model_copy(update=change))
    assert door.agents.get(made.id) == after
    assert {name: getattr(after, name) for name in change} == change
    [entry] = door.ledger.entries(kinds=["agent.changed"])
    assert entry.body["agent_digest"] == agent_digest(after) != agent_digest(made)


def test_member_may_not_create_agents(door: Door) -> None:
    with pytest.raises(AccessDenied):
        door.agents.create(door.user("mia", "member"), DRAFT)


def test_retired_agent_leaves_the_list_and_stays_readable(door: Door) -> None:
    actor = door.user("ada")
    made = door.agents.create(actor, DRAFT)
    door.agents.retire(actor, made.id)
    assert door.agents.list() == []
    assert [agent.id for agent in door.agents.list(retired=True)] == [made.id]
    assert door.agents.get(made.id).retired_at is not None


def test_unknown_agent_is_an_input_error(door: Door) -> None:
    with pytest.raises(InputError, match="no agent"):
        door.agents.get("ghost")


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "x"},
        {"purpose": "short"},
        {"level": "permissive"},
        {"style": "loud"},
        {"governance_enabled": False},
        {"domain": "astrology"},
        {"scope": "wide"},
        {"used_for": "Any use"},
        {"allow": ["4111 1111 1111 1111"]},
        {"allow": ["help@example.com, IBAN DE89 3704 0044 0532 0130 00"]},
        {"allow": ["x" * 61]},
        {"allow": [f"help{n}@example.com" for n in range(21)]},
    ],
    ids=[
        "name",
        "purpose",
        "level",
        "style",
        "unknown-field",
        "domain",
        "scope",
        "use",
        "card",
        "account",
        "long-allowed",
        "many-allowed",
    ],
)
def test_draft_refuses_what_it_does_not_know(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        AgentDraft.model_validate({"name": "Guide", "purpose": "Answers questions."} | fields)


@pytest.mark.parametrize("state", ["registered", "scanned", "approved", "quarantined"])
def test_dataset_that_is_not_approved_and_indexed_can_not_be_attached(door: Door, state: str) -> None:
    add_dataset(door.store, "rules")
    put_into_state(door, "rules", state)
    with pytest.raises(InputError, match=rf"approved and indexed can be attached, not rules \({state}\)"):
        door.agents.create(door.user("ada"), DRAFT.model_copy(update={"dataset_ids": ("rules",)}))


def put_into_state(door: Door, dataset_id: str, state: str) -> None:
    with door.store.write() as session:
        session.get_one(Dataset, dataset_id).state = state
