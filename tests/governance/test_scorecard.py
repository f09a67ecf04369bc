from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.scorecard import build_scorecard, percentile, wilson
from governance.turns import TurnFact

CLEAN = TurnFact(
    entry=0,
    turn_id="t",
    agent_id="a",
    actor_id="u",
    at=datetime(2026, 1, 1, tzinfo=UTC),
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
    cited=1,
    cited_datasets=("d1",),
    datasets_attached=4,
    first_release_ms=100.0,
    total_ms=300.0,
    governance_ms=10.0,
    generate_ms=200.0,
    output_tokens=40,
)
REFUSED = replace(
    CLEAN,
    outcome="refused",
    action="block",
    quotations_checked=0,
    quotations_supported=0,
    cited=0,
    cited_datasets=(),
    retrieval="none",
    first_release_ms=None,
    generate_ms=None,
    output_tokens=None,
)


def numbered(facts: list[TurnFact]) -> list[TurnFact]:
    return [replace(fact, entry=index) for index, fact in enumerate(facts)]


def test_scorecard_over_nothing_is_not_measured() -> None:
    card = build_scorecard([])
    scores = [card.trust, card.compliance, card.groundedness, card.utilization, card.errors, card.satisfaction]
    assert [score.value for score in scores] == [None] * 6
    assert all(score.n == 0 and score.low is None for score in scores)
    assert card.turns == 0


def test_scorecard_computes_each_score_from_the_turns() -> None:
    facts = numbered([CLEAN, replace(CLEAN, violations=("pii.email",)), REFUSED, replace(CLEAN, rating=1)])
    card = build_scorecard(facts)
    assert card.compliance.value == 0.75
    assert card.compliance.failures == (1,)
    assert card.compliance.entries == (0, 1, 2, 3)
    assert card.groundedness.value == 1.0
    assert card.groundedness.n == 3
    assert card.utilization.value == 0.25
    assert card.cited_answers.n == 3
    assert card.speed.value == pytest.approx(200.0)
    assert card.satisfaction.value == 1.0
    assert card.satisfaction.n == 1
    assert card.outcomes == {"answered": 3, "refused": 1}
    privacy = next(score for score in card.principles if score.name == "Privacy")
    assert privacy.value == 0.75


def test_scorecard_counts_an_unsupported_quotation() -> None:
    card = build_scorecard(numbered([CLEAN, replace(CLEAN, quotations_checked=3, quotations_supported=2)]))
    assert card.groundedness.value == 0.75
    assert card.groundedness.failures == (1,)


def test_scorecard_does_not_count_what_was_not_audited_as_clean() -> None:
    card = build_scorecard(numbered([replace(CLEAN, violations=None)]))
    assert card.compliance.value is None
    accountability = next(score for score in card.principles if score.name == "Accountability")
    assert accountability.value == 0.0


def test_error_rate_names_the_failed_turns() -> None:
    card = build_scorecard(numbered([CLEAN, replace(REFUSED, outcome="failed")]))
    assert card.errors.value == 0.5
    assert card.errors.failures == (1,)


@given(st.integers(1, 60), st.integers(1, 30))
def test_trust_falls_after_violations_and_recovers_with_clean_turns(clean: int, bad: int) -> None:
    violating = replace(CLEAN, violations=("pii.email",))
    before = build_scorecard(numbered([CLEAN] * clean)).trust.value
    fallen = build_scorecard(numbered([CLEAN] * clean + [violating] * bad)).trust.value
    recovered = build_scorecard(numbered([CLEAN] * (clean + 50 * bad) + [violating] * bad)).trust.value
    assert before is not None
    assert fallen is not None
    assert recovered is not None
    assert recovered > fallen
    per_turn = replace(CLEAN, violations=("pii.email",), quotations_supported=0)
    worst = build_scorecard(numbered([CLEAN] * clean + [per_turn] * bad)).trust.value
    assert worst is not None
    assert worst <= fallen


@given(st.integers(1, 50), st.integers(1, 50))
def test_correct_refusals_never_lower_trust(clean: int, refused: int) -> None:
    before = build_scorecard(numbered([CLEAN] * clean)).trust.value
    after = build_scorecard(numbered([CLEAN] * clean + [REFUSED] * refused)).trust.value
    assert before is not None
    assert after is not None
    assert after >= before


@given(st.lists(st.sampled_from([CLEAN, REFUSED, replace(CLEAN, violations=("harm.hate",))]), min_size=1), st.randoms())
def test_scores_do_not_depend_on_the_order_of_turns(facts: list[TurnFact], random: object) -> None:
    shuffled = list(facts)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, two = build_scorecard(numbered(facts)), build_scorecard(numbered(shuffled))
    assert one.trust.value == pytest.approx(two.trust.value)
    assert one.compliance.value == two.compliance.value


@given(st.integers(0, 200), st.integers(1, 200))
def test_wilson_holds_the_rate_and_narrows_with_n(successes: int, n: int) -> None:
    successes = min(successes, n)
    low, high = wilson(successes, n)
    assert 0 <= low <= successes / n + 1e-9
    assert successes / n - 1e-9 <= high <= 1
    wider = wilson(successes, n)
    narrower = wilson(successes * 10, n * 10)
    assert narrower[1] - narrower[0] < wider[1] - wider[0]


def test_wilson_matches_published_values() -> None:
    low, high = wilson(81, 263)  # Newcombe 1998, table I
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)


def test_percentile_interpolates_and_knows_nothing() -> None:
    assert percentile([], 0.5) is None
    assert percentile([1.0, 2.0, 3.0, 4.0], 0.5) == 2.5
    assert percentile([5.0], 0.95) == 5.0
