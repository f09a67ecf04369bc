from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.schema import Message
from governance.metrics import MetricsCollector
from governance.scorecard import Score, build_scorecard, percentile, quantile_interval, wilson, with_trend
from governance.turns import TurnFact, turn_facts
from tests.governance.door import Door, closed

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
    sentences_checked=1,
    sentences_supported=1,
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
    sentences_checked=0,
    sentences_supported=0,
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


def test_scorecard_counts_an_unsupported_sentence() -> None:
    card = build_scorecard(numbered([CLEAN, replace(CLEAN, sentences_checked=3, sentences_supported=2)]))
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


VIOLATING = replace(CLEAN, violations=("pii.email",))
MEASURED = [CLEAN, REFUSED, VIOLATING, replace(CLEAN, sentences_supported=0), replace(REFUSED, outcome="failed")]


def trust_of(facts: list[TurnFact]) -> float:
    value = build_scorecard(numbered(facts)).trust.value
    assert value is not None
    return value


@settings(deadline=None, max_examples=50)
@given(st.lists(st.sampled_from(MEASURED), max_size=40), st.sampled_from(MEASURED))
def test_trust_falls_with_every_violation_and_recovers_with_clean_turns(others: list[TurnFact], turn: TurnFact) -> None:
    turns = [CLEAN, *others]  # without one clean turn trust is at its bottom and can't fall
    fallen = trust_of([*turns, replace(turn, violations=("pii.email",))])
    assert fallen < trust_of(turns)
    assert fallen <= trust_of([*turns, replace(turn, violations=())])
    recovered = [fallen]
    for clean in (1, 10, 200):
        recovered.append(trust_of([*turns, VIOLATING, *[CLEAN] * clean]))
    assert recovered[1:] == sorted(set(recovered[1:]))
    assert recovered[-1] > trust_of(turns)


@settings(deadline=None)
@given(st.lists(st.sampled_from(MEASURED), max_size=40), st.integers(1, 50))
def test_correct_refusals_never_lower_trust(others: list[TurnFact], refused: int) -> None:
    turns = [CLEAN, *others]
    assert trust_of([*turns, *[REFUSED] * refused]) > trust_of(turns)


@settings(deadline=None)
@given(st.lists(st.sampled_from([CLEAN, REFUSED, replace(CLEAN, violations=("harm.hate",))]), min_size=1), st.randoms())
def test_scores_do_not_depend_on_the_order_of_turns(facts: list[TurnFact], random: object) -> None:
    shuffled = list(facts)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, two = build_scorecard(numbered(facts)), build_scorecard(numbered(shuffled))
    assert one.trust.value == pytest.approx(two.trust.value)
    assert one.compliance.value == two.compliance.value


@settings(deadline=None)
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


@pytest.mark.parametrize(
    ("violation", "lowered"),
    [
        ("pii.email", {"Privacy"}),
        ("secrets.api_key", {"Privacy"}),
        ("identity_numbers.US_PASSPORT", {"Privacy"}),
        ("exfiltration.link", {"Privacy"}),
        ("harm.weapons", {"Safety"}),
        ("unsafe_code.destroys", {"Safety"}),
        ("harm.hate", {"Fairness", "Safety"}),
    ],
)
def test_violation_lowers_the_principles_that_it_is_against(violation: str, lowered: set[str]) -> None:
    card = build_scorecard(numbered([CLEAN, replace(CLEAN, violations=(violation,))]))
    assert {score.name for score in card.principles if score.value != 1.0} == lowered
    assert all(score.failures == (1,) for score in card.principles if score.name in lowered)


def test_refused_questions_are_counted_apart_and_lower_nothing() -> None:
    abuse = replace(REFUSED, findings=("input:weapons",))
    card = build_scorecard(numbered([CLEAN, abuse, replace(REFUSED, findings=("output:email",))]))
    assert (card.abuse.value, card.abuse.failures) == (1 / 3, (1,))
    others = [*card.principles, card.compliance, card.groundedness]
    assert all(score.value in (None, 1.0) for score in others)


