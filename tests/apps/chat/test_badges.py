from dataclasses import replace
from datetime import UTC, datetime

import pytest

from apps.chat.badges import badge_of, count
from governance.turns import TurnDetail, TurnFact

FACT = TurnFact(
    entry=3,
    turn_id="t",
    agent_id="a",
    actor_id="u",
    at=datetime(2026, 3, 1, tzinfo=UTC),
    outcome="answered",
    action="allow",
    rule_id="turn.allowed",
    level="standard",
    retrieval="found",
    model="m",
    findings=(),
    violations=(),
    quotations_checked=1,
    quotations_supported=1,
    cited=4,
    cited_datasets=("d",),
    datasets_attached=1,
    first_release_ms=10.0,
    total_ms=90.0,
    governance_ms=38.2,
    generate_ms=40.0,
    output_tokens=10,
)


def _turn(fact: TurnFact, *stages: str) -> TurnDetail:
    record = {"decision": {"action": fact.action}, "decisions": [{"stage": "input", "action": each} for each in stages]}
    return TurnDetail(fact, record, None, "", (), {})


def test_badge_says_decision_sources_and_checks_in_one_line() -> None:
    assert badge_of(_turn(FACT)).text == "Allowed · 4 sources · 38 ms checks"


def test_badge_of_one_source_is_singular_and_none_is_left_out() -> None:
    assert badge_of(_turn(replace(FACT, cited=1))).text == "Allowed · 1 source · 38 ms checks"
    assert badge_of(_turn(replace(FACT, cited=0))).text == "Allowed · 38 ms checks"


@pytest.mark.parametrize(
    ("outcome", "action", "tone", "word"),
    [
        ("answered", "redact", "masked", "Masked"),
        ("refused", "block", "refused", "Refused"),
        ("failed", "block", "refused", "Failed closed"),
        ("escalated", "escalate", "escalated", "Escalated"),
        ("stopped", "allow", "neutral", "Stopped"),
        ("abstained", "allow", "neutral", "Nothing found"),
    ],
)
def test_badge_follows_the_outcome(outcome: str, action: str, tone: str, word: str) -> None:
    badge = badge_of(_turn(replace(FACT, outcome=outcome, action=action)))  # type: ignore[arg-type]
    assert (badge.tone, badge.word) == (tone, word)


def test_count_groups_thousands() -> None:
    assert count(5000, "dataset") == "5,000 datasets"


def test_badge_says_masked_when_only_the_question_was() -> None:
    assert badge_of(_turn(FACT, "redact")).word == "Masked"
    assert badge_of(_turn(replace(FACT, outcome="refused"), "redact")).word == "Refused"
