"""A rule's notice ends the answer, is sealed with it, and stands there once, whoever asked for it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from core.schema import Message, Retrieval, digest_of
from core.store.database import Store
from governance.errors import PolicyError
from governance.policy import parse_document
from governance.schema import TurnClosed
from tests.governance.door import closed, open_door, with_datasets

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