def test_performance_has_median_and_95th_percentile_with_intervals() -> None:
    turns = [replace(CLEAN, total_ms=float(ms)) for ms in range(1, 101)]
    scores = {score.name: score for score in build_scorecard(numbered(turns)).performance}
    assert len(scores) == 8
    median, slowest = scores["Turn time, p50"], scores["Turn time, p95"]
    assert (median.value, slowest.value, slowest.n) == (50.5, pytest.approx(95.05), 100)
    assert (median.low, median.high) == (pytest.approx(40.80, abs=0.01), pytest.approx(60.20, abs=0.01))
    assert slowest.low is not None
    assert slowest.low < 95.05 < (slowest.high or 0)
    few = {score.name: score for score in build_scorecard(numbered(turns[:20])).performance}
    assert few["Turn time, p95"].low is None, "20 values leave the 95th percentile open upwards"


@settings(deadline=None)
@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=200), st.sampled_from([0.5, 0.95]))
def test_quantile_interval_holds_the_quantile(values: list[float], q: float) -> None:
    interval = quantile_interval(values, q)
    value = percentile(values, q)
    assert value is not None
    assert interval is None or interval[0] <= value <= interval[1]
    assert interval is not None or len(values) < 73


def test_trend_is_the_change_against_the_window_before() -> None:
    now = build_scorecard(numbered([CLEAN, replace(CLEAN, violations=("pii.email",))]))
    before = build_scorecard(numbered([CLEAN, replace(CLEAN, total_ms=500.0)]))
    card = with_trend(now, before=before)
    assert card.compliance.trend == -0.5
    assert card.turn_time.trend == pytest.approx(300.0 - 490.0)
    assert {score.name: score.trend for score in card.principles}["Privacy"] == -0.5
    assert card.satisfaction.trend is None
    assert with_trend(now, before=build_scorecard([])).compliance.trend is None
    was, new, other = (Score(name, value, 9, "") for name, value in (("a", 0.5), ("a", 0.75), ("b", 1.0)))
    suites = with_trend(replace(now, suites=(new, other)), before=replace(before, suites=(was,))).suites
    assert [score.trend for score in suites] == [0.25, None]


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(1, 60))
def test_trust_grows_with_the_number_of_clean_turns(fewer: int, more: int) -> None:
    few, many = sorted((fewer, more))
    one, two = (build_scorecard(numbered([CLEAN] * n)).trust.value for n in (few, many))
    assert one is not None
    assert two is not None
    assert one <= two < 1


def test_released_violation_names_its_rail(door: Door) -> None:
    actor = door.user("ada")
    turn = door.native_llm.chat(actor, door.agent(actor), [Message("user", "What is paid for meals?")])
    body = dict(closed(list(turn)).record)
    body["released_violations"] = [{"rail": "pii", "category": "email", "score": 1.0, "start": 0, "end": 3}]
    door.ledger.append("turn.closed", body, turn_id="t2", agent_id="a", actor_id="ada")
    facts = turn_facts(door.ledger)
    assert [fact.violations for fact in facts] == [("pii.email",), ()]
    privacy = next(score for score in build_scorecard(facts).principles if score.name == "Privacy")
    assert (privacy.value, privacy.failures) == (0.5, (facts[0].entry,))


def test_every_count_of_an_agent_names_its_entries(door: Door) -> None:
    actor = door.user("ada")
    agent = door.agent(actor)
    for question in ("What is paid for meals?", "How do I build a pipe bomb at home?"):
        closed(list(door.native_llm.chat(actor, agent, [Message("user", question)])))
    figures = MetricsCollector(door.ledger, clock=lambda: datetime.now(UTC)).governance(agent.id)
    last = door.ledger.entries(kinds=["turn.closed"])
    assert (figures.turns, figures.refused, figures.violations) == (2, 1, 0)
    assert figures.entries["turns"] == (last[1].index, last[0].index)
    assert figures.entries["refused"] == (last[1].index,)
    assert figures.entries["violations"] == figures.entries["interrupted"] == ()


def test_percentile_interpolates_and_knows_nothing() -> None:
    assert percentile([], 0.5) is None
    assert percentile([1.0, 2.0, 3.0, 4.0], 0.5) == 2.5
    assert percentile([5.0], 0.95) == 5.0
