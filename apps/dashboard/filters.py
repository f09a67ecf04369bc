"""The filters that pages share; they live in the URL, so that a view can be sent to somebody."""

from dataclasses import dataclass

import streamlit as st

from apps.dashboard.session import records
from apps.dashboard.words import agent_names

ALL = "All agents"
WINDOWS = {"7 days": 7, "30 days": 30, "90 days": 90, "All time": None}


@dataclass(frozen=True, slots=True)
class Filters:
    """What the person chose."""

    agent_id: str | None
    days: int | None
    names: dict[str, str]


def choose_filters(*, one_agent: bool = False) -> Filters:
    """Draw the filters and return the choice."""
    known = records().agents.list() + records().agents.list(retired=True)
    names = agent_names(known)
    options = list(names.values()) if one_agent else [ALL, *names.values()]
    left, right = st.columns([2, 1])
    chosen = left.selectbox("Agent", options, key="agent", bind="query-params") if options else None
    window = right.selectbox("Window", list(WINDOWS), index=1, key="window", bind="query-params")
    by_name = {name: agent_id for agent_id, name in names.items()}
    return Filters(by_name.get(chosen or ""), WINDOWS[window or "30 days"], names)
