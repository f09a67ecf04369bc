"""What a reviewer decides on a turn: the two buttons that fit how it stands, and the reason."""

from datetime import datetime

import streamlit as st

from apps.dashboard.filters import user_names
from apps.dashboard.review_words import JUDGED
from apps.dashboard.session import may, records
from governance.errors import AccessDenied, InputError
from governance.holds import Judgement
from governance.review import MAX_REASON_CHARS
from governance.schema import Actor
from governance.turns import TurnDetail

BUTTONS: dict[Judgement, tuple[str, str]] = {
    "released": ("Release", ":material/check:"),
    "refused": ("Confirm the refusal", ":material/shield:"),
    "upheld": ("Uphold", ":material/thumb_up:"),
    "overturned": ("Overturn", ":material/undo:"),
}
SAID = "said after a step"
EFFECTS = {
    True: "Released, it is answered when the person next opens the conversation; every other rule still holds. "
    "Refused, it stays without an answer.",
    False: "Either way it counts in the policy adherence. Overturning sends no answer: what is blocked stays blocked "
    "until the policy changes.",
}


def draw_said() -> None:
    """Say what the last step did; the page was drawn anew after it."""
    if SAID in st.session_state:
        st.success(st.session_state.pop(SAID), icon=":material/check:")


def draw_reviews(detail: TurnDetail) -> None:
    """Draw the judgements on a turn, each with its entry in the ledger."""
    names = user_names()
    for each in detail.reviews:
        review, look = each.review, JUDGED[each.review.judgement]
        who = names.get(review.actor_id, "a user who is gone")
        st.markdown(f":{look.tone}[{look.icon} **{look.word}**] by {who}, {review.role}")
        st.text(each.reason or "The reason was erased.")
        st.caption(f"{review.at:%Y-%m-%d %H:%M} UTC · ledger entry {review.entry}")


def draw_judging(actor: Actor, detail: TurnDetail, *, now: datetime, key: str) -> None:
    """Draw what was decided, and the form to decide for who may."""
    waiting = detail.hold is not None and detail.hold.state(now) == "waiting"
    draw_reviews(detail)
    if not may(actor, "review.decide"):
        return
    if detail.fact.actor_id == actor.id:
        st.info("You asked this yourself, so somebody else has to decide on it.", icon=":material/person:")
        return
    first, second = _choices(waiting)
    with st.form(f"{key} {detail.fact.turn_id}", border=False):
        reason = st.text_area(
            "Your reason",
            key=f"{key} reason {detail.fact.turn_id}",
            max_chars=MAX_REASON_CHARS,
            height=100,
            help="The person who asked reads it. It is kept with your name and role.",
        )
        with st.container(horizontal=True):
            yes = st.form_submit_button(
                BUTTONS[first][0], icon=BUTTONS[first][1], type="primary" if waiting else "secondary"
            )
            no = st.form_submit_button(BUTTONS[second][0], icon=BUTTONS[second][1])
        st.caption(EFFECTS[waiting])
    if yes or no:
        _decide(actor, detail, first if yes else second, reason or "")


def _choices(waiting: bool) -> tuple[Judgement, Judgement]:
    return ("released", "refused") if waiting else ("upheld", "overturned")


def _decide(actor: Actor, detail: TurnDetail, judgement: Judgement, reason: str) -> None:
    try:
        review = records().reviews.decide(actor, detail.fact.turn_id, judgement, reason=reason)
    except (InputError, AccessDenied) as exc:
        st.warning(f"{exc} Nothing was changed.", icon=":material/error:")
        return
    st.session_state[SAID] = f"{JUDGED[judgement].word}. It is ledger entry {review.entry}."
    st.rerun()
