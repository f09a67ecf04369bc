"""Turns: a table to filter, and the way into each turn."""

import streamlit as st

from apps.dashboard.filters import choose_filters
from apps.dashboard.session import records, viewer
from apps.dashboard.words import LOOKS, MASKED, parse_entries, selected, turn_rows
from governance.identity import authorize
from governance.schema import Resource

ANY = "Any outcome"


def draw_turns() -> None:
    """Draw the page."""
    actor = viewer("chat.use")
    st.title("Turns")
    chosen = choose_filters()
    words = [ANY, *dict.fromkeys(look.word for look in (*LOOKS.values(), MASKED))]
    outcome = st.selectbox("Outcome", words, key="outcome", bind="query-params")
    entries = parse_entries(st.query_params.get("entries", ""))
    facts = records().metrics.turns(agent_id=chosen.agent_id, days=chosen.days)
    if not authorize(actor, "turn.view", Resource("turn", None, "somebody")).allowed:
        facts = [fact for fact in facts if fact.actor_id == actor.id]
        st.caption("You see your own turns.")
    facts = selected(facts, outcome=None if outcome == ANY else outcome, entries=entries)
    if entries is not None:
        left, right = st.columns([4, 1])
        left.caption(f"Only the {len(entries)} ledger entries behind a score.")
        if right.button("Show all", icon=":material/close:"):
            del st.query_params["entries"]
            st.rerun()
    if not facts:
        st.info("No turn matches. Widen the window or choose another agent.", icon=":material/filter_alt_off:")
        return
    st.caption(f"{len(facts)} turns, newest first. Select a row to open the turn.")
    picked = st.dataframe(
        turn_rows(facts, names=chosen.names),
        hide_index=True,
        width="stretch",
        on_select="rerun",
        selection_mode="single-row",
        key="turns",
        column_config={
            "Time": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm:ss"),
            "First text ms": st.column_config.NumberColumn(format="%.0f"),
            "Total ms": st.column_config.NumberColumn(format="%.0f"),
            "Checks ms": st.column_config.NumberColumn(format="%.1f"),
        },
    )
    rows = picked.selection.rows
    if rows:
        st.query_params.clear()
        st.switch_page(_turn_page(), query_params={"turn": facts[rows[0]].turn_id})


def _turn_page() -> "st.Page":
    from apps.dashboard.turn_page import draw_turn

    return st.Page(draw_turn, title="One turn", url_path="turn", visibility="hidden")
