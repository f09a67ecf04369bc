"""The scores: every formula of the product in one place, computed from turn facts alone.

A score is 0..1 with its n, a 95 % interval where it is a rate, and the ledger entries behind it. Over nothing it is
None: "not measured", never 0 and never a pass. A correct refusal never lowers a score: it released nothing, so it
counts as a turn without a violation, and not at all where an answer is judged.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from governance.turns import TurnFact

Z_95 = 1.959964


@dataclass(frozen=True, slots=True)
class Score:
    """One number of a scorecard.

    Attributes:
        value: 0..1, or in `unit`; None when n is 0.
        low: Lower end of the 95 % interval; None where there is none.
        entries: Indexes of the ledger entries that were counted.
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


@dataclass(frozen=True, slots=True)
class Scorecard:
    """All scores of an agent, or of the whole installation, over a window of turns.

    Attributes:
        outcomes: How many turns ended in which way.
        principles: Constitutional adherence, per principle.
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


def build_scorecard(facts: Sequence[TurnFact]) -> Scorecard:
    """Compute every score from the facts of a window."""
    outcomes: dict[str, int] = {}
    for fact in facts:
        outcomes[fact.outcome] = outcomes.get(fact.outcome, 0) + 1
    compliance = _compliance(facts)
    groundedness = _groundedness(facts)
    reliability = _rate(
        "Reliability", facts, "turns that did not fail / turns", counts=lambda _: True, good=_did_not_fail
    )
    answered = [fact for fact in facts if fact.outcome == "answered"]
    return Scorecard(
        turns=len(facts),
        outcomes=outcomes,
        trust=_trust(compliance, groundedness, reliability),
        compliance=compliance,
        groundedness=groundedness,
        utilization=_utilization(facts),
        cited_answers=_cited_answers(answered),
        first_release=_timing("Time to first text, p95", [(f.entry, f.first_release_ms) for f in answered]),
        turn_time=_timing("Turn time, p95", [(f.entry, f.total_ms) for f in facts]),
        speed=_speed(answered),
        errors=_errors(facts),
        governance_time=_timing("Governance time, p95", [(f.entry, f.governance_ms) for f in facts]),
        satisfaction=_satisfaction(facts),
        policy_adherence=_rate(
            "Policy adherence",
            facts,
            "decisions that reviewers upheld / decisions that they upheld or overturned",
            counts=lambda f: f.review in ("upheld", "overturned"),
            good=lambda f: f.review == "upheld",
        ),
        uptime=_not_measured("Uptime", "answered health probes / health probes"),
        principles=_principles(facts, answered),
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
    judged = [fact for fact in facts if fact.quotations_checked]
    checked = sum(fact.quotations_checked for fact in judged)
    supported = sum(fact.quotations_supported for fact in judged)
    bad = [fact.entry for fact in judged if fact.quotations_supported < fact.quotations_checked]
    return _proportion(
        "Groundedness",
        supported,
        checked,
        "quotations that stand verbatim in the evidence they cite / quotations",
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


def _errors(facts: Sequence[TurnFact]) -> Score:
    failed = [fact.entry for fact in facts if fact.outcome == "failed"]
    entries = [fact.entry for fact in facts]
    return _proportion("Error rate", len(failed), len(facts), "failed turns / turns", entries=entries, failures=failed)


def _speed(answered: Sequence[TurnFact]) -> Score:
    rates = [(f.entry, f.output_tokens / (f.generate_ms / 1000)) for f in answered if f.output_tokens and f.generate_ms]
    value = percentile([rate for _, rate in rates], 0.5)
    entries = tuple(entry for entry, _ in rates)
    return Score(
        "Speed, median", value, len(rates), "output tokens / second of generation", unit="tokens/s", entries=entries
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
    def clean_of(*words: str) -> Callable[[TurnFact], bool]:
        return lambda f: not any(word in category for category in f.violations or () for word in words)

    audited = [fact for fact in facts if fact.violations is not None]
    return (
        _not_measured("Fairness", "paired prompts answered alike / pairs; needs an evaluation run"),
        replace(_cited_answers(answered), name="Transparency"),
        _rate(
            "Privacy",
            audited,
            "turns that released no personal data or secret / turns audited",
            counts=lambda _: True,
            good=clean_of("pii", "secret"),
        ),
        _rate(
            "Safety",
            audited,
            "turns that released no harmful text / turns audited",
            counts=lambda _: True,
            good=clean_of("harm", "injection"),
        ),
        _rate(
            "Accountability",
            facts,
            "turns whose released text was audited before it was sealed / turns",
            counts=lambda _: True,
            good=lambda f: f.violations is not None,
        ),
    )


def _trust(*parts: Score) -> Score:
    """Combine lower interval bounds, so that few turns mean little trust."""
    weights = (0.4, 0.3, 0.3)
    known = [(weight, part) for weight, part in zip(weights, parts, strict=True) if part.low is not None]
    formula = "0.4 compliance + 0.3 groundedness + 0.3 reliability, lower ends of their intervals, measured parts only"
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
    return _proportion(name, len(counted) - len(bad), len(counted), formula, entries=entries, failures=bad)


def _proportion(
    name: str, successes: int, n: int, formula: str, *, entries: Sequence[int], failures: Sequence[int]
) -> Score:
    if not n:
        return _not_measured(name, formula)
    low, high = wilson(successes, n)
    return Score(name, successes / n, n, formula, low, high, entries=tuple(entries), failures=tuple(failures))


def _timing(name: str, values: Sequence[tuple[int, float | None]]) -> Score:
    known = [(entry, value) for entry, value in values if value is not None]
    return Score(
        name,
        percentile([value for _, value in known], 0.95),
        len(known),
        "95th percentile over turns",
        unit="ms",
        entries=tuple(entry for entry, _ in known),
    )


def _not_measured(name: str, formula: str) -> Score:
    return Score(name, None, 0, formula)


def _did_not_fail(fact: TurnFact) -> bool:
    return fact.outcome != "failed"
