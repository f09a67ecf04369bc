from pathlib import Path

import pytest

from governance.policy import review_folder, shipped_places
from tests.governance.policy.drafts import PLACES, SHIPPED, rule, write_rules

ALL = rule("all", "true")


def test_shipped_rules_have_no_problem_and_no_warning() -> None:
    review = review_folder(SHIPPED, places=shipped_places())
    assert (review.problems, review.warnings) == ((), ())
    assert review.rules >= 20


def test_every_problem_of_every_file_is_said_with_its_place(tmp_path: Path) -> None:
    write_rules(
        tmp_path, rule("one", "finding.typ == 1"), rule("two", "finding.score > 1.5"), rule("three", "true &&"), ALL
    )
    write_rules(tmp_path, rule("four", "true", "drop"), name="more")
    write_rules(tmp_path, rule("five", 'finding.rail == "piii"'), name="other")
    review = review_folder(tmp_path, places=PLACES)
    assert review.rules == 5
    starts = (
        "more.yaml: rules > four > then",
        "core.yaml, rule one:",
        "core.yaml, rule two:",
        "core.yaml, rule three:",
    )
    for problem, start in zip(review.problems, (*starts, "other.yaml, rule five:"), strict=True):
        assert problem.startswith(start)
    assert review.warnings == ()


def test_missing_folder_is_a_problem(tmp_path: Path) -> None:
    review = review_folder(tmp_path / "missing", places=PLACES)
    assert "expected a folder with at least one policy file" in review.problems[0]


def test_rules_with_one_full_id_are_a_problem(tmp_path: Path) -> None:
    write_rules(tmp_path, rule("a.one", "true"))
    write_rules(tmp_path, rule("one", "true"), name="core.a")
    (problem,) = review_folder(tmp_path, places=PLACES).problems
    assert problem.startswith("core.yaml, rule a.one: core.a.yaml, rule one has the same full id, core.a.one. Rename")


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        (
            [rule("one", 'finding.rail == "pii" && finding.category == "email" || finding.rail == "harm"')],
            "pii (phone), any score, every stage, every level: no rule names it, so it is blocked. Add a rule",
        ),
        (
            [rule("one", 'finding.rail == "pii" || finding.score > 0.5')],
            "harm (every category), score up to 0.5, input, every level: no rule names it",
        ),
        (
            [rule("one", 'agent.level != "standard" || stage != "output"')],
            "pii (every category), any score, output, every level: no rule names it",
        ),
        (
            [ALL, rule("two", 'finding.rail == "pii"', "allow")],
            "core.yaml, rule two: it never decides, because wherever it holds another rule is as strict or stricter "
            "(core.all). Narrow those, or remove it.",
        ),
        (
            [ALL, rule("two", 'finding.rail == "harm" && stage == "output"', "block")],
            "core.yaml, rule two: it never decides, because no rail reports at that stage what it asks for.",
        ),
        ([rule("one", "true", basis="[]")], "core.yaml, rule one: it has no legal basis."),
        ([rule("one", "true", basis='[" "]')], "core.yaml, rule one: it has no legal basis."),
        (
            [rule("one", "finding.score >= 0.5 || true", "block"), ALL],
            "core.yaml, rule all: it holds in exactly the same cases as core.yaml, rule one. Keep one",
        ),
    ],
    ids=["category", "score", "higher-level-only", "shadowed", "nowhere", "no-basis", "blank-basis", "same-condition"],
)
def test_likely_mistake_is_warned_of(tmp_path: Path, rules: list[str], says: str) -> None:
    review = review_folder(write_rules(tmp_path, *rules), places=PLACES)
    assert review.problems == ()
    assert [each for each in review.warnings if says in each]


def test_rule_that_decides_at_one_level_alone_is_no_mistake(tmp_path: Path) -> None:
    stricter = rule("two", 'agent.level == "maximum"', "block")
    review = review_folder(write_rules(tmp_path, ALL, stricter), places=PLACES)
    assert review.warnings == ()


def test_files_of_cases_hold_no_rules(tmp_path: Path) -> None:
    write_rules(tmp_path, ALL)
    (tmp_path / "core.cases.yaml").write_text("cases: []")
    assert review_folder(tmp_path, places=PLACES).problems == ()


@pytest.mark.parametrize(
    ("when", "then", "is_late"),
    [
        ('finding.rail == "duties"', "block", True),
        ('finding.rail == "duties" && stage == "output"', "redact", True),
        ('finding.rail == "duties" && stage == "output" && agent.level == "maximum"', "escalate", True),
        ('finding.rail == "duties" && stage == "input"', "block", False),
        ('finding.rail == "duties" && stage == "output"', "allow", False),
    ],
)
def test_rule_that_would_stop_an_answer_that_is_over_is_a_problem(
    tmp_path: Path, when: str, then: str, is_late: bool
) -> None:
    places = {stage: {**found, "duties": frozenset({"legal_advice"})} for stage, found in PLACES.items()}
    write_rules(tmp_path, rule("all", "true", "allow"))
    write_rules(tmp_path, rule("late", when, then), name="house")
    problems = review_folder(tmp_path, places=places).problems
    assert [each.startswith("house.yaml, rule late: it would stop or mask an answer") for each in problems] == (
        [True] if is_late else []
    )
