"""Overview: how all agents, or one, did over a window."""

import streamlit as st

from apps.dashboard.figures import outcomes_over_time, timing_chart
from apps.dashboard.filters import choose_filters
from apps.dashboard.session import records, viewer
from apps.dashboard.tiles import draw_tiles
from apps.dashboard.words import score_text, turn_rows
from governance.scorecard import build_scorecard


def draw_overview() -> None:
    """Draw the page."""
    viewer("scorecard.view")
    st.title("Overview")
    chosen = choose_filters()
    facts = records().metrics.turns(agent_id=chosen.agent_id, days=chosen.days)
    if not facts:
        st.info(
            "No turn in this window yet. Ask an agent something in the chat app, then reload.", icon=":material/chat:"
        )
        return
    card = build_scorecard(facts)
    draw_tiles([card.trust, card.compliance, card.groundedness, card.satisfaction])
    left, right = st.columns(2)
    left.plotly_chart(outcomes_over_time(facts), width="stretch", key="outcomes")
    right.plotly_chart(timing_chart(facts), width="stretch", key="timing")
    st.subheader("Agents")
    rows = []
    for agent_id in dict.fromkeys(fact.agent_id for fact in facts):
        own = [fact for fact in facts if fact.agent_id == agent_id]
        scores = build_scorecard(own)
        rows.append(
            {
                "Agent": chosen.names.get(agent_id, agent_id[:8]),
                "Turns": scores.turns,
                "Trust": score_text(scores.trust),
                "Compliance": score_text(scores.compliance),
                "Groundedness": score_text(scores.groundedness),
                "Refused": scores.outcomes.get("refused", 0),
                "Nothing found": scores.outcomes.get("abstained", 0),
                "Checks p95": score_text(scores.governance_time),
            }
        )
    st.dataframe(rows, hide_index=True, width="stretch")
    st.subheader("Latest turns")
    st.dataframe(turn_rows(facts[:8], names=chosen.names), hide_index=True, width="stretch")
    st.markdown("[All turns](turns)")
