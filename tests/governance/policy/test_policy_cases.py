from pathlib import Path

import pytest

from governance.errors import PolicyError
from governance.policy import CasesReport, load_policy, read_cases, run_cases, shipped_places, vocabulary_of
from tests.governance.policy.drafts import PLACES, SHIPPED, make_policy, rule

RULES = (rule("mask", "true"), rule("refuse", 'finding.category == "phone" && agent.level == "maximum"', "block"))
CASE = """
  - finding: {rail: pii, category: phone, score: 0.9}
    stage: input
    level: maximum
    action: block
    rule: core.refuse
    not_rule: [core.mask]
"""


def test_every_shipped_rule_decides_in_one_case_and_not_in_another() -> None:
    places = shipped_places()
    policy = load_policy(SHIPPED, vocabulary=vocabulary_of(places))
    report = run_cases(policy, read_cases(SHIPPED), places=places)
    assert (report.failures, report.never_firing, report.never_sparing) == ((), (), ())
    assert report.cases >= 2 * len(policy.rules)


def run(folder: Path, text: str) -> CasesReport:
    policy = make_policy(folder, *RULES)
    (folder / "core.cases.yaml").write_text(f"cases:{text}")
    return run_cases(policy, read_cases(folder), places=PLACES)


def test_rules_without_a_firing_and_a_sparing_case_are_named(tmp_path: Path) -> None:
    report = run(tmp_path, CASE)
    assert report == CasesReport(1, (), never_firing=("core.mask",), never_sparing=("core.refuse",))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("action: block", "action: redact"), "expected redact by core.refuse, came block by core.refuse"),
        (("level: maximum", "level: standard"), "expected block by core.refuse, came redact by core.mask"),
        (("rule: core.refuse", "rule: core.ghost"), "the policy has no rule core.ghost"),
        (("[core.mask]", "[core.ghost]"), "the policy has no rule core.ghost"),
        (("[core.mask]", "[core.refuse]"), "core.refuse decides, and not_rule says that it does not"),
        (("category: phone", "category: phon"), "no rail of the input reports pii phon"),
        (("rail: pii", "rail: harm"), "no rail of the input reports harm phone"),
    ],
)
def test_failed_case_says_where_and_why(tmp_path: Path, change: tuple[str, str], reason: str) -> None:
    report = run(tmp_path, CASE + CASE.replace(*change))
    (failure,) = report.failures
    assert failure.place == "core.cases.yaml, case 2"
    assert reason in failure.reason


def test_failed_case_shows_no_rule_firing(tmp_path: Path) -> None:
    report = run(tmp_path, CASE.replace("action: block", "action: redact"))
    assert report.never_firing == ("core.mask", "core.refuse")


def test_finding_that_no_rule_names_can_be_expected(tmp_path: Path) -> None:
    policy = make_policy(tmp_path, rule("one", 'finding.category == "email"'))
    text = CASE.replace("core.refuse", "fail-closed.unmatched").replace("core.mask", "core.one")
    (tmp_path / "core.cases.yaml").write_text(f"cases:{text}")
    assert run_cases(policy, read_cases(tmp_path), places=PLACES).failures == ()


def test_case_can_be_for_another_actor(tmp_path: Path) -> None:
    policy = make_policy(tmp_path, rule("one", "true"), rule("two", 'actor.role == "admin"', "block"))
    text = CASE.replace("core.refuse", "core.two").replace("core.mask", "core.one")
    (tmp_path / "core.cases.yaml").write_text(f"cases:{text}    role: admin\n{text}    kind: key\n")
    (failure,) = run_cases(policy, read_cases(tmp_path), places=PLACES).failures
    assert failure.finding == "pii phone 0.9, input, maximum, member, key"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("score: 0.9", "score: 1.9"), "cases > 2 > finding > score"),
        (("level: maximum", "level: max"), "cases > 2 > level"),
        (("    action: block\n", ""), "cases > 2 > action: Field required"),
        (("not_rule", "no_rule"), "cases > 2 > no_rule: Extra inputs"),
        (("level: maximum", "level: maximum\n    level: standard"), "'level' stands twice"),
    ],
)
def test_malformed_case_is_refused_with_its_place(tmp_path: Path, change: tuple[str, str], says: str) -> None:
    with pytest.raises(PolicyError) as caught:
        run(tmp_path, CASE + CASE.replace(*change))
    assert str(caught.value).startswith("core.cases.yaml: ")
    assert says in str(caught.value)


def test_no_cases_are_no_pass(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="no case was found"):
        read_cases(tmp_path)
    with pytest.raises(PolicyError, match="at least 1 item"):
        run(tmp_path, " []")


def test_cases_without_their_rules_beside_them_are_refused(tmp_path: Path) -> None:
    make_policy(tmp_path, *RULES)
    (tmp_path / "cor.cases.yaml").write_text(f"cases:{CASE}")
    with pytest.raises(PolicyError, match=r"cor\.cases\.yaml: expected its rules beside it, in cor\.yaml"):
        read_cases(tmp_path)
