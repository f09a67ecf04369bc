from pathlib import Path

import pytest

from governance.policy import Comparison, RuleChange, compare_policies, load_policy, shipped_places, vocabulary_of
from tests.governance.policy.drafts import PLACES, SHIPPED, make_policy, rule, write_draft

ALL = rule("all", "true")
PHONE = 'finding.category == "phone"'


def compare(folder: Path, before: list[str], after: list[str]) -> Comparison:
    return compare_policies(make_policy(folder / "a", *before), make_policy(folder / "b", *after), places=PLACES)


def test_policy_equals_itself() -> None:
    places = shipped_places()
    policy = load_policy(SHIPPED, vocabulary=vocabulary_of(places))
    same = compare_policies(policy, policy, places=places)
    assert (same.added, same.removed, same.changed, same.shifts) == ((), (), (), ())
    assert same.situations > 1000


def test_rules_that_came_and_went_are_named(tmp_path: Path) -> None:
    found = compare(tmp_path, [ALL, rule("old", PHONE)], [ALL, rule("new", PHONE)])
    assert (found.added, found.removed, found.changed) == (("core.new",), ("core.old",), ())


@pytest.mark.parametrize(
    ("after", "field", "was", "now"),
    [
        (rule("all", "true", "block"), "action", "redact", "block"),
        (rule("all", "true", severity="high"), "severity", "medium", "high"),
        (rule("all", "true", basis="[A, B]"), "legal basis", "GDPR Art. 25", "A, B"),
        (rule("all", "true", basis="[]"), "legal basis", "GDPR Art. 25", "none"),
        (ALL.replace("Please leave", "Leave"), "message", "Please leave it out.", "Leave it out."),
        (rule("all", "true || false"), "condition", "true", "true || false"),
    ],
)
def test_changed_field_of_a_rule_is_named(tmp_path: Path, after: str, field: str, was: str, now: str) -> None:
    assert compare(tmp_path, [ALL], [after]).changed == (RuleChange("core.all", field, was, now),)


def test_blanks_of_a_condition_are_no_change(tmp_path: Path) -> None:
    assert compare(tmp_path, [rule("all", "true || false")], [rule("all", "true   ||  false")]).changed == ()


def test_loosened_situations_come_first_and_are_counted(tmp_path: Path) -> None:
    before = [ALL, rule("mail", 'finding.category == "email" && stage == "output"', "block")]
    after = [ALL, rule("phone", PHONE, "block"), rule("arms", 'finding.rail == "harm"', "block")]
    found = compare(tmp_path, before, after)
    assert [(shift.direction, shift.count) for shift in found.shifts] == [
        ("looser", 9),
        ("stricter", 27),
        ("stricter", 9),
    ]
    looser = found.shifts[0]
    assert (looser.before, looser.before_rule) == ("block", "core.mail")
    assert (looser.after, looser.after_rule) == ("redact", "core.all")
    assert looser.where == ("pii (email), any score, output, every level",)
    assert (found.count("looser"), found.count("stricter"), found.count("by another rule")) == (9, 36, 0)
    assert found.situations == (2 * 3 + 1) * 3 * 3


def test_rule_that_takes_over_is_told_from_another_decision(tmp_path: Path) -> None:
    found = compare(tmp_path, [ALL], [ALL, rule("phone", PHONE, severity="high")])
    assert {shift.direction for shift in found.shifts} == {"by another rule"}
    assert found.shifts[0].where == ("pii (phone), any score, every stage, every level",)


def test_finding_that_loses_its_rule_gets_stricter(tmp_path: Path) -> None:
    found = compare(tmp_path, [ALL], [rule("all", 'finding.rail == "pii"')])
    assert (found.shifts[0].direction, found.shifts[0].after_rule) == ("stricter", "fail-closed.unmatched")


def test_moved_threshold_of_the_shipped_rules_shows_its_band(tmp_path: Path) -> None:
    places = shipped_places()
    vocabulary = vocabulary_of(places)
    loose = write_draft(
        tmp_path, ('"self_harm" && finding.score >= 0.9', '"self_harm" && finding.score >= 0.93'), ("< 0.9", "< 0.93")
    )
    found = compare_policies(
        load_policy(SHIPPED, vocabulary=vocabulary), load_policy(loose, vocabulary=vocabulary), places=places
    )
    shift = next(
        s for s in found.shifts if (s.before_rule, s.after_rule) == ("core.harm.refuse", "core.harm.allow-mentions")
    )
    assert shift.direction == "looser"
    assert all("score from 0.9 below 0.93" in phrase for phrase in shift.where)
