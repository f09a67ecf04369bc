"""Reviews and policy versions in words, each with an icon and a tone: never colour alone."""

from datetime import datetime

from apps.dashboard.words import Look, count_text
from governance.holds import Hold, Judgement
from governance.policy import State

JUDGED: dict[Judgement, Look] = {
    "released": Look("Released", ":material/check:", "green", "#2F9E44"),
    "refused": Look("Refusal confirmed", ":material/shield:", "red", "#E03131"),
    "upheld": Look("Upheld", ":material/thumb_up:", "green", "#2F9E44"),
    "overturned": Look("Overturned", ":material/undo:", "orange", "#F08C00"),
}
VERSION_STATES: dict[State, Look] = {
    "draft": Look("Draft", ":material/edit:", "gray", "#868E96"),
    "reviewed": Look("Reviewed", ":material/how_to_reg:", "blue", "#1C7ED6"),
    "active": Look("In force", ":material/check:", "green", "#2F9E44"),
    "retired": Look("Retired", ":material/inventory_2:", "gray", "#868E96"),
}


def wait_text(hold: Hold, now: datetime) -> str:
    """Return how long a held turn still waits, or how its waiting ended."""
    state = hold.state(now)
    if state == "waiting":
        return f"Waits for {_span_text((hold.until - now).total_seconds())} more, then it stays refused"
    if hold.decided is None:
        return f"Nobody decided until {hold.until:%Y-%m-%d %H:%M} UTC, so it stays refused"
    return f"Decided after {_span_text((hold.decided.at - hold.at).total_seconds())}"


def _span_text(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    if minutes < 120:
        return count_text(minutes, "minute")
    return count_text(round(minutes / 60), "hour")
