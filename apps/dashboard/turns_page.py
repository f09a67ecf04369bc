"""Turns: a table to filter, and the way into each turn."""

import streamlit as st

from apps.dashboard.filters import choose_filters, load_turns, unfiltered
from apps.dashboard.session import viewer
from apps.dashboard.tiles import draw_turns_table
from apps.dashboard.words import ALL_LOOKS, count_text, parse_entries, selected
from governance.identity import authorize
from governance.schema import Resource


def draw_turns() -> None:
    """Draw the page."""
    actor = viewer("chat.use")
    st.title("Turns")
    entries = parse_entries(st.query_params.get("entries", ""))
    if entries is None:
        chosen = choose_filters(outcomes=[look.word for look in ALL_LOOKS])
    else:
        chosen = unfiltered()
        _draw_narrowed(len(entries))
    facts = selected(load_turns(chosen), outcome=chosen.outcome, entries=entries)
    everybody = authorize(actor, "turn.view", Resource("turn", None, "somebody else")).allowed
    if not everybody:
        facts = [fact for fact in facts if fact.actor_id == actor.id]
    if not facts:
        st.info("No turn matches. Choose a longer window, or any agent and outcome.", icon=":material/filter_alt_off:")
        return
    whose = "" if everybody else " of your own"
    st.caption(f"{count_text(len(facts), 'turn')}{whose}, newest first. Select a row to open the turn.")
    draw_turns_table(facts, names=chosen.names, key="turns")


def _draw_narrowed(number: int) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"Narrowed to the {'entry' if number == 1 else f'{number:,} entries'} behind a number.")
        if st.button("Show all", icon=":material/close:", type="tertiary"):
            del st.query_params["entries"]
            st.rerun()


draw_turns()
