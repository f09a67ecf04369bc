"""Scores and turns in words: pure functions that every page shares. "Not measured" is a dash, never 0."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from governance.schema import AgentView, Outcome
from governance.scorecard import Score
from governance.turns import TurnFact

DASH = "–"


@dataclass(frozen=True, slots=True)
class Look:
    """How an outcome is shown: never by colour alone."""

    word: str
    icon: str
    colour: str


# Mid tones that keep 4.5:1 on both the light and the dark background would be too pale or too dark for charts, so text
# uses Streamlit's own green, orange, red, violet and gray, which follow the theme; charts use these.
LOOKS: dict[Outcome, Look] = {
    "answered": Look("Answered", ":material/check:", "#2F9E44"),
    "abstained": Look("Nothing found", ":material/search_off:", "#868E96"),
    "refused": Look("Refused", ":material/shield:", "#E03131"),
    "escalated": Look("Escalated", ":material/person:", "#7048E8"),
    "stopped": Look("Stopped", ":material/stop_circle:", "#ADB5BD"),
    "failed": Look("Failed", ":material/error:", "#862E2E"),
}
MASKED = Look("Masked", ":material/visibility_off:", "#F08C00")


def look_of(fact: TurnFact) -> Look:
    """Return how a turn is shown: masked turns look so whatever was answered."""
    return MASKED if fact.action == "redact" else LOOKS[fact.outcome]


def score_text(score: Score) -> str:
    """Return a score's value as people read it."""
    if score.value is None:
        return DASH
    if score.unit == "ms":
        return f"{score.value:,.0f} ms"
    if score.unit:
        return f"{score.value:,.0f} {score.unit}"
    return f"{score.value:.1%}" if score.low is not None else f"{score.value:.2f}"


def score_basis(score: Score) -> str:
    """Return what a score rests on: its n and its interval."""
    if score.value is None:
        return "not measured, n = 0"
    interval = f", 95 % interval {score.low:.1%} to {score.high:.1%}" if score.low is not None else ""
    return f"n = {score.n}{interval}"


def agent_names(agents: Sequence[AgentView]) -> dict[str, str]:
    """Return agent id -> name; an unknown id shows as its first characters."""
    return {agent.id: agent.name for agent in agents}


def turn_rows(facts: Sequence[TurnFact], *, names: dict[str, str]) -> list[dict[str, Any]]:
    """Return the rows of a table of turns."""
    return [
        {
            "Time": fact.at,
            "Agent": names.get(fact.agent_id, fact.agent_id[:8]),
            "Outcome": look_of(fact).word,
            "Rule": fact.rule_id,
            "Findings": ", ".join(fact.findings) or DASH,
            "Citations": fact.cited,
            "First text ms": fact.first_release_ms,
            "Total ms": fact.total_ms,
            "Checks ms": fact.governance_ms,
            "Rating": {1: "helpful", 0: "not helpful"}.get(fact.rating if fact.rating is not None else -1, DASH),
            "Entry": fact.entry,
            "Turn": fact.turn_id,
        }
        for fact in facts
    ]


def selected(facts: Sequence[TurnFact], *, outcome: str | None, entries: frozenset[int] | None) -> list[TurnFact]:
    """Return the turns of an outcome, or behind a score's entries."""
    kept = [fact for fact in facts if entries is None or fact.entry in entries]
    return [fact for fact in kept if outcome is None or look_of(fact).word == outcome]


def parse_entries(text: str) -> frozenset[int] | None:
    """Return ledger indexes from a URL parameter such as "3,7,9"; None when there are none."""
    numbers = frozenset(int(part) for part in text.split(",") if part.strip().isdigit())
    return numbers or None
