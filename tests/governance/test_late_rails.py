"""What a late rail does to a turn: refused, unless the policy lets exactly this rail be late for this agent."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.schema import Message
from core.store.database import Store
from governance.errors import PolicyError
from governance.policy import compare_policies, load_policy, parse_document, shipped_places, vocabulary_of
from governance.rails import NamingRail
from governance.schema import TurnClosed
from tests.governance.door import POLICIES, closed, open_door
from tests.governance.late import Slow, write_late
from tests.governance.shipped import shipped_rails

QUESTION = "What is paid for meals?"
PLACES = shipped_places()
DUTIES = "late: {duties: standard}\n"
Ask = Callable[..., TurnClosed]


@pytest.fixture
def over() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def ask(store: Store, tmp_path: Path, over: threading.Event) -> Ask:
    def asked(late: str, *, stage: str = "asked", raises: bool = False, **agent: object) -> TurnClosed:
        policies = write_late(tmp_path / "policies", late)
        slow, shipped = Slow(over, raises=raises), shipped_rails()
        rails: Sequence[NamingRail] = getattr(shipped, stage)
        kept = [rail for rail in rails if rail.name != "duties"]
        changed: dict[str, Any] = {stage: (*kept, slow)}
        door = open_door(store, rails=replace(shipped, **changed), policies=policies, deadline_s=0.5)
        actor = door.user("ada")
        return closed(list(door.native_llm.chat(actor, door.agent(actor, **agent), [Message("user", QUESTION)])))

    return asked


@pytest.mark.parametrize("stage", ["asked", "output"])
def test_turn_goes_on_without_a_late_rail_that_is_listed_and_says_so(ask: Ask, stage: str) -> None:
    end = ask(DUTIES, stage=stage)
    assert (end.outcome, end.text) == ("answered", QUESTION)
    assert end.record["left_out"] == ["duties"]
    assert end.record["released_violations"] == []


@pytest.mark.parametrize(
    ("late", "agent"),
    [
        ("", {}),
        ("late: {groundedness: standard}\n", {}),
        (DUTIES, {"level": "enhanced"}),
        ("late: {duties: enhanced}\n", {"level": "maximum"}),
        (DUTIES, {"domain": "healthcare"}),  # a person has to look at what this rail finds there
    ],
    ids=["not listed", "another listed", "listed for a lower level", "maximum", "may ask a person"],
)
def test_any_other_late_rail_refuses_the_turn(ask: Ask, late: str, agent: dict[str, object]) -> None:
    end = ask(late, **agent)
    assert (end.outcome, end.decision.rule_id) == ("refused", "fail-closed.rail")
    assert "'duties' did not answer" in end.decision.reason
    assert end.record["left_out"] == []


def test_listed_rail_that_raises_refuses_the_turn(ask: Ask) -> None:
    end = ask(DUTIES, raises=True)
    assert (end.outcome, end.decision.rule_id) == ("refused", "fail-closed.rail")
    assert "'duties' failed" in end.decision.reason


@pytest.mark.parametrize(
    "late",
    ["{pii: standard}", "{guard: standard}", "{duties: maximum}", "{nothing: standard}", "[duties]", "{duties: 1}"],
)
def test_core_rail_or_the_highest_level_can_not_be_listed(late: str) -> None:
    text = (POLICIES / "duties.yaml").read_text() + f"late: {late}\n"
    with pytest.raises(PolicyError, match="late"):
        parse_document(text, source="duties.yaml")


def test_comparison_calls_a_rail_that_may_be_late_looser(tmp_path: Path) -> None:
    vocabulary = vocabulary_of(PLACES)
    before = load_policy(POLICIES, vocabulary=vocabulary)
    after = load_policy(write_late(tmp_path, "late: {groundedness: enhanced}\n"), vocabulary=vocabulary)
    there = compare_policies(before, after, places=PLACES).shifts
    assert [(each.direction, each.where) for each in there] == [
        ("looser", ("groundedness is late, standard",)),
        ("looser", ("groundedness is late, enhanced",)),
    ]
    back = compare_policies(after, before, places=PLACES).shifts
    assert [each.direction for each in back] == ["stricter", "stricter"]
