"""Which datasets a turn may search: what is left out, why, and that it never reaches the retriever."""

import os
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import yaml
from sqlalchemy import update

from core.schema import Message
from core.store.database import Store, connect
from core.store.tables import Dataset, DatasetVersion
from governance.dataset_access import FEW, DatasetAccess
from governance.dataset_rules import SHIPPED, DatasetRulesFile
from governance.errors import PolicyError
from governance.schema import Actor, AgentView
from tests.governance.door import NOW, Door, add_dataset, closed, open_door, with_datasets

MANY = tuple(f"rules-{n:03d}" for n in range(FEW + 5))
QUESTION = [Message("user", "What do meals cost?")]


def put(store: Store, dataset_id: str, **fields: object) -> None:
    with store.write() as session:
        session.execute(update(Dataset).where(Dataset.id == dataset_id).values(**fields))


def agent_over(door: Door, *ids: str, **changes: object) -> tuple[Actor, AgentView]:
    for each in ids:
        add_dataset(door.store, each)
    actor = door.user("ada")
    return actor, door.agent(actor, dataset_ids=ids, **changes)


def reasons(door: Door, actor: Actor, agent: AgentView, **asked: date) -> dict[str, str]:
    usable = door.access.of(actor, agent, **asked)
    left_out = {each.dataset_id: each.reason for each in usable.left_out}
    assert sorted((*usable.dataset_ids, *left_out)) == sorted(agent.dataset_ids)
    return left_out


CHANGES = [
    ({"state": "quarantined"}, "state", "It is quarantined"),
    ({"tier": "restricted"}, "tier", "It is restricted"),
    ({"valid_until": "2026-02-28"}, "time", "outdated: it held until 2026-02-28"),
    ({"valid_from": "2026-03-02"}, "time", "holds from 2026-03-02"),
    ({"purposes": ["research"]}, "purpose", "used for research; the agent is used for customer-support"),
    ({"licence": "CC BY-NC 4.0"}, "purpose", "allows education, evaluation, research"),
    ({"licence": "all rights reserved"}, "licence", "needs a reviewer's approval"),
    ({"licence": "Unheard of 1.0"}, "licence", "needs a reviewer's approval"),
]


@pytest.mark.parametrize("ids", [MANY[:3], MANY], ids=["few", "many"])
def test_each_change_of_a_card_leaves_its_dataset_out_at_once(store: Store, ids: tuple[str, ...]) -> None:
    door = open_door(store, clock=lambda: NOW)
    actor, agent = agent_over(door, *ids, used_for="customer-support")
    other = connect(str(store.engine.url))  # as another process would
    for fields, reason, because in CHANGES:
        assert reasons(door, actor, agent) == {}
        with store.read() as session:
            before = {name: getattr(session.get_one(Dataset, ids[1]), name) for name in fields}
        put(other, ids[1], **fields)
        assert reasons(door, actor, agent) == {ids[1]: reason}, fields
        assert because in door.access.of(actor, agent).left_out[0].because
        put(other, ids[1], **before)
    other.close()
    door.ledger.close()


def test_dataset_of_the_agents_purpose_is_used_and_no_purpose_is_none_of_them(door: Door) -> None:
    actor, agent = agent_over(door, "free", "support", used_for="customer-support")
    put(door.store, "support", purposes=["research", "customer-support"])
    assert reasons(door, actor, agent) == {}
    unnamed = door.agent(actor, name="Guide 2", dataset_ids=("free", "support"))
    assert reasons(door, actor, unnamed) == {"support": "purpose"}


@pytest.mark.parametrize("ids", [MANY[:3], MANY], ids=["few", "many"])
def test_dataset_that_the_catalog_does_not_know_is_left_out(door: Door, ids: tuple[str, ...]) -> None:
    actor, agent = agent_over(door, *ids)
    assert reasons(door, actor, with_datasets(agent, *ids, "unheard-of")) == {"unheard-of": "state"}


def test_last_and_first_day_count_and_another_day_can_be_asked_for(store: Store) -> None:
    door = open_door(store, clock=lambda: NOW)
    actor, agent = agent_over(door, "old", "now", "next")
    put(store, "old", valid_until="2026-02-28")
    put(store, "now", valid_from="2026-03-01", valid_until="2026-03-01")
    put(store, "next", valid_from="2026-03-02")
    assert reasons(door, actor, agent) == {"old": "time", "next": "time"}
    assert reasons(door, actor, agent, as_of=date(2026, 2, 28)) == {"now": "time", "next": "time"}
    door.ledger.close()


