"""Scores and turns in words: pure functions that every page shares. "Not measured" is a dash, never 0."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from governance.schema import Outcome
from governance.scorecard import Score
from governance.turns import TurnFact

UNSAVED = "Agent tried in the wizard"  # its turns are real, but it was never created
DASH = "–"
RATINGS = {1: "helpful", 0: "not helpful"}

# The steps of a turn in the order of the door, which the dashboard must not import: it has no model.
STEPS = {
    "authorise": "Check the right to ask",
    "input_rails": "Check the question",
    "intent": "Record the intent",
    "retrieve": "Search the datasets",
    "retrieval_rails": "Check the evidence",
    "generate": "Generate",
    "release": "Check the answer",
    "outcome": "Record the outcome",
}
MODEL_STEPS = ("retrieve", "generate")

# An address that names more entries than this was not made by these pages.
MAX_PARTS = 2_000
MAX_SPAN = 100_000


@dataclass(frozen=True, slots=True)
class Look:
    """How an outcome is shown, never by colour alone.

    Attributes:
        tone: Streamlit's colour name for text, which follows the theme.
        colour: For charts: a mid tone that stands out on light and on dark.
    """

    word: str
    icon: str
    tone: str
    colour: str


LOOKS: dict[Outcome, Look] = {
    "answered": Look("Answered", ":material/check:", "green", "#2F9E44"),
    "abstained": Look("Nothing found", ":material/search_off:", "gray", "#868E96"),
    "refused": Look("Refused", ":material/shield:", "red", "#E03131"),
    "escalated": Look("Escalated", ":material/person:", "violet", "#7950F2"),
    "stopped": Look("Stopped", ":material/stop_circle:", "gray", "#ADB5BD"),
    "failed": Look("Failed", ":material/error:", "red", "#A61E4D"),
}
MASKED = Look("Masked", ":material/visibility_off:", "orange", "#F08C00")
ALL_LOOKS = (LOOKS["answered"], MASKED, *(look for outcome, look in LOOKS.items() if outcome != "answered"))


def look_of(fact: TurnFact) -> Look:
    """Return how a turn is shown: an answer with masked parts looks so."""
    return MASKED if fact.action == "redact" and fact.outcome == "answered" else LOOKS[fact.outcome]


def score_text(score: Score) -> str:
    """Return a score's value as people read it."""
    if score.value is None:
        return DASH
    if score.unit:
        return f"{score.value:,.0f} {score.unit}"
    return f"{score.value:.1%}" if score.low is not None else f"{score.value:.2f}"


def interval_text(score: Score) -> str:
    """Return a score's 95 % interval, or a dash."""
    if score.low is None or score.high is None:
        return DASH
    if score.unit:
        return f"{score.low:,.0f} to {score.high:,.0f} {score.unit}"
    return f"{score.low:.1%} to {score.high:.1%}"


def trend_text(score: Score) -> str | None:
    """Return the change against the window before, with its sign; None where there is none to tell."""
    if score.trend is None:
        return None
    return f"{score.trend:+,.1f} {score.unit}" if score.unit else f"{score.trend:+.1%}"


def ms_text(value: float | None) -> str:
    """Return milliseconds, or a dash; a short time keeps a decimal."""
    if value is None:
        return DASH
    return f"{value:,.0f} ms" if value >= 10 else f"{value:.1f} ms"


def count_text(number: int, noun: str) -> str:
    """Return a number with its noun: "1 turn", "4 turns"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def short_digest(digest: str) -> str:
    """Return the algorithm and the first characters of a digest."""
    return digest if len(digest) <= 23 else f"{digest[:19]}…"


def ordered_steps(stage_ms: Mapping[str, float]) -> dict[str, float]:
    """Return the milliseconds of the steps that ran, in the order in which they ran."""
    return {name: stage_ms[name] for name in STEPS if name in stage_ms}


def turn_rows(facts: Sequence[TurnFact], *, names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the rows of a table of turns; an agent without a known name shows as its id's first characters."""
    return [
        {
            "Time": fact.at,
            "Agent": names.get(fact.agent_id, UNSAVED),
            "Outcome": look_of(fact).word,
            "Rule": fact.rule_id,
            "Findings": ", ".join(fact.findings) or None,
            "Citations": fact.cited,
            "First text": fact.first_release_ms,
            "Whole turn": fact.total_ms,
            "Checks": fact.governance_ms,
            "Rating": None if fact.rating is None else RATINGS[fact.rating],
            "Entry": fact.entry,
        }
        for fact in facts
    ]


def times_of(facts: Sequence[TurnFact]) -> dict[str, list[tuple[int, float]]]:
    """Return the measured times in milliseconds, each with the entry that it comes from."""
    measured: dict[str, list[tuple[int, float | None]]] = {
        "Time to first text": [(f.entry, f.first_release_ms) for f in facts],
        "Whole turn": [(f.entry, f.total_ms) for f in facts],
        "Checks": [(f.entry, f.governance_ms) for f in facts],
        "Generation": [(f.entry, f.generate_ms) for f in facts],
    }
    return {name: [(entry, ms) for entry, ms in pairs if ms is not None] for name, pairs in measured.items()}


def selected(facts: Sequence[TurnFact], *, outcome: str | None, entries: frozenset[int] | None) -> list[TurnFact]:
    """Return the turns of an outcome, and behind a number's entries."""
    kept = [fact for fact in facts if entries is None or fact.entry in entries]
    return [fact for fact in kept if outcome is None or look_of(fact).word == outcome]


def parse_entries(text: str) -> frozenset[int] | None:
    """Return ledger indexes from a URL parameter such as "3,7-9"; None where it names none."""
    found: set[int] = set()
    for part in text.split(",")[:MAX_PARTS]:
        first, _, last = part.strip().partition("-")
        if first.isdecimal() and (last or first).isdecimal() and len(first) < 16 and len(last) < 16:
            found.update(range(int(first), min(int(last or first), int(first) + MAX_SPAN) + 1))
    return frozenset(found) or None


def entries_text(entries: Sequence[int]) -> str:
    """Return ledger indexes as a short URL parameter; `parse_entries` reads it."""
    runs: list[list[int]] = []
    for entry in sorted(set(entries)):
        if runs and entry == runs[-1][1] + 1:
            runs[-1][1] = entry
        else:
            runs.append([entry, entry])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)
