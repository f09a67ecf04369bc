"""The filters that pages share, and the turns they choose.

The choice lives in the URL, so that a view can be sent to somebody, and goes along from page to page.
"""

from dataclasses import dataclass

import streamlit as st

from apps.dashboard.session import records
from governance.turns import TurnFact

ALL = "All agents"
ALL_TIME = "All time"
WINDOWS = {"7 days": 7, "30 days": 30, "90 days": 90, ALL_TIME: None}
DEFAULT_WINDOW = "30 days"
FRESH_S = 60


@dataclass(frozen=True, slots=True)
class Filters:
    """What the person chose.

    Attributes:
        names: Agent id -> name, of all agents, those in use first.
    """

    agent_id: str | None
    days: int | None
    names: dict[str, str]


def choose_filters() -> Filters:
    """Draw the filters and return the choice."""
    known = records().agents.list() + records().agents.list(retired=True)
    names = {agent.id: agent.name for agent in known}
    left, right = st.columns([2, 1])
    chosen = left.selectbox("Agent", [ALL, *names.values()], key="agent", bind="query-params", persist_state="session")
    window = right.selectbox(
        "Window",
        list(WINDOWS),
        index=list(WINDOWS).index(DEFAULT_WINDOW),
        key="window",
        bind="query-params",
        persist_state="session",
    )
    by_name = {name: agent_id for agent_id, name in names.items()}
    return Filters(by_name.get(chosen or ALL), WINDOWS[window or DEFAULT_WINDOW], names)


def load_turns(chosen: Filters) -> list[TurnFact]:
    """Return the turns of a choice, newest first."""
    opened = records()
    return _turns(opened.ledger.key, opened.ledger.size(), chosen.agent_id, chosen.days)


# Sealed entries never change, so a reading holds until the ledger grows; the life covers the window's moving edge.
@st.cache_data(ttl=FRESH_S, max_entries=32, show_spinner="Reading the ledger…")
def _turns(key: str, size: int, agent_id: str | None, days: int | None) -> list[TurnFact]:
    return records().metrics.turns(agent_id=agent_id, days=days)