def test_what_a_person_approved_under_such_a_licence_is_used(door: Door) -> None:
    actor, agent = agent_over(door, "bought", "copied")
    for each, rule in (("bought", "reviewer"), ("copied", "licence.open")):
        put(door.store, each, licence="all rights reserved")
        with door.store.write() as session:
            approval = {"outcome": "approved", "reason": "r", "rule": rule}
            session.add(
                DatasetVersion(
                    dataset_id=each,
                    version="sha256:v",
                    documents=1,
                    chunks=1,
                    bytes=1,
                    created_at=NOW,
                    approval=approval,
                )
            )
    assert reasons(door, actor, agent) == {"copied": "licence"}


def test_licence_that_the_rules_refuse_afterwards_is_out_with_the_next_turn(store: Store, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    document = yaml.safe_load(SHIPPED.read_text())
    rules.write_text(yaml.safe_dump(document))
    door = open_door(store, rules=rules)
    actor, agent = agent_over(door, "rules", "other")
    put(store, "other", licence="MIT")
    list(door.native_llm.chat(actor, agent, QUESTION))
    document["licences"].insert(0, {"id": "recalled", "names": ["MIT*"], "verdict": "refuse"})
    rules.write_text(yaml.safe_dump(document))
    events = list(door.native_llm.chat(actor, agent, QUESTION))
    assert [ids for _, ids in door.retriever.asked] == [("other", "rules"), ("rules",)]
    assert closed(events).record["datasets_left_out"] == {"licence": 1}
    door.ledger.close()


def test_record_counts_what_was_left_out_and_the_retriever_is_never_given_it(store: Store) -> None:
    door = open_door(store, clock=lambda: NOW)
    actor, agent = agent_over(door, "a", "b", "c", "d")
    put(store, "b", purposes=["research"])
    put(store, "c", purposes=["education"])
    put(store, "d", valid_until="2025-12-31")
    record = closed(list(door.native_llm.chat(actor, agent, QUESTION))).record
    assert record["datasets_left_out"] == {"purpose": 2, "time": 1}
    assert [ids for _, ids in door.retriever.asked] == [("a",)]
    door.ledger.close()


def test_with_rules_that_can_not_be_read_nothing_is_searched(store: Store, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_bytes(SHIPPED.read_bytes())
    door = open_door(store, rules=rules)
    actor, agent = agent_over(door, "a")
    assert door.access.of(actor, agent).dataset_ids == ("a",)
    rules.write_text("licences: everything")
    assert closed(list(door.native_llm.chat(actor, agent, QUESTION))).outcome == "failed"
    assert door.retriever.asked == []
    rules.unlink()
    with pytest.raises(PolicyError):
        door.access.of(actor, agent)
    door.ledger.close()


def test_rules_are_read_again_only_when_their_file_changed(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_bytes(SHIPPED.read_bytes())
    rules = DatasetRulesFile(path)
    first = rules()
    assert rules() is first
    os.utime(path, ns=(1, 1))
    assert rules() is not first


def test_many_datasets_are_judged_once_while_nothing_changes(any_store: Store) -> None:
    """The answer for thousands is the same object until a row, a rule, the agent's use or the day is another."""
    today = [datetime(2026, 3, 1, tzinfo=UTC)]
    door = open_door(any_store)
    actor, agent = agent_over(door, *MANY)
    access = DatasetAccess(any_store, rules=DatasetRulesFile(), clock=lambda: today[0])
    put(any_store, MANY[0], valid_until="2026-03-01")
    first = access.of(actor, agent)
    assert access.of(actor, agent) is first
    assert len(first.dataset_ids) == len(MANY)
    today[0] = datetime(2026, 3, 2, tzinfo=UTC)
    assert access.of(actor, agent).dataset_ids == MANY[1:]
    put(any_store, MANY[1], licence="all rights reserved", purposes=["research"])
    put(any_store, MANY[2], licence="all rights reserved")
    assert access.of(actor, agent).dataset_ids == MANY[3:]
    door.ledger.close()
