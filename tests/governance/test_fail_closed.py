import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from core.errors import EngineError
from core.schema import Delta, Finish, GenerateRequest, Message, ModelInfo, Permit
from core.store.database import Store
from governance.errors import LedgerError, PolicyError
from governance.governance_engine import GovernanceEngine
from governance.ledger import Ledger, Sealed, create_signer
from governance.policy import PolicyBook
from governance.rails import RailSet
from governance.schema import Finding, Released
from tests.governance.door import Door, closed, open_door
from tests.governance.shipped import shipped_rails

QUESTION = [Message("user", "What is paid for meals?")]
SIGNER = create_signer(bytes(range(32)))


class BrokenRail:
    """Raises, or takes too long."""

    name = "broken"
    version = "1"

    def __init__(self, *, delay_s: float = 0.0) -> None:
        self._delay_s = delay_s

    def inspect(self, text: str) -> list[Finding]:
        if self._delay_s:
            time.sleep(self._delay_s)
            return []
        raise RuntimeError("the rail broke")


class FailingLedger(Ledger):
    """Can't be written from a given append on."""

    appends_left = 0

    def append(self, kind: str, body: Any, **ids: Any) -> Sealed:
        if self.appends_left == 0:
            raise LedgerError("the disk is full")
        self.appends_left -= 1
        return super().append(kind, body, **ids)


class DyingEngine:
    """Says a little, then fails; refuses nobody."""

    info = ModelInfo("echo", "dying", "none", "sha256:0", "sha256:0", 2048, 0, "none", "none")

    def generate(self, request: GenerateRequest, *, permit: Permit) -> Iterator[Delta | Finish]:
        yield Delta("The first sentence is here. The second ")
        raise EngineError("the device is lost")


def broken_rails(rail: BrokenRail, *stages: str) -> RailSet:
    shipped = shipped_rails()
    return replace(shipped, **{stage: (*getattr(shipped, stage), rail) for stage in stages})


def failing_door(store: Store, *, appends: int) -> Door:
    ledger = FailingLedger(store, signer=SIGNER, clock=_clock)
    ledger.appends_left = 1  # creating the agent
    door = open_door(store, ledger=ledger)
    actor = door.user("ada")
    door.agent(actor)
    ledger.appends_left = appends
    return door


def _clock() -> datetime:
    return datetime.now(UTC)


@pytest.mark.parametrize("rail", [BrokenRail(), BrokenRail(delay_s=3.0)], ids=["raising", "late"])
def test_broken_input_rail_refuses_the_turn_and_records_why(store: Store, rail: BrokenRail) -> None:
    door = open_door(store, rails=broken_rails(rail, "input"), deadline_s=0.5)
    actor = door.user("ada")
    end = closed(list(door.native_llm.chat(actor, door.agent(actor), QUESTION)))
    assert end.outcome == "refused"
    assert end.decision.rule_id == "fail-closed.rail"
    assert "broken" in end.decision.reason
    assert door.requests == []
    assert door.ledger.entries(kinds=["turn.closed"])[-1].body["decision"]["rule_id"] == "fail-closed.rail"


def test_broken_output_rail_releases_nothing_unchecked(store: Store) -> None:
    door = open_door(store, rails=broken_rails(BrokenRail(), "output"))
    actor = door.user("ada")
    events = list(door.native_llm.chat(actor, door.agent(actor), QUESTION))
    end = closed(events)
    assert end.decision.rule_id == "fail-closed.rail"
    shown = "".join(event.text for event in events if isinstance(event, Released))
    assert "meals" not in shown
    assert end.record["released_violations"] is None  # what could not be checked is not measured, and not clean


def test_unwritable_ledger_means_that_nothing_is_generated(store: Store) -> None:
    door = failing_door(store, appends=0)
    [agent] = door.agents.list()
    events = list(door.native_llm.chat(door.user("bob"), agent, QUESTION))
    end = closed(events)
    assert end.outcome == "failed"
    assert end.decision.rule_id == "fail-closed.ledger"
    assert end.receipt is None
    assert door.requests == []
    assert not any(isinstance(event, Released) for event in events)


def test_ledger_that_fails_at_the_end_withholds_the_rest(store: Store) -> None:
    door = failing_door(store, appends=1)
    [agent] = door.agents.list()
    events = list(door.native_llm.chat(door.user("bob"), agent, QUESTION))
    end = closed(events)
    shown = "".join(event.text for event in events if isinstance(event, Released))
    assert end.outcome == "failed"
    assert end.receipt is None
    assert QUESTION[0].content.startswith(shown)
    assert shown != QUESTION[0].content
    assert [entry.kind for entry in door.ledger.entries(turn_id=end.turn_id)] == ["turn.opened"]


def test_dead_engine_fails_the_turn_records_it_and_the_next_turn_works(store: Store) -> None:
    dying = open_door(store, engine=DyingEngine())
    actor = dying.user("ada")
    agent = dying.agent(actor)
    end = closed(list(dying.native_llm.chat(actor, agent, QUESTION)))
    assert end.outcome == "failed"
    assert end.decision.rule_id == "fail-closed.engine"
    assert "the device is lost" in end.decision.reason
    assert end.receipt is not None
    healthy = open_door(store)
    assert closed(list(healthy.native_llm.chat(actor, agent, QUESTION))).outcome == "answered"


def test_retriever_that_breaks_fails_the_turn_and_records_it(store: Store) -> None:
    door = open_door(store)

    def broken(*_: object, **__: object) -> None:
        raise ValueError("index damaged")

    door.retriever.retrieve = broken  # type: ignore[assignment,method-assign]
    actor = door.user("ada")
    agent = replace(door.agent(actor), dataset_ids=("handbook",))
    end = closed(list(door.native_llm.chat(actor, agent, QUESTION)))
    assert end.outcome == "failed"
    assert end.decision.rule_id == "fail-closed.turn"
    assert door.ledger.entries(kinds=["turn.closed"])[-1].turn_id == end.turn_id


def test_governance_without_policy_or_rails_can_not_be_built(tmp_path: Path) -> None:
    vocabulary = shipped_rails().vocabulary()
    with pytest.raises(PolicyError):
        PolicyBook(tmp_path, vocabulary=vocabulary)
    (tmp_path / "core.yaml").write_text("id: core\ntitle: t\ndescription: d\nrules: []\n")
    with pytest.raises(PolicyError):
        GovernanceEngine(shipped_rails(), PolicyBook(tmp_path, vocabulary=vocabulary), deadline_s=1)
