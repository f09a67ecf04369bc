"""What the domains add to the floor of every agent: they tighten it in places and loosen it nowhere."""

import itertools
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.policy import Policy, read_cases, read_documents, run_cases, shipped_places, vocabulary_of
from governance.policy.condition import KINDS, STAGES, Case
from governance.policy.policy import FAIL_CLOSED
from governance.schema import ACTIONS, DOMAINS, LEVELS, ROLES
from tests.governance.policy.drafts import SHIPPED

PLACES = shipped_places()
SPECIAL = ("healthcare", "financial", "legal")
FOUND = [(rail, category) for rail, each in sorted(vocabulary_of(PLACES).items()) for category in sorted(each)]


@cache
def shipped() -> Policy:
    return Policy(read_documents(SHIPPED), vocabulary=vocabulary_of(PLACES))


@cache
def floor() -> Policy:
    documents = [each for each in read_documents(SHIPPED) if each.id not in SPECIAL]
    return Policy(documents, vocabulary=vocabulary_of(PLACES))


def strictness(policy: Policy, case: Case) -> int:
    return ACTIONS.index(policy.decide_case(case).action)


@settings(max_examples=2000, deadline=None)
@given(
    st.sampled_from(FOUND),
    st.floats(0, 1),
    st.sampled_from(STAGES),
    st.sampled_from(LEVELS),
    st.sampled_from(ROLES),
    st.sampled_from(KINDS),
    st.sampled_from(DOMAINS),
)
def test_a_domain_never_loosens_the_floor(found, score, stage, level, role, kind, domain) -> None:  # type: ignore[no-untyped-def]
    case = Case(*found, score, stage, level, role, kind, domain)
    general = replace(case, domain="general")
    assert strictness(shipped(), case) >= strictness(floor(), case) == strictness(floor(), general)
    assert shipped().decide_case(general) == floor().decide_case(general)


@pytest.mark.parametrize("domain", SPECIAL)
def test_each_domain_tightens_something_and_no_other_domain(domain: str) -> None:
    tighter = set()
    for found, stage, level in itertools.product(FOUND, STAGES, LEVELS):
        case = Case(*found, 0.95, stage, level, "member", "user", domain)  # type: ignore[arg-type]
        decision = shipped().decide_case(case)
        if strictness(shipped(), case) > strictness(floor(), case):
            tighter.add(decision.rule_id.split(".")[0])
    assert tighter == {domain}


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("kind", ["medical", "financial", "legal"])
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("stage", ["input", "output"])
def test_advice_always_carries_a_notice_or_goes_to_a_person(domain: str, kind: str, level: str, stage: str) -> None:
    for category in (f"{kind}_advice", f"personal_{kind}"):
        case = Case("duties", category, 0.9, stage, level, "member", "user", domain)  # type: ignore[arg-type]
        decision = shipped().decide_case(case)
        assert decision.action == "escalate" or "no " in decision.notice


def test_every_rule_has_a_legal_basis_and_cases_in_which_it_decides_and_does_not() -> None:
    report = run_cases(shipped(), read_cases(SHIPPED), places=PLACES)
    assert (report.failures, report.never_firing, report.never_sparing) == ((), (), ())
    assert all(rule.document.legal_basis for rule in shipped().rules)


def test_no_finding_is_left_to_the_refusal_of_last_resort() -> None:
    found = [(stage, *each) for stage in STAGES for each in FOUND if each[1] in PLACES[stage].get(each[0], ())]
    for stage, rail, category in found:
        decision = shipped().decide_case(Case(rail, category, 0.9, stage, "standard", "member", "user"))
        assert not decision.rule_id.startswith(FAIL_CLOSED), (stage, rail, category)
