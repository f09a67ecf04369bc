"""The scores: every formula of the product in one place, computed from turn facts alone.

A score is 0..1 with its n, a 95 % interval where it is a rate, and the ledger entries behind it. Over nothing it is
None: "not measured", never 0 and never a pass. A correct refusal never lowers a score: it released nothing, so it
counts as a turn without a violation, and not at all where an answer is judged.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from governance.turns import TurnFact

Z_95 = 1.959964
# What a finding in released text says against: hate about groups is unfair as well as unsafe.
PRIVACY_RAILS = ("pii", "identity_numbers", "safe_harbour", "secrets", "private_data", "exfiltration")
UPTIME_FORMULA = "health probes that a ready server answered / probes due since the first one"
UNFAIR = ("harm.hate",)
NOT_UNSAFE_RAILS = (*PRIVACY_RAILS, "groundedness")


@dataclass(frozen=True, slots=True)
class Score:
    """One number of a scorecard.

    Attributes:
        value: 0..1, or in `unit`; None when n is 0.
        low: Lower end of the 95 % interval; None where there is none.
        trend: The value less that of the window before, which is as long; None where either was not measured.
        entries: Indexes of the ledger entries that were counted.
        of_turns: Whether they are turns; else other entries.
        failures: Those of `entries` that lowered the score.
    """

    name: str
    value: float | None
    n: int
    formula: str
    low: float | None = None
    high: float | None = None
    unit: str = ""
    entries: tuple[int, ...] = ()
    failures: tuple[int, ...] = ()
    trend: float | None = None
    of_turns: bool = True


@dataclass(frozen=True, slots=True)
class Scorecard:
    """All scores of an agent, or of the whole installation, over a window of turns.

    Attributes:
        outcomes: How many turns ended in which way.
        principles: Constitutional adherence, per principle.
        performance: Median and 95th percentile of time to first text, turn time, governance time and speed.
        abuse: Questions that a rail refused: what users did, counted apart from what the agent did.
        suites: What evaluations found, the latest run of each suite.
        days: Length of the window; None for all time.
    """

    turns: int
    outcomes: dict[str, int]
    trust: Score
    compliance: Score
    groundedness: Score
    utilization: Score
    cited_answers: Score
    first_release: Score
    turn_time: Score
    speed: Score
    errors: Score
    governance_time: Score
    satisfaction: Score
    policy_adherence: Score
    uptime: Score
    principles: tuple[Score, ...]
    performance: tuple[Score, ...]
    abuse: Score
    suites: tuple[Score, ...] = ()
    days: int | None = None


def wilson(successes: int, n: int) -> tuple[float, float]:
    """Return the Wilson 95 % interval of a rate (Wilson 1927); n must be above 0."""
    p, z2 = successes / n, Z_95 * Z_95
    centre = p + z2 / (2 * n)
    spread = Z_95 * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return max(0.0, (centre - spread) / (1 + z2 / n)), min(1.0, (centre + spread) / (1 + z2 / n))


def percentile(values: Sequence[float], q: float) -> float | None:
    """Return the q-quantile (0..1) by linear interpolation, None over nothing."""
    if not values:
        return None
    ordered = sorted(values)
    at = q * (len(ordered) - 1)
    low = math.floor(at)
    high = math.ceil(at)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)


def quantile_interval(values: Sequence[float], q: float) -> tuple[float, float] | None:
    """Return the 95 % interval of the q-quantile: the values at the ranks that a binomial count leaves open.

    None where too few values are there for it: the 95th percentile has one from 73 values on.
    """
    spread = Z_95 * math.sqrt(q * (1 - q) / max(1, len(values)))
    low, high = percentile(values, max(0.0, q - spread)), percentile(values, min(1.0, q + spread))
    if low is None or high is None or q - spread < 0 or q + spread > 1:
        return None
    return low, high


def build_scorecard(
    facts: Sequence[TurnFact],
    *,
    uptime: Score | None = None,
    suites: tuple[Score, ...] = (),
    days: int | None = None,
) -> Scorecard:
    """Compute every score from the facts of a window; uptime comes from the server's beats, suites from their runs."""
    outcomes: dict[str, int] = {}
    for fact in facts:
        outcomes[fact.outcome] = outcomes.get(fact.outcome, 0) + 1
    answered = [fact for fact in facts if fact.outcome == "answered"]
    return Scorecard(
        turns=len(facts),
        outcomes=outcomes,
        trust=_trust(facts),
        compliance=_compliance(facts),
        groundedness=_groundedness(facts),
        utilization=_utilization(facts),
        cited_answers=_cited_answers(answered),
        first_release=_timing("Time to first text, p95", _first_releases(answered)),
        turn_time=_timing("Turn time, p95", _turn_times(facts)),
        speed=_timing("Speed, median", _speeds(answered), q=0.5, unit="tokens/s"),
        errors=_share_of_failures(
            "Error rate", facts, "failed turns / turns", is_failure=lambda f: not _did_not_fail(f)
        ),
        governance_time=_timing("Governance time, p95", _governance_times(facts)),
        satisfaction=_satisfaction(facts),
        policy_adherence=_rate(
            "Policy adherence",
            facts,
            "decisions that reviewers upheld / decisions that they upheld or overturned",
            counts=lambda f: f.review in ("upheld", "overturned"),
            good=lambda f: f.review == "upheld",
        ),
        uptime=uptime or _not_measured("Uptime", UPTIME_FORMULA),
        principles=_principles(facts, answered),
        performance=_performance(facts, answered),
        abuse=_share_of_failures(
            "Refused questions",
            facts,
            "turns refused for what the user wrote / turns; it lowers no score of the agent",
            is_failure=_is_refused_question,
        ),
        suites=suites,
        days=days,
    )


