# ruff: noqa: E501 - a condition and its words are read as one line

import subprocess
import sys
from pathlib import Path

import pytest

from governance.policy import shipped_places, vocabulary_of
from governance.policy.situations import build_situations, places_of
from governance.schema import DOMAINS, ROLES
from tests.governance.policy.drafts import PLACES, make_policy, rule
from tests.governance.shipped import shipped_rails


def test_places_need_no_model_and_equal_those_of_the_rails_that_ship() -> None:
    assert shipped_places() == places_of(shipped_rails())
    assert vocabulary_of(shipped_places()) == shipped_rails().vocabulary()


def test_scores_are_sampled_at_each_number_and_between(tmp_path: Path) -> None:
    policy = make_policy(tmp_path, rule("one", "finding.score >= 0.5 || finding.score < 2.5e-1"))
    assert build_situations([policy], places=PLACES).scores == (0, 0.125, 0.25, 0.375, 0.5, 0.75, 1)


def test_domains_are_sampled_only_where_a_rule_looks_at_them(tmp_path: Path) -> None:
    plain = build_situations([make_policy(tmp_path / "a", rule("one", "true"))], places=PLACES)
    by_domain = build_situations([make_policy(tmp_path / "b", rule("one", 'agent.domain != "legal"'))], places=PLACES)
    assert (plain.domains, by_domain.domains) == (("general",), DOMAINS)
    assert len(by_domain.cases) == len(DOMAINS) * len(plain.cases)


def test_actors_are_sampled_only_where_a_rule_looks_at_them(tmp_path: Path) -> None:
    plain = build_situations([make_policy(tmp_path / "a", rule("one", "true"))], places=PLACES)
    by_actor = make_policy(tmp_path / "b", rule("one", 'actor.role == "admin" || actor.kind == "key"'))
    full = build_situations([by_actor], places=PLACES)
    assert (plain.roles, plain.kinds) == (("member",), ("user",))
    assert (full.roles, full.kinds) == (ROLES, ("user", "key"))
    assert len(full.cases) == 10 * len(plain.cases)


@pytest.mark.parametrize(
    ("when", "phrases"),
    [
        ("true", ["harm (every category), any score, input, every level", "pii (every category), any score, every stage, every level"]),
        ('finding.category == "email" && stage != "retrieval"', ["pii (email), any score, input and output, every level"]),
        ('finding.rail == "harm" && finding.score >= 0.5', ["harm (every category), score from 0.5, input, every level"]),
        ('finding.rail == "harm" && finding.score > 0.5', ["harm (every category), score above 0.5, input, every level"]),
        ('finding.rail == "harm" && finding.score <= 0.5', ["harm (every category), score up to 0.5, input, every level"]),
        ('finding.rail == "harm" && finding.score == 0.5', ["harm (every category), score 0.5, input, every level"]),
        ('finding.rail == "harm" && finding.score >= 0.2 && finding.score < 0.5', ["harm (every category), score from 0.2 below 0.5, input, every level"]),
        ('finding.rail == "harm" && finding.score != 0.5', ["harm (every category), score below 0.5 or above 0.5, input, every level"]),
        ('finding.rail == "harm" && agent.level != "standard"', ["harm (every category), any score, input, enhanced and maximum"]),
        ('finding.rail == "harm" && agent.domain == "legal"', ["harm (every category), any score, input, every level, domain legal"]),
        ('finding.rail == "harm" && actor.role == "admin" && actor.kind == "key"', ["harm (every category), any score, input, every level, asked by admin, with a key"]),
    ],
)  # fmt: skip
def test_cases_are_described_in_few_words(tmp_path: Path, when: str, phrases: list[str]) -> None:
    policy = make_policy(tmp_path, rule("one", when))
    situations = build_situations([policy], places=PLACES)
    holding = [case for case in situations.cases if policy.rules[0].condition.holds(case)]
    assert situations.describe(holding) == phrases


def test_places_load_neither_recognisers_nor_torch() -> None:
    code = (
        "import sys; from governance.policy import shipped_places; shipped_places();"
        "print([name for name in ('presidio_analyzer', 'torch', 'spacy') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
