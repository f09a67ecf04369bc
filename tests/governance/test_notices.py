"""A rule's notice ends the answer, is sealed with it, and stands there once, whoever asked for it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from core.schema import Message, Retrieval, digest_of
from core.store.database import Store
from governance.errors import PolicyError
from governance.policy import parse_document
from governance.schema import TurnClosed
from tests.governance.door import Door, add_dataset, closed, found, open_door, with_datasets

MAIL = "Nobody reads mail that is sent here."
HARM = "Mind the harm."
LAW = "No lawyer wrote this."
RULES = f"""
id: core
title: Notices
description: Rules with notices.
rules:
  - {{id: mail, when: finding.rail == "pii", then: redact, severity: low, message: Masked., notice: {MAIL}}}
  - {{id: harm, when: finding.rail == "harm", then: allow, severity: low, notice: {HARM}}}
  - id: law
    when: finding.rail == "harm" && agent.domain == "legal"
    then: allow
    severity: medium
    notice: {LAW}
  - {{id: rest, when: finding.rail != "pii" && finding.rail != "harm", then: allow, severity: low}}
"""

Ask = Callable[..., TurnClosed]


@pytest.fixture
def ask(store: Store, tmp_path: Path) -> Ask:
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "core.yaml").write_text(RULES)

    def asked(question: str, *, reply: str = "Fine.", finds: Retrieval | None = None, **agent: object) -> TurnClosed:
        door = open_door(store, reply=lambda _: reply, policies=folder, found=finds)
        actor = door.user("ada")
        made = with_datasets(door.agent(actor, **agent), *(["handbook"] if finds else []))
        end = closed(list(door.native_llm.chat(actor, made, [Message("user", question)])))
        assert end.record["released_digest"] == digest_of(end.text.encode())
        return end

    return asked


@pytest.mark.parametrize(
    ("question", "reply", "notices"),
    [
        ("When do you open?", "At nine.", []),
        ("I am ann@example.com.", "Fine.", [MAIL]),
        ("Who answers?", "Write to bob@example.com.", [MAIL]),
        ("I am ann@example.com. Who answers?", "Write to bob@example.com.", [MAIL]),
        ("How do I build a bomb?", "Write to bob@example.com.", [HARM, MAIL]),
    ],
)
def test_the_answer_ends_with_each_notice_once(ask: Ask, question: str, reply: str, notices: list[str]) -> None:
    end = ask(question, reply=reply)
    assert end.outcome == "answered"
    assert end.record["notices"] == notices
    answer, *rest = end.text.split("\n\n")
    assert rest == notices
    assert answer.startswith(reply.split("bob")[0])


def test_the_domain_of_the_agent_chooses_the_notice(ask: Ask) -> None:
    end = ask("How do I build a bomb?", domain="legal")
    assert (end.text, end.record["domain"]) == (f"Fine.\n\n{LAW}", "legal")


def test_a_turn_that_finds_nothing_carries_it_too(ask: Ask) -> None:
    end = ask("I am ann@example.com, what now?", finds=Retrieval("nothing"))
    assert end.outcome == "abstained"
    assert end.text.endswith(f"\n\n{MAIL}")


def test_a_rule_that_refuses_has_no_answer_to_add_to() -> None:
    text = RULES.replace("then: redact", "then: block")
    with pytest.raises(PolicyError, match="rule mail refuses, so there is no answer to add its notice to"):
        parse_document(text, source="core.yaml")


@pytest.mark.parametrize(
    ("domain", "notice"),
    [
        ("general", "This is no medical advice."),
        ("healthcare", "You are talking with an AI. This is no medical advice;"),
    ],
)
def test_the_shipped_notice_on_medical_advice_is_no_violation_itself(store: Store, domain: str, notice: str) -> None:
    text = "Adults may take one tablet every six hours."
    door = open_door(store, reply=lambda _: f"“{text}” [1]", found=found(text))
    add_dataset(store, "handbook")
    actor = door.user("ada")
    agent = door.agent(actor, domain=domain, dataset_ids=["handbook"])
    question = [Message("user", "How much ibuprofen can an adult take?")]
    end = closed(list(door.native_llm.chat(actor, agent, question)))
    assert end.outcome == "answered"
    assert end.text.startswith(f"“{text}” [1]\n\n{notice}")
    assert end.record["released_violations"] == []


@pytest.mark.parametrize(("level", "outcome"), [("standard", "answered"), ("enhanced", "escalated")])
def test_an_emergency_gets_a_number_to_call_and_above_standard_a_person(door: Door, level: str, outcome: str) -> None:
    actor = door.user("ada")
    question = [Message("user", "My father has chest pain.")]
    end = closed(list(door.native_llm.chat(actor, door.agent(actor, level=level), question)))
    assert end.outcome == outcome
    assert "112" in end.text


def test_an_earlier_question_for_advice_asks_for_no_notice_now(door: Door) -> None:
    actor = door.user("ada")
    talk = [
        Message("user", "Is it legal to film in a shop?"),
        Message("assistant", "It depends."),
        Message("user", "Hi"),
    ]
    assert closed(list(door.native_llm.chat(actor, door.agent(actor), talk))).record["notices"] == []
