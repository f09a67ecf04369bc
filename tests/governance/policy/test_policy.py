# ruff: noqa: E501 - a row of the table of rules is read as one line

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import cel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.errors import PolicyError
from governance.policy import Policy, PolicyBook, parse_document
from governance.policy.condition import STAGES, Case
from governance.policy.policy import PolicyRule
from governance.schema import ACTIONS, DOMAINS, LEVELS, ROLES, Actor, AgentView, Domain, Finding, Level, Stage
from tests.governance.shipped import shipped_rails

POLICIES = Path(__file__).parents[3] / "data" / "policies"
VOCABULARY = shipped_rails().vocabulary()
BOOK = PolicyBook(POLICIES, vocabulary=VOCABULARY)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ACTOR = Actor("u1", "Ann", "member")
WORDS = [(rail, category) for rail in sorted(VOCABULARY) for category in sorted(VOCABULARY[rail])]


def agent(level: Level) -> AgentView:
    return AgentView("a1", "u1", "Helper", "help", "starter", None, level, "balanced", (), NOW, NOW)


def decide(rail: str, category: str, score: float, stage: Stage, level: Level) -> tuple[str, str]:
    found = [Finding(rail, category, score, 0, 1)]
    decision = BOOK.policy.decide(found, stage=stage, agent=agent(level), actor=ACTOR).decision
    return decision.action, decision.rule_id


