"""Groundedness through the door: flagged, warned of or refused by level, recorded, and counted in the score."""

from dataclasses import replace

import pytest

from core.schema import Message
from core.store.database import Store
from governance.schema import Level, TurnClosed
from governance.scorecard import build_scorecard
from governance.turns import turn_facts
from tests.governance.door import Door, add_dataset, closed, found, open_door

PASSAGE = "Meals are paid up to 60 USD a day. Receipts must reach finance within ten days. Alcohol is never paid."
GOOD = "Meals are paid up to 60 USD a day [1]."
BAD = "The company owns a gym in Lisbon [1]."


def ask(store: Store, answer: str, level: Level = "standard") -> tuple[Door, TurnClosed]:
    door = open_door(store, reply=lambda _: answer, found=found(PASSAGE))
    ann = door.user("ann")
    add_dataset(store, "handbook")
    agent = replace(door.agent(ann, dataset_ids=("handbook",)), level=level)
    return door, closed(list(door.native_llm.chat(ann, agent, [Message("user", "What is paid?")])))


def groundedness(door: Door) -> tuple[float | None, int]:
    score = build_scorecard(turn_facts(door.ledger)).groundedness
    return score.value, score.n


def test_at_standard_an_unsupported_sentence_is_recorded_and_counted(store: Store) -> None:
    door, turn = ask(store, f"{GOOD} {BAD}")
    assert (turn.outcome, turn.text) == ("answered", f"{GOOD} {BAD}")
    assert [(f["rail"], f["category"]) for f in turn.record["findings"]] == [("groundedness", "unsupported_claim")]
    assert turn.record["groundedness"] == {"checked": 2, "supported": 1}
    assert groundedness(door) == (0.5, 2)


def test_at_enhanced_the_answer_says_that_a_sentence_is_not_supported(store: Store) -> None:
    _, turn = ask(store, f"{GOOD} {BAD}", "enhanced")
    assert turn.outcome == "answered"
    assert turn.text.startswith(f"{GOOD} {BAD}\n\nPlease check the sources")
    assert turn.record["groundedness"] == {"checked": 2, "supported": 1}


def test_at_maximum_the_answer_stops_before_the_sentence(store: Store) -> None:
    door, turn = ask(store, f"{GOOD} {BAD} And more.", "maximum")
    assert (turn.outcome, turn.decision.rule_id) == ("refused", "core.facts.refuse-unsupported-sentences")
    assert turn.text.startswith(f"{GOOD} \n\nI stopped here")
    assert "Lisbon" not in turn.text
    assert turn.record["groundedness"] == {"checked": 1, "supported": 1}
    assert groundedness(door) == (1.0, 1)


@pytest.mark.parametrize("level", ["standard", "enhanced", "maximum"])
def test_verbatim_quotations_pass_at_every_level(store: Store, level: Level) -> None:
    answer = "According to the datasets, “Alcohol is never paid.” [1]"
    _, turn = ask(store, answer, level)
    assert (turn.outcome, turn.text, turn.record["findings"]) == ("answered", answer, [])
    assert turn.record["groundedness"] == {"checked": 1, "supported": 1}


def test_what_claims_nothing_is_not_measured(store: Store) -> None:
    door, turn = ask(store, "I can't find that in the datasets attached to this agent.")
    assert turn.record["groundedness"] == {"checked": 0, "supported": 0}
    assert groundedness(door) == (None, 0)


@pytest.mark.parametrize(("level", "holds"), [("standard", False), ("enhanced", False), ("maximum", True)])
def test_a_sentence_is_held_only_where_the_policy_may_stop_it(store: Store, level: Level, holds: bool) -> None:
    door = open_door(store, found=found(PASSAGE))
    ann = door.user("ann")
    agent = replace(door.agent(ann), level=level)
    gate = door.native_llm._governance.open_gate(agent=agent, actor=ann, evidence=found(PASSAGE).evidence)
    assert (gate.push("Meals are paid up to 60 USD a ") == "") == holds
    assert gate.push("day [1]. Receipts must reach ").startswith(GOOD) == holds
