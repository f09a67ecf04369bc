import cel
import pytest

from governance.errors import PolicyError
from governance.policy.condition import KINDS, STAGES, Case, Condition
from governance.schema import LEVELS, ROLES

VOCABULARY = {"pii": {"email", "phone"}, "harm": {"weapons"}}
CASES = [
    Case(rail, category, score, stage, level, role, kind)
    for rail, categories in VOCABULARY.items()
    for category in sorted(categories)
    for score in (0.0, 0.39, 0.4, 0.41, 0.5, 0.9, 1.0)
    for stage in STAGES
    for level in LEVELS
    for role, kind in zip(ROLES, (*KINDS, *KINDS, *KINDS), strict=False)
]
EMAIL = Case("pii", "email", 0.9, "input", "standard", "member", "user")


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ('finding.rail == "pii"', True),
        ('finding.rail == "harm"', False),
        ('finding.category in ["email", "phone"] && finding.score >= 0.5', True),
        ('stage == "output" || actor.role == "member"', True),
        ('!(agent.level == "standard") || actor.kind == "key"', False),
        ('agent.domain == "general"', True),
        ('agent.domain in ["healthcare", "legal"]', False),
    ],
)
def test_condition_holds(expression: str, holds: bool) -> None:
    condition = Condition(expression, place="here")
    condition.check(VOCABULARY)
    assert condition.holds(EMAIL) is holds


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ('finding.typ == "pii"', "unknown field finding.typ"),
        ("finding", "unknown field finding"),
        ('findign.rail == "pii"', "unknown name 'findign'"),
        ('true || actor.rol == "admin"', "unknown field actor.rol"),
        ('finding.category in ["email"', "not valid CEL"),
        ("finding.score >", "not valid CEL"),
        ('finding.category in ["email", "phnoe"]', "unknown word 'phnoe'"),
        ('stage == "ouput"', "unknown word 'ouput'"),
        ('agent.domain == "helthcare"', "unknown word 'helthcare'"),
        ("finding.score", "gives float, expected true or false"),
        ('finding.score > "pii"', "can't be evaluated"),
        ("finding.score > 1.5", "can never fire"),
        ('finding.rail == "harm" && finding.category == "email"', "can never fire"),
        ("finding.score > 0.6 && finding.score < 0.9 && size(finding.score) > 1", "can't be evaluated"),
    ],
)
def test_broken_condition_is_refused_with_its_place(expression: str, says: str) -> None:
    with pytest.raises(PolicyError) as caught:
        Condition(expression, place="core.yaml, rule one").check(VOCABULARY)
    assert says in str(caught.value)
    assert str(caught.value).startswith("core.yaml, rule one: ")


@pytest.mark.parametrize(
    "expression",
    [
        'finding.rail == "pii" && finding.category in ["email"]',
        "finding.rail != \"pii\" || finding.category != 'email'",
        'finding.category == "email" && finding.score > 0.4 && stage == "input"',
        "finding.rail == finding.category",
        "size(finding.category) > 5",
        'finding.rail.startsWith("h")',
        'agent.level == "maximum" && actor.role == "admin" || finding.rail == "harm"',
        "finding.score >= 0.4 && !(0.9 < finding.score) || finding.score == 0.39",
        "finding.score * 2.0 > 0.8",
        "2.0 * finding.score > 0.8 || finding.score > 0.9",
        "finding.score > 0.4 + 0.05",
        '1.0 - finding.score > 0.5 && stage == "input"',
    ],
)
def test_kept_results_are_those_of_a_condition_that_keeps_none(expression: str) -> None:
    kept = Condition(expression, place="here")
    fires = kept._rails_that_fire(VOCABULARY)
    program = cel.compile(expression)
    for case in CASES:
        assert kept.holds(case) is program.execute(case.context())
        assert not kept.holds(case) or case.rail in fires


def test_rule_for_one_rare_actor_and_score_is_reachable() -> None:
    rare = 'actor.role == "admin" && actor.kind == "key" && finding.score > 0.79 && finding.score < 0.81'
    Condition(rare, place="here").check(VOCABULARY)


def test_rule_for_one_domain_and_a_narrow_score_is_reachable() -> None:
    rare = 'agent.domain == "legal" && agent.level == "maximum" && finding.score > 0.79 && finding.score < 0.81'
    Condition(rare, place="here").check(VOCABULARY)
