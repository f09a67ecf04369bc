"""The one line under an answer: what was decided, on how many sources, in how many milliseconds of checks."""

from dataclasses import dataclass
from typing import Any, Literal

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


MASKING_RAILS = frozenset({"pii", "secrets"})
NOT_RECORDED = Badge("refused", "Not recorded", ("the ledger holds no sealed record of this answer",))


def badge_of(detail: TurnDetail) -> Badge:
    """Return the badge of a sealed turn."""
    fact, dropped = detail.fact, len(detail.record["dropped_evidence"])
    tone, word = _verdict(fact, masked=_is_masked(detail.record))
    sources = (count(fact.cited, "source"),) if fact.cited else ()
    weak = fact.sentences_checked - fact.sentences_supported
    doubtful = (f"{count(weak, 'sentence')} not supported",) if weak else ()
    left_out = (f"{count(dropped, 'passage')} left out",) if dropped else ()
    return Badge(tone, word, (*sources, *doubtful, *left_out, f"{fact.governance_ms:.0f} ms checks"))


def _is_masked(record: dict[str, Any]) -> bool:
    """Say whether question, evidence or answer was masked; leaving a passage out is not masking."""
    maskable = any(each["stage"] == "retrieval" and each["rail"] in MASKING_RAILS for each in record["findings"])
    redacted = {each["stage"] for each in record["decisions"] if each["action"] == "redact"}
    return bool(redacted - {"retrieval"}) or ("retrieval" in redacted and maskable)


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
