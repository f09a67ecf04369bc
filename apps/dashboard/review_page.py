"""Review: the turns that wait for a person, one of them with what fired and why, and the two decisions on it."""

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from apps.dashboard.filters import agent_names
from apps.dashboard.judging import draw_judging, draw_said
from apps.dashboard.review_words import wait_text
from apps.dashboard.session import may, records, viewer
from apps.dashboard.words import DASH, UNSAVED, count_text
from governance.errors import ContentErased
from governance.holds import Hold
from governance.schema import Actor
from governance.turns import TurnDetail, read_turn

STATES = {"waiting": "Waiting", "released": "Released", "refused": "Refused", "expired": "Expired"}
COLUMNS = {
    "Asked": st.column_config.DatetimeColumn("Asked (UTC)", format="YYYY-MM-DD HH:mm", timezone="UTC"),
    "Waits until": st.column_config.DatetimeColumn("Waits until (UTC)", format="YYYY-MM-DD HH:mm", timezone="UTC"),
}


def draw_review() -> None:
    """Draw the page."""
    actor = viewer("review.decide")
    st.title("Review")
    st.caption("Turns that a rule hands to a person. Nothing of them is shown to who asked before you release it.")
    draw_said()
    now = records().reviews.now()
    every = st.toggle("Show decided and expired ones too", key="every", bind="query-params")
    holds = [hold for hold in records().reviews.holds(actor) if every or hold.state(now) == "waiting"]
    chosen = _chosen(holds)
    if not holds:
        st.info(
            "Nothing waits for a person. A turn comes here when a rule says `escalate`; see Policies for the rules.",
            icon=":material/done_all:",
        )
        return
    st.markdown(f"**{count_text(len(holds), 'turn')}**, the oldest first. Select a row to look at it.")
    hold = _draw_queue(holds, now) or chosen or holds[0]
    _draw_item(actor, hold, now)


def _chosen(holds: Sequence[Hold]) -> Hold | None:
    wanted = st.query_params.get("turn", "")
    return next((hold for hold in holds if hold.turn_id == wanted), None)


def _draw_queue(holds: Sequence[Hold], now: datetime) -> Hold | None:
    names = agent_names()
    picked = st.dataframe(
        [
            {
                "State": STATES[hold.state(now)],
                "Agent": names.get(hold.agent_id, UNSAVED),
                "What fired": hold.reason,
                "Asked": hold.at,
                "Waits until": hold.until,
            }
            for hold in holds
        ],
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key="queue",
        column_config=COLUMNS,
        placeholder=DASH,
        alt="Held turns, the oldest first",
    )
    return holds[picked.selection.rows[0]] if picked.selection.rows else None


def _draw_item(actor: Actor, hold: Hold, now: datetime) -> None:
    detail = read_turn(records().ledger, records().vault, actor, hold.turn_id)
    name = agent_names().get(hold.agent_id, UNSAVED)
    st.subheader(f"{name}: {'an answer' if hold.answer_content_id else 'a question'} {STATES[hold.state(now)].lower()}")
    st.caption(f"{wait_text(hold, now)} · level {detail.record['level']} · asked by a {detail.record['actor']['role']}")
    left, right = st.columns([3, 2], gap="large")
    with left:
        _draw_content(actor, hold, detail)
        _draw_findings(detail)
    with right:
        draw_judging(actor, detail, now=now, key="review")
        st.page_link(
            "turn_page.py",
            label="The whole turn, with its receipt",
            icon=":material/receipt_long:",
            query_params={"turn": hold.turn_id},
        )


def _draw_content(actor: Actor, hold: Hold, detail: TurnDetail) -> None:
    st.markdown("**What was asked**")
    if detail.content is None:
        st.info(f"The text is not shown: {detail.hidden}.", icon=":material/lock:")
        return
    *before, (role, question) = detail.content["messages"]
    if before:
        with st.expander(f"{count_text(len(before), 'message')} before it"):
            for earlier_role, text in before:
                with st.chat_message(earlier_role, avatar=_avatar(earlier_role)):
                    st.text(text)
    with st.chat_message(role, avatar=_avatar(role)):
        st.text(question)
    if hold.answer_content_id and may(actor, "content.read_any"):
        st.markdown("**The answer that waits**")
        with st.chat_message("assistant", avatar=_avatar("assistant")):
            st.text(_withheld(actor, hold))


def _withheld(actor: Actor, hold: Hold) -> str:
    try:
        return records().reviews.withheld_answer(actor, hold)
    except ContentErased:
        return "The content was erased."


def _avatar(role: str) -> str:
    return ":material/person:" if role == "user" else ":material/article:"


def _draw_findings(detail: TurnDetail) -> None:
    decision = detail.record["decision"]
    st.markdown("**What fired, and why**")
    st.markdown(f"Rule `{decision['rule_id']}`: {decision['reason']}.")
    names = {"stage": "Stage", "rail": "Rail", "category": "Category", "score": "Score", "evidence": "Text, masked"}
    rows = [{name: finding[key] for key, name in names.items()} for finding in detail.record["findings"]]
    st.dataframe(rows, hide_index=True, placeholder=DASH, alt="Findings")
    st.caption(f"Until you decide, the person reads: “{decision['message'].strip()}”")


draw_review()
