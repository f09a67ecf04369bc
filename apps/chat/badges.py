"""The one line under an answer: what was decided, on how many sources, in how many milliseconds of checks."""

from dataclasses import dataclass
from typing import Literal

from governance.turns import TurnDetail, TurnFact

Tone = Literal["allowed", "masked", "refused", "escalated", "neutral"]


@dataclass(frozen=True, slots=True)
class Badge:
    """A tone (colour and icon), its word, and the facts behind it."""

    tone: Tone
    word: str
    facts: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """Return the whole line."""
        return " · ".join((self.word, *self.facts))


NOT_RECORDED = Badge("refused", "Not recorded", ("the ledger holds no sealed record of this answer",))


def badge_of(detail: TurnDetail) -> Badge:
    """Return the badge of a sealed turn; "Masked" when anything was: question, evidence or answer."""
    fact = detail.fact
    masked = any(each["action"] == "redact" for each in (detail.record["decision"], *detail.record["decisions"]))
    tone, word = _verdict(fact, masked=masked)
    sources = (count(fact.cited, "source"),) if fact.cited else ()
    return Badge(tone, word, (*sources, f"{fact.governance_ms:.0f} ms checks"))


def count(number: int, noun: str) -> str:
    """Return a number with its noun: "1 source", "4 sources"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _verdict(fact: TurnFact, *, masked: bool) -> tuple[Tone, str]:
    if fact.outcome == "refused":
        return "refused", "Refused"
    if fact.outcome == "failed":
        return "refused", "Failed closed"
    if fact.outcome == "escalated":
        return "escalated", "Escalated"
    if fact.outcome == "stopped":
        return "neutral", "Stopped"
    if fact.outcome == "abstained":
        return "neutral", "Nothing found"
    return ("masked", "Masked") if masked else ("allowed", "Allowed")