RULES: list[tuple[str, str, tuple[str, str, float, Stage, Level], tuple[str, str, float, Stage, Level]]] = [
    # rule, action, fires on, does not fire on
    ("privacy.mask-identifiers", "redact", ("pii", "email", 0.9, "input", "standard"), ("secrets", "jwt", 0.9, "input", "standard")),
    ("privacy.refuse-high-risk-identifiers", "block", ("pii", "us_ssn", 0.9, "output", "maximum"), ("pii", "us_ssn", 0.9, "output", "enhanced")),
    ("privacy.drop-passages-with-high-risk-identifiers", "block", ("pii", "iban", 1.0, "retrieval", "maximum"), ("pii", "email", 1.0, "retrieval", "maximum")),
    ("privacy.mask-identifiers", "redact", ("identity_numbers", "es_nif", 0.95, "retrieval", "enhanced"), ("identity_numbers", "es_nif", 0.95, "retrieval", "maximum")),
    ("privacy.refuse-high-risk-identifiers", "block", ("identity_numbers", "uk_nino", 0.8, "input", "maximum"), ("identity_numbers", "uk_nino", 0.8, "input", "enhanced")),
    ("privacy.drop-passages-with-high-risk-identifiers", "block", ("identity_numbers", "au_tfn", 0.95, "retrieval", "maximum"), ("identity_numbers", "au_tfn", 0.95, "retrieval", "enhanced")),
    ("privacy.allow-names", "allow", ("safe_harbour", "place", 0.9, "input", "enhanced"), ("safe_harbour", "place", 0.9, "input", "maximum")),
    ("privacy.mask-identifiers", "redact", ("pii", "personal_id", 0.85, "output", "standard"), ("safe_harbour", "person", 0.85, "output", "standard")),
    ("privacy.mask-births-in-questions", "redact", ("safe_harbour", "birth", 0.85, "input", "standard"), ("safe_harbour", "birth", 0.85, "output", "standard")),
    ("privacy.mask-addresses-in-questions", "redact", ("safe_harbour", "web_address", 0.8, "input", "enhanced"), ("safe_harbour", "web_address", 0.8, "output", "enhanced")),
    ("privacy.mask-what-identifies", "redact", ("safe_harbour", "person", 0.3, "output", "maximum"), ("safe_harbour", "person", 0.3, "output", "enhanced")),
    ("privacy.refuse-private-data", "block", ("private_data", "identifier", 0.95, "input", "standard"), ("private_data", "contact", 0.6, "input", "standard")),
    ("privacy.allow-everyday-data", "allow", ("private_data", "personal", 0.6, "input", "standard"), ("private_data", "health", 0.95, "input", "standard")),
    ("privacy.review-everyday-data", "escalate", ("private_data", "contact", 0.6, "input", "enhanced"), ("private_data", "contact", 0.6, "input", "standard")),
    ("privacy.refuse-everyday-data", "block", ("private_data", "contact", 0.6, "input", "maximum"), ("private_data", "contact", 0.6, "input", "enhanced")),
    ("secrets.mask", "redact", ("secrets", "jwt", 0.9, "output", "enhanced"), ("pii", "email", 0.9, "output", "enhanced")),
    ("secrets.refuse", "block", ("secrets", "jwt", 0.9, "input", "maximum"), ("secrets", "jwt", 0.9, "input", "enhanced")),
    ("integrity.refuse-injection", "block", ("injection", "override", 0.95, "input", "standard"), ("injection", "override", 0.6, "input", "standard")),
    ("integrity.allow-talk-about-injection", "allow", ("injection", "override", 0.6, "input", "enhanced"), ("injection", "override", 0.9, "input", "enhanced")),
    ("integrity.review-talk-about-injection", "escalate", ("injection", "override", 0.6, "input", "maximum"), ("injection", "override", 0.6, "input", "enhanced")),
    ("integrity.refuse-attack", "block", ("guard", "injection", 0.97, "input", "standard"), ("guard", "injection", 0.96, "input", "standard")),
    ("integrity.allow-doubtful-attack", "allow", ("guard", "injection", 0.6, "input", "enhanced"), ("guard", "injection", 0.98, "input", "enhanced")),
    ("integrity.review-doubtful-attack", "escalate", ("guard", "injection", 0.6, "input", "maximum"), ("guard", "injection", 0.6, "input", "enhanced")),
    ("integrity.drop-poisoned-passages", "block", ("retrieval_injection", "steers_answer", 0.9, "retrieval", "standard"), ("retrieval_injection", "steers_answer", 0.6, "retrieval", "standard")),
    ("integrity.allow-passages-about-injection", "allow", ("retrieval_injection", "override", 0.6, "retrieval", "standard"), ("retrieval_injection", "override", 0.6, "retrieval", "enhanced")),
    ("integrity.drop-passages-about-injection", "block", ("retrieval_injection", "override", 0.6, "retrieval", "enhanced"), ("retrieval_injection", "override", 0.6, "retrieval", "standard")),
    ("integrity.mask-exfiltration", "redact", ("exfiltration", "remote_image", 0.9, "output", "standard"), ("exfiltration", "remote_image", 0.6, "output", "standard")),
    ("integrity.refuse-exfiltration", "block", ("exfiltration", "active_content", 0.95, "output", "maximum"), ("exfiltration", "active_content", 0.95, "retrieval", "maximum")),
    ("integrity.allow-odd-links", "allow", ("exfiltration", "payload_url", 0.6, "output", "standard"), ("exfiltration", "payload_url", 0.6, "output", "enhanced")),
    ("integrity.mask-odd-links", "redact", ("exfiltration", "payload_url", 0.6, "output", "enhanced"), ("exfiltration", "payload_url", 0.6, "output", "standard")),
    ("harm.refuse-hate", "block", ("hate", "threat", 0.95, "output", "standard"), ("hate", "slur", 0.95, "output", "standard")),
    ("harm.mask-slurs", "redact", ("hate", "slur", 0.95, "output", "enhanced"), ("hate", "slur", 0.6, "output", "enhanced")),
    ("harm.refuse-slurs", "block", ("hate", "slur", 0.95, "input", "maximum"), ("hate", "slur", 0.95, "input", "enhanced")),
    ("harm.allow-talk-about-hate", "allow", ("hate", "dehumanising", 0.6, "input", "standard"), ("hate", "dehumanising", 0.95, "input", "standard")),
    ("harm.mask-dangerous-commands", "redact", ("unsafe_code", "destruction", 0.9, "output", "standard"), ("unsafe_code", "destruction", 0.6, "output", "standard")),
    ("harm.refuse-dangerous-commands", "block", ("unsafe_code", "destruction", 0.9, "output", "maximum"), ("unsafe_code", "destruction", 0.9, "output", "enhanced")),
    ("harm.allow-risky-commands", "allow", ("unsafe_code", "risky_code", 0.5, "output", "maximum"), ("unsafe_code", "risky_code", 0.9, "output", "standard")),
    ("integrity.mask-prompt-leak", "redact", ("prompt_leak", "prompt_leak", 0.95, "output", "standard"), ("prompt_leak", "prompt_leak", 0.95, "output", "enhanced")),
    ("integrity.refuse-prompt-leak", "block", ("prompt_leak", "prompt_leak", 0.95, "output", "enhanced"), ("prompt_leak", "prompt_leak", 0.95, "output", "standard")),
    ("harm.refuse-request", "block", ("guard", "harm", 0.9, "input", "standard"), ("guard", "self_harm", 0.9, "input", "standard")),
    ("harm.allow-doubtful-request", "allow", ("guard", "harm", 0.6, "input", "enhanced"), ("guard", "harm", 0.9, "input", "enhanced")),
    ("harm.review-doubtful-request", "escalate", ("guard", "harm", 0.6, "input", "maximum"), ("guard", "harm", 0.6, "input", "enhanced")),
    ("harm.refuse", "block", ("harm", "weapons", 0.95, "input", "standard"), ("harm", "weapons", 0.6, "input", "standard")),
    ("harm.allow-mentions", "allow", ("harm", "weapons", 0.6, "output", "standard"), ("harm", "weapons", 0.95, "output", "standard")),
    ("harm.review-mentions", "escalate", ("harm", "weapons", 0.6, "input", "enhanced"), ("harm", "weapons", 0.6, "output", "enhanced")),
    ("harm.refuse-mentions", "block", ("harm", "weapons", 0.6, "output", "maximum"), ("harm", "weapons", 0.6, "output", "enhanced")),
    ("harm.help-in-distress", "escalate", ("distress", "self_harm", 0.9, "input", "standard"), ("harm", "self_harm", 0.95, "output", "standard")),
    ("facts.allow-flagged-sentences", "allow", ("groundedness", "unsupported_claim", 0.9, "output", "standard"), ("groundedness", "unsupported_claim", 0.9, "output", "enhanced")),
    ("facts.warn-of-flagged-sentences", "allow", ("groundedness", "wrong_citation", 1.0, "output", "enhanced"), ("groundedness", "wrong_citation", 1.0, "output", "standard")),
    ("facts.refuse-unsupported-sentences", "block", ("groundedness", "number_contradicted", 0.8, "output", "maximum"), ("groundedness", "uncited_claim", 0.5, "output", "maximum")),
    ("harm.refuse-self-harm-advice", "block", ("harm", "self_harm", 0.95, "output", "standard"), ("harm", "weapons", 0.95, "output", "standard")),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "action", "fires", "not_fires"), RULES, ids=[r[0] for r in RULES])