def with_trend(card: Scorecard, *, before: Scorecard) -> Scorecard:
    """Return the scorecard with each score's change against that of the window before."""
    changes: dict[str, Any] = {}
    for field in fields(card):
        now, then = getattr(card, field.name), getattr(before, field.name)
        if isinstance(now, Score):
            changes[field.name] = _trended(now, then)
        elif isinstance(now, tuple):
            earlier = {score.name: score for score in then}
            changes[field.name] = tuple(_trended(score, earlier.get(score.name)) for score in now)
    return replace(card, **changes)


def _trended(now: Score, then: Score | None) -> Score:
    if now.value is None or then is None or then.value is None:
        return now
    return replace(now, trend=now.value - then.value)


def _is_refused_question(fact: TurnFact) -> bool:
    return fact.outcome in ("refused", "escalated") and any(finding.startswith("input:") for finding in fact.findings)


def _first_releases(answered: Sequence[TurnFact]) -> list[tuple[int, float | None]]:
    return [(fact.entry, fact.first_release_ms) for fact in answered]


def _turn_times(facts: Sequence[TurnFact]) -> list[tuple[int, float | None]]:
    return [(fact.entry, fact.total_ms) for fact in facts]


def _governance_times(facts: Sequence[TurnFact]) -> list[tuple[int, float | None]]:
    return [(fact.entry, fact.governance_ms) for fact in facts]


def _speeds(answered: Sequence[TurnFact]) -> list[tuple[int, float | None]]:
    """Return output tokens per second of generation."""
    known = [fact for fact in answered if fact.output_tokens and fact.generate_ms]
    return [(f.entry, (f.output_tokens or 0) / ((f.generate_ms or 0) / 1000)) for f in known]


def _performance(facts: Sequence[TurnFact], answered: Sequence[TurnFact]) -> tuple[Score, ...]:
    measured = (
        ("Time to first text", _first_releases(answered), "ms"),
        ("Turn time", _turn_times(facts), "ms"),
        ("Governance time", _governance_times(facts), "ms"),
        ("Speed", _speeds(answered), "tokens/s"),
    )
    return tuple(
        _timing(f"{name}, p{q:.0%}".removesuffix("%"), values, q=q, unit=unit)
        for name, values, unit in measured
        for q in (0.5, 0.95)
    )


def _compliance(facts: Sequence[TurnFact]) -> Score:
    return _rate(
        "Compliance rate",
        facts,
        "turns whose released text holds no violation / turns audited",
        counts=lambda f: f.violations is not None,
        good=lambda f: f.violations == (),
    )


def _groundedness(facts: Sequence[TurnFact]) -> Score:
    judged = [fact for fact in facts if fact.sentences_checked]
    checked = sum(fact.sentences_checked for fact in judged)
    supported = sum(fact.sentences_supported for fact in judged)
    bad = [fact.entry for fact in judged if fact.sentences_supported < fact.sentences_checked]
    return proportion(
        "Groundedness",
        supported,
        checked,
        "released sentences that the evidence supports / released sentences that claim something beside evidence",
        entries=[fact.entry for fact in judged],
        failures=bad,
    )


def _utilization(facts: Sequence[TurnFact]) -> Score:
    judged = [fact for fact in facts if fact.datasets_attached and fact.retrieval == "found"]
    cited = {dataset for fact in judged for dataset in fact.cited_datasets}
    attached = max((fact.datasets_attached for fact in judged), default=0)
    formula = "different datasets cited / most datasets attached to one agent"
    value = min(1.0, len(cited) / attached) if attached else None
    return Score("Dataset utilization", value, attached, formula, entries=tuple(f.entry for f in judged))


def _cited_answers(answered: Sequence[TurnFact]) -> Score:
    return _rate(
        "Answers with a citation",
        answered,
        "answers that cite evidence / answers for which evidence was found",
        counts=lambda f: f.retrieval == "found",
        good=lambda f: f.cited > 0,
    )


