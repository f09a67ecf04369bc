"""The line under an answer that a person looked at, or has to: how it stands, and the reviewer's reason."""

from dataclasses import dataclass
from datetime import datetime

from governance.holds import Hold, HoldState
from governance.turns import ReviewText, TurnDetail


@dataclass(frozen=True, slots=True)
class ReviewNote:
    """A sentence, and whether the answer can be had now.

    Attributes:
        collect: A reviewer released the question, and it has no newer answer yet.
    """

    text: str
    collect: bool = False


def review_note(detail: TurnDetail, *, now: datetime, newest: bool) -> ReviewNote | None:
    """Return what to say of a turn's review; None where no person is part of it.

    Args:
        detail: The turn.
        now: Decides what has expired.
        newest: Whether its answer is the newest version.
    """
    reason = _because(detail.reviews)
    judged = detail.reviews[-1].review.judgement if detail.reviews else None
    if judged == "overturned":
        return ReviewNote(f"A reviewer judged that this decision was wrong{reason}")
    if judged == "upheld":
        return ReviewNote(f"A reviewer looked at this decision and upheld it{reason}")
    release = detail.record.get("release")
    if release:
        return ReviewNote(f"A person looked at this question, as {release['role']}, and released it.")
    if detail.hold is None:
        return None
    return _of_hold(detail.hold, detail.hold.state(now), reason, newest=newest)


def _of_hold(hold: Hold, state: HoldState, reason: str, *, newest: bool) -> ReviewNote:
    if state == "waiting":
        return ReviewNote(
            f"A reviewer was asked, until {hold.until:%-d %B, %H:%M} UTC. You can go on meanwhile: "
            "when it is released, the answer stands here the next time you open this conversation."
        )
    if state == "expired":
        return ReviewNote("No reviewer looked at this in time, so it stays without an answer.")
    if state == "refused":
        return ReviewNote(f"A reviewer confirmed that this is not answered{reason}")
    return ReviewNote(f"A reviewer released this{reason}", collect=newest)


def _because(reviews: tuple[ReviewText, ...]) -> str:
    text = reviews[-1].reason if reviews else ""
    return f": “{text}”" if text else "."