def test_shipped_rule_fires_and_does_not(
    rule: str,
    action: str,
    fires: tuple[str, str, float, Stage, Level],
    not_fires: tuple[str, str, float, Stage, Level],
) -> None:
    assert decide(*fires) == (action, f"core.{rule}")
    assert decide(*not_fires)[1] != f"core.{rule}"


def test_every_shipped_rule_has_such_a_test() -> None:
    assert {rule.id for rule in BOOK.policy.rules if rule.id.startswith("core.")} == {
        f"core.{rule}" for rule, *_ in RULES
    }


@pytest.mark.parametrize("stage", ["input", "retrieval", "output"])
def test_every_finding_of_the_rails_is_named_by_a_rule_where_it_can_occur(stage: Stage) -> None:
    rails = shipped_rails()
    at = {"input": (*rails.input, *rails.spoken), "retrieval": rails.retrieval, "output": rails.output}
    for rail in at[stage]:
        for category in rail.categories:
            for score in (0.6, 0.85, 0.95):
                assert not decide(rail.name, category, score, stage, "standard")[1].startswith("fail-closed")


findings = st.builds(
    lambda word, score: Finding(word[0], word[1], score, 0, 1),
    st.sampled_from(WORDS) | st.tuples(st.text(max_size=5), st.text(max_size=5)),
    st.floats(0, 1),
)


@given(st.lists(findings, max_size=5), st.sampled_from(["input", "retrieval", "output"]), st.sampled_from(ROLES))
def test_levels_only_tighten(found: list[Finding], stage: Stage, role: str) -> None:
    actor = replace(ACTOR, role=role)  # type: ignore[arg-type]
    rulings = [BOOK.policy.decide(found, stage=stage, agent=agent(level), actor=actor) for level in LEVELS]
    for weaker, stricter in pairwise(rulings):
        assert ACTIONS.index(weaker.decision.action) <= ACTIONS.index(stricter.decision.action)
        for a, b in zip(weaker.actions, stricter.actions, strict=True):
            assert ACTIONS.index(a) <= ACTIONS.index(b)


@cache
def compiled() -> dict[str, Any]:
    return {rule.id: cel.compile(rule.document.when) for rule in BOOK.policy.rules}


