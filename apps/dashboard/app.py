"""The dashboard's script: who is there, the pages, and what stands beside every page."""

from pathlib import Path
from typing import Literal

import streamlit as st

from apps.dashboard.session import ask_to_sign_in, chat_url, current_actor, may, sign_out_form
from core.errors import CoreError
from governance.errors import GovernanceError

Visibility = Literal["visible", "hidden"]
ICON = str(Path(__file__).with_name("icon.svg"))
STYLE = Path(__file__).with_name("style.css")


def draw() -> None:
    """Draw the chosen page."""
    st.set_page_config(page_title="Promethios dashboard", page_icon=ICON, layout="wide")
    st.html(STYLE)
    actor = current_actor()
    if actor is None:
        ask_to_sign_in()
    scores: Visibility = "visible" if may(actor, "scorecard.view") else "hidden"
    ledger: Visibility = "visible" if may(actor, "ledger.verify") else "hidden"
    reviews: Visibility = "visible" if may(actor, "review.decide") else "hidden"
    datasets: Visibility = "visible" if may(actor, "dataset.review") else "hidden"
    pages = [
        st.Page("overview_page.py", title="Overview", icon=":material/monitoring:", default=True, visibility=scores),
        st.Page(
            "agent_page.py", title="Agent scorecard", icon=":material/fact_check:", url_path="agent", visibility=scores
        ),
        st.Page("turns_page.py", title="Turns", icon=":material/list_alt:", url_path="turns"),
        st.Page("review_page.py", title="Review", icon=":material/person:", url_path="review", visibility=reviews),
        st.Page(
            "datasets_page.py", title="Datasets", icon=":material/database:", url_path="datasets", visibility=datasets
        ),
        st.Page("policies_page.py", title="Policies", icon=":material/policy:", url_path="policies"),
        st.Page("ledger_page.py", title="Ledger", icon=":material/verified:", url_path="ledger", visibility=ledger),
        st.Page("turn_page.py", title="One turn", url_path="turn", visibility="hidden"),
    ]
    page = st.navigation({"Promethios": pages})
    with st.sidebar:
        st.link_button("Open the chat", chat_url(), icon=":material/chat:")
        st.caption(f"Signed in as {actor.name}, {actor.role}")
        st.html(sign_out_form())
    try:
        page.run()
    except (CoreError, GovernanceError) as exc:
        st.error(f"{exc} Nothing was changed. Reload the page to try again.", icon=":material/error:")


draw()
