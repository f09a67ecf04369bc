"""The filters that pages share, and the turns they choose.

The choice lives in the URL, so that a view can be sent to somebody, and goes along from page to page.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from apps.dashboard.session import records
from governance.turns import TurnFact

ALL = "All agents"
ALL_TIME = "All time"
ANY = "Any outcome"
WINDOWS = {"7 days": 7, "30 days": 30, "90 days": 90, ALL_TIME: None}
DEFAULT_WINDOW = "30 days"
FRESH_S = 60


@dataclass(frozen=True, slots=True)
class Filters:
    """What the person chose.

    Attributes:
        outcome: The word of one outcome; None for any.
        names: Agent id -> name, of all agents, those in use first.
    """

    agent_id: str | None
    days: int | None
    outcome: str | None
    names: dict[str, str]


def choose_filters(*, outcomes: Sequence[str] = ()) -> Filters:
    """Draw the filters, that of outcomes where some are given, and return the choice."""
    names = agent_names()
    left, right, *more = st.columns([2, 1, 1] if outcomes else [2, 1])
    chosen = left.selectbox("Agent", [ALL, *names.values()], key="agent", bind="query-params", persist_state="session")
    window = right.selectbox(
        "Window",
        list(WINDOWS),
        index=list(WINDOWS).index(DEFAULT_WINDOW),
        key="window",
        bind="query-params",
        persist_state="session",
    )
    outcome = None
    if more:
        outcome = more[0].selectbox("Outcome", [ANY, *outcomes], key="outcome", bind="query-params")
    by_name = {name: agent_id for agent_id, name in names.items()}
    return Filters(
        by_name.get(chosen or ALL),
        WINDOWS[window or DEFAULT_WINDOW],
        None if outcome in (ANY, None) else outcome,
        names,
    )


def unfiltered() -> Filters:
    """Return the choice of everything."""
    return Filters(None, None, None, agent_names())


def load_turns(chosen: Filters) -> list[TurnFact]:
    """Return the turns of a choice, newest first."""
    opened = records()
    return _turns(opened.ledger.key, opened.ledger.size(), chosen.agent_id, chosen.days)


def agent_names() -> dict[str, str]:
    """Return agent id -> name, of all agents, those in use first."""
    return {agent.id: agent.name for agent in records().agents.list() + records().agents.list(retired=True)}


def user_names() -> dict[str, str]:
    """Return user id -> name."""
    return {user.id: user.name for user in records().identity.list_users()}


# Sealed entries never change, so a reading holds until the ledger grows; the life covers the window's moving edge.
@st.cache_data(ttl=FRESH_S, max_entries=32, show_spinner="Reading the ledger…")
def _turns(key: str, size: int, agent_id: str | None, days: int | None) -> list[TurnFact]:
    return records().metrics.turns(agent_id=agent_id, days=days)
