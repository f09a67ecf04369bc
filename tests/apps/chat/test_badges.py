from dataclasses import replace
from datetime import UTC, datetime

import pytest

from apps.chat.badges import badge_of, count
from governance.schema import Outcome
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
    sentences_checked=1,
    sentences_supported=1,
    cited=4,
    cited_datasets=("d",),
    datasets_attached=1,
    first_release_ms=10.0,
    total_ms=90.0,
    governance_ms=38.2,
    generate_ms=40.0,
    output_tokens=10,
)


def _turn(fact: TurnFact, *redacted: str, found: str = "pii", dropped: int = 0) -> TurnDetail:
    record = {
        "decisions": [{"stage": each, "action": "redact"} for each in redacted],
        "findings": [{"stage": each, "rail": found} for each in redacted],
        "dropped_evidence": [{}] * dropped,
    }
    return TurnDetail(fact, record, None, "", (), {})


def test_badge_says_decision_sources_and_checks_in_one_line() -> None:
    assert badge_of(_turn(FACT)).text == "Allowed · 4 sources · 38 ms checks"


def test_badge_of_one_source_is_singular_and_none_is_left_out() -> None:
    assert badge_of(_turn(replace(FACT, cited=1))).text == "Allowed · 1 source · 38 ms checks"
    assert badge_of(_turn(replace(FACT, cited=0))).text == "Allowed · 38 ms checks"


def test_badge_counts_the_sentences_that_the_sources_do_not_support() -> None:
    doubtful = replace(FACT, sentences_checked=3, sentences_supported=1)
    assert badge_of(_turn(doubtful)).text == "Allowed · 4 sources · 2 sentences not supported · 38 ms checks"


@pytest.mark.parametrize(
    ("outcome", "tone", "word"),
    [
        ("refused", "refused", "Refused"),
        ("failed", "refused", "Failed closed"),
        ("escalated", "escalated", "Escalated"),
        ("stopped", "neutral", "Stopped"),
        ("abstained", "neutral", "Nothing found"),
    ],
)
def test_badge_follows_the_outcome(outcome: Outcome, tone: str, word: str) -> None:
    badge = badge_of(_turn(replace(FACT, outcome=outcome), "input"))
    assert (badge.tone, badge.word) == (tone, word)


@pytest.mark.parametrize("stage", ["input", "retrieval", "output"])
def test_badge_says_masked_wherever_it_happened(stage: str) -> None:
    badge = badge_of(_turn(FACT, stage))
    assert (badge.tone, badge.word) == ("masked", "Masked")


def test_badge_does_not_call_a_passage_left_out_masked() -> None:
    badge = badge_of(_turn(FACT, "retrieval", found="retrieval_injection", dropped=1))
    assert badge.text == "Allowed · 4 sources · 1 passage left out · 38 ms checks"


def test_count_groups_thousands() -> None:
    assert count(5000, "dataset") == "5,000 datasets"