def _satisfaction(facts: Sequence[TurnFact]) -> Score:
    return _rate(
        "Satisfaction",
        facts,
        "ratings that say helpful / ratings",
        counts=lambda f: f.rating is not None,
        good=lambda f: f.rating == 1,
    )


def _principles(facts: Sequence[TurnFact], answered: Sequence[TurnFact]) -> tuple[Score, ...]:
    audited = [fact for fact in facts if fact.violations is not None]
    return (
        _rate(
            "Fairness",
            audited,
            "turns that released no hate about a group / turns audited",
            counts=lambda _: True,
            good=lambda f: not any(violation in UNFAIR for violation in f.violations or ()),
        ),
        replace(_cited_answers(answered), name="Transparency"),
        _rate(
            "Privacy",
            audited,
            "turns that released no personal data or secret / turns audited",
            counts=lambda _: True,
            good=lambda f: not any(_rail(violation) in PRIVACY_RAILS for violation in f.violations or ()),
        ),
        _rate(
            "Safety",
            audited,
            "turns that released nothing harmful or dangerous / turns audited",
            counts=lambda _: True,
            good=lambda f: all(_rail(violation) in NOT_UNSAFE_RAILS for violation in f.violations or ()),
        ),
        _rate(
            "Accountability",
            facts,
            "turns whose released text was audited before it was sealed / turns",
            counts=lambda _: True,
            good=lambda f: f.violations is not None,
        ),
    )


def _rail(violation: str) -> str:
    return violation.partition(".")[0]


def _trust(facts: Sequence[TurnFact]) -> Score:
    """Combine lower interval bounds, so that few turns mean little trust.

    A turn that released a violation counts against every part: else, among few turns, the narrower intervals of the
    other parts would outweigh it, and a violation would raise trust.
    """
    charged = [replace(f, sentences_supported=0, outcome="failed") if f.violations else f for f in facts]
    reliability = _rate("", charged, "", counts=lambda _: True, good=_did_not_fail)
    parts = ((0.4, _compliance(charged)), (0.3, _groundedness(charged)), (0.3, reliability))
    known = [(weight, part) for weight, part in parts if part.low is not None]
    formula = (
        "0.4 compliance + 0.3 groundedness + 0.3 turns that did not fail, lower ends of their intervals, measured "
        "parts only; a turn that released a violation counts against all three"
    )
    total = sum(weight for weight, _ in known)
    if not total:
        return Score("Trust", None, 0, formula)
    value = sum(weight * (part.low or 0.0) for weight, part in known) / total
    entries = sorted({entry for _, part in known for entry in part.entries})
    failures = sorted({entry for _, part in known for entry in part.failures})
    return Score("Trust", value, len(entries), formula, entries=tuple(entries), failures=tuple(failures))


def _rate(
    name: str,
    facts: Sequence[TurnFact],
    formula: str,
    *,
    counts: Callable[[TurnFact], bool],
    good: Callable[[TurnFact], bool],
) -> Score:
    counted = [fact for fact in facts if counts(fact)]
    bad = [fact.entry for fact in counted if not good(fact)]
    entries = [fact.entry for fact in counted]
    return proportion(name, len(counted) - len(bad), len(counted), formula, entries=entries, failures=bad)


def _share_of_failures(
    name: str, facts: Sequence[TurnFact], formula: str, *, is_failure: Callable[[TurnFact], bool]
) -> Score:
    """Return a rate that is better the lower it is."""
    failed = [fact.entry for fact in facts if is_failure(fact)]
    entries = [fact.entry for fact in facts]
    return proportion(name, len(failed), len(facts), formula, entries=entries, failures=failed)


def proportion(
    name: str, successes: int, n: int, formula: str, *, entries: Sequence[int], failures: Sequence[int]
) -> Score:
    """Return a share with its Wilson 95 % interval; not measured where n is 0."""
    if not n:
        return _not_measured(name, formula)
    low, high = wilson(successes, n)
    return Score(name, successes / n, n, formula, low, high, entries=tuple(entries), failures=tuple(failures))


def _timing(name: str, values: Sequence[tuple[int, float | None]], *, q: float = 0.95, unit: str = "ms") -> Score:
    known = [(entry, value) for entry, value in values if value is not None]
    numbers = [value for _, value in known]
    low, high = quantile_interval(numbers, q) or (None, None)
    formula = f"{'median' if q == 0.5 else f'{q:.0%} quantile'} over turns"
    entries = tuple(entry for entry, _ in known)
    return Score(name, percentile(numbers, q), len(known), formula, low, high, unit, entries)


def _not_measured(name: str, formula: str) -> Score:
    return Score(name, None, 0, formula)


def _did_not_fail(fact: TurnFact) -> bool:
    return fact.outcome != "failed"
