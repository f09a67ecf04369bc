"""Overview: how all agents, or one, did over a window."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from apps.dashboard.figures import agent_colour, interval_chart, outcomes_over_time, timing_chart
from apps.dashboard.filters import choose_filters, load_turns
from apps.dashboard.session import may, records, viewer
from apps.dashboard.tiles import draw_chart, draw_tiles, draw_turns_table, open_turns
from apps.dashboard.words import DASH, UNSAVED, interval_text
from governance.scorecard import Score, Scorecard, build_scorecard
from governance.turns import TurnFact

RATES = {"Compliance": "compliance", "Groundedness": "groundedness", "Satisfaction": "satisfaction"}
COLUMNS = {
    "Trust": st.column_config.NumberColumn(format="%.2f"),
    "Compliance": st.column_config.NumberColumn(format="%.1f%%"),
    "Groundedness": st.column_config.NumberColumn(format="%.1f%%"),
    "Satisfaction": st.column_config.NumberColumn(format="%.1f%%"),
    "Checks p95, ms": st.column_config.NumberColumn(format="%.0f"),
}
LATEST = 8


def draw_overview() -> None:
    """Draw the page."""
    if not may(viewer("chat.use"), "scorecard.view"):
        st.switch_page("turns_page.py")  # this is where the dashboard opens, so lead on instead of stopping people
    st.title("Overview")
    chosen = choose_filters()
    facts = load_turns(chosen)
    if not facts:
        st.info(
            "No turn in this window. Ask an agent something in the chat app, or choose a longer window.",
            icon=":material/chat:",
        )
        return
    card = records().metrics.scorecard_of(facts, agent_id=chosen.agent_id, days=chosen.days)
    draw_tiles([card.trust, card.compliance, card.groundedness, card.satisfaction])
    left, right = st.columns(2)
    with left:
        draw_chart(outcomes_over_time(facts), key="outcomes")
    with right:
        draw_chart(timing_chart(facts), key="timing")
    _draw_agents(facts, names=chosen.names)
    st.subheader("Latest turns")
    draw_turns_table(facts[:LATEST], names=chosen.names, key="latest")
    st.page_link("turns_page.py", label="All turns", icon=":material/arrow_forward:")


def _draw_agents(facts: Sequence[TurnFact], *, names: Mapping[str, str]) -> None:
    st.subheader("Agents")
    cards = agent_cards(facts, names=names)
    labels = {agent_id: names.get(agent_id, UNSAVED) for agent_id in cards}
    chosen = st.segmented_control(
        "Compare", list(RATES), default="Compliance", required=True, key="rate", bind="query-params"
    )
    rate = RATES[chosen or "Compliance"]
    rows = [(labels[i], getattr(card, rate), agent_colour(i, ordered=sorted(names))) for i, card in cards.items()]
    draw_chart(interval_chart(rows, title=f"{chosen} by agent, with 95% intervals"), key="agents")
    picked = st.dataframe(
        [{"Agent": labels[agent_id], **agent_row(card)} for agent_id, card in cards.items()],
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key="scores",
        placeholder=DASH,
        column_config=COLUMNS,
        alt="Scores of each agent; selecting a row opens its turns",
    )
    if picked.selection.rows:
        agent_id = list(cards)[picked.selection.rows[0]]
        open_turns([fact.entry for fact in facts if fact.agent_id == agent_id])


def agent_cards(facts: Sequence[TurnFact], *, names: Mapping[str, str]) -> dict[str, Scorecard]:
    """Return the scorecard of each agent that has turns, by the agent's name."""
    found = sorted({fact.agent_id for fact in facts}, key=lambda agent_id: names.get(agent_id, agent_id))
    return {agent_id: build_scorecard([f for f in facts if f.agent_id == agent_id]) for agent_id in found}


def agent_row(card: Scorecard) -> dict[str, Any]:
    """Return an agent's row; None is what was not measured."""
    return {
        "Turns": card.turns,
        "Trust": card.trust.value,
        "Compliance": _percent(card.compliance),
        "95% interval": interval_text(card.compliance),
        "Groundedness": _percent(card.groundedness),
        "95% interval ": interval_text(card.groundedness),
        "Satisfaction": _percent(card.satisfaction),
        "Ratings": card.satisfaction.n,
        "Refused": card.outcomes.get("refused", 0),
        "Nothing found": card.outcomes.get("abstained", 0),
        "Checks p95, ms": card.governance_time.value,
    }


def _percent(score: Score) -> float | None:
    return None if score.value is None else score.value * 100


draw_overview()