@settings(max_examples=60, deadline=None)
@given(findings, st.sampled_from(STAGES), st.sampled_from(LEVELS), st.sampled_from(DOMAINS))
def test_rules_that_remember_decide_as_every_rule_evaluated_anew(
    finding: Finding, stage: Stage, level: Level, domain: Domain
) -> None:
    policy, programs = BOOK.policy, compiled()
    case = Case(finding.rail, finding.category, finding.score, stage, level, "member", "user", domain)
    at_levels = []
    for each in LEVELS[: LEVELS.index(level) + 1]:
        context = replace(case, level=each).context()
        holding = [rule for rule in policy.rules if programs[rule.id].execute(context) is True]
        at_levels.append(max(holding, key=PolicyRule.strictness, default=None))
    rule = max((each for each in at_levels if each), key=PolicyRule.strictness) if at_levels[0] else None
    assert policy.decide_case(case).rule_id == (rule.id if rule else "fail-closed.unmatched")


@given(st.lists(findings, min_size=1, max_size=5))
def test_strictest_finding_decides(found: list[Finding]) -> None:
    ruling = BOOK.policy.decide(found, stage="output", agent=agent("standard"), actor=ACTOR)
    assert ruling.decision.action == max(ruling.actions, key=ACTIONS.index)


def test_no_finding_is_allowed() -> None:
    ruling = BOOK.policy.decide([], stage="input", agent=agent("maximum"), actor=ACTOR)
    assert (ruling.decision.action, ruling.actions) == ("allow", ())


def test_finding_that_no_rule_names_is_blocked() -> None:
    assert decide("new_rail", "new", 0.1, "input", "standard") == ("block", "fail-closed.unmatched")


DOCUMENT = """
id: {id}
title: T
description: D
rules:
  - {{id: one, when: '{when}', then: {then}, severity: low, message: No.}}
"""


def make(when: str, then: str = "block", name: str = "core") -> Policy:
    return Policy([parse_document(DOCUMENT.format(id=name, when=when, then=then), source="x")], vocabulary=VOCABULARY)


def test_rule_that_fails_at_run_time_blocks() -> None:
    policy = make('finding.category == "email" || true')
    unlike = replace(agent("standard"), level="unheard-of")  # type: ignore[arg-type]
    decision = policy.decide([Finding("pii", "email", 1, 0, 1)], stage="input", agent=unlike, actor=ACTOR).decision
    assert (decision.action, decision.rule_id) == ("block", "fail-closed.policy")


def test_rule_of_a_lower_level_holds_at_higher_ones() -> None:
    policy = make('agent.level == "standard"')
    for level in LEVELS:
        ruling = policy.decide([Finding("pii", "email", 1, 0, 1)], stage="input", agent=agent(level), actor=ACTOR)
        assert ruling.decision.rule_id == "core.one"


def test_policy_without_documents_is_refused() -> None:
    with pytest.raises(PolicyError, match="at least one document"):
        Policy([], vocabulary=VOCABULARY)


def test_digest_changes_with_the_rules() -> None:
    assert make("true").digest == make("true").digest != make("true", "redact").digest


def test_finding_that_the_lowest_level_does_not_name_stays_blocked() -> None:
    policy = make('agent.level == "maximum"', "redact")
    ruling = policy.decide([Finding("pii", "email", 1, 0, 1)], stage="input", agent=agent("maximum"), actor=ACTOR)
    assert ruling.decision.rule_id == "fail-closed.unmatched"


@pytest.mark.parametrize(
    "when", ['finding.typ in ["email"]', "finding.category in [", "finding.score", 'finding.rail == "piii"']
)
def test_failed_reload_keeps_the_running_policy(tmp_path: Path, when: str) -> None:
    file = tmp_path / "core.yaml"
    file.write_text(DOCUMENT.format(id="core", when="true", then="block"))
    book = PolicyBook(tmp_path, vocabulary=VOCABULARY)
    running, digest = book.policy, book.digest
    file.write_text(DOCUMENT.format(id="core", when=when, then="escalate"))
    with pytest.raises(PolicyError, match=r"core\.yaml, rule one"):
        book.reload()
    assert (book.policy, book.digest) == (running, digest)
    file.write_text(DOCUMENT.format(id="core", when="true", then="redact"))
    assert book.reload() is book.policy
    assert book.digest != digest


def test_messages_of_the_policy_raise_no_finding() -> None:
    for rule in BOOK.policy.rules:
        for rail in shipped_rails().input:
            assert [f for f in rail.inspect(rule.document.message) if f.score >= 0.9] == []
