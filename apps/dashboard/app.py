"""The dashboard's script: sign-in check, then the pages that the actor's role may see."""

import streamlit as st

from apps.dashboard.agent_page import draw_agent
from apps.dashboard.ledger_page import draw_ledger
from apps.dashboard.overview_page import draw_overview
from apps.dashboard.session import ask_to_sign_in, current_actor, records
from apps.dashboard.turn_page import draw_turn
from apps.dashboard.turns_page import draw_turns


def draw() -> None:
    """Draw the chosen page."""
    st.set_page_config(page_title="Promethios dashboard", page_icon=":material/balance:", layout="wide")
    actor = current_actor()
    if actor is None:
        ask_to_sign_in()
    pages = [
        st.Page(draw_overview, title="Overview", icon=":material/monitoring:", url_path="overview", default=True),
        st.Page(draw_agent, title="Agent scorecard", icon=":material/fact_check:", url_path="agent"),
        st.Page(draw_turns, title="Turns", icon=":material/list_alt:", url_path="turns"),
        st.Page(draw_ledger, title="Ledger", icon=":material/verified:", url_path="ledger"),
        st.Page(draw_turn, title="One turn", url_path="turn", visibility="hidden"),
    ]
    page = st.navigation(pages, position="sidebar")
    with st.sidebar:
        settings = records().settings
        st.caption(f"{actor.name} · {actor.role}")
        st.link_button("Open the chat", f"http://{settings.host}:{settings.port}/", icon=":material/chat:")
    page.run()


draw()
