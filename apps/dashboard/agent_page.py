"""One agent's scorecard: every score with its formula, interval and the entries behind it."""

import streamlit as st

from apps.dashboard.figures import dataset_chart, interval_chart, timing_chart
from apps.dashboard.filters import choose_filters
from apps.dashboard.session import records, viewer
from apps.dashboard.tiles import draw_tiles
from apps.dashboard.words import turn_rows
from governance.scorecard import build_scorecard


def draw_agent() -> None:
    """Draw the page."""
    viewer("scorecard.view")
    st.title("Agent scorecard")
    chosen = choose_filters(one_agent=True)
    if chosen.agent_id is None:
        st.info("There is no agent yet. Create one in the chat app.", icon=":material/add:")
        return
    agent = records().agents.get(chosen.agent_id)
    st.caption(f"{agent.purpose} · level {agent.level} · {len(agent.dataset_ids)} datasets · model {agent.profile}")
    facts = records().metrics.turns(agent_id=agent.id, days=chosen.days)
    if not facts:
        st.info("This agent has no turn in this window. Ask it something in the chat app.", icon=":material/chat:")
        return
    card = build_scorecard(facts)
    draw_tiles([card.trust, card.compliance, card.groundedness, card.satisfaction])
    left, right = st.columns(2)
    rates = [card.compliance, card.groundedness, card.cited_answers, card.satisfaction, card.errors]
    left.plotly_chart(interval_chart(rates, title="Rates with 95 % intervals"), width="stretch", key="rates")
    right.plotly_chart(
        interval_chart(card.principles, title="Constitutional adherence, by principle"),
        width="stretch",
        key="principles",
    )
    st.subheader("Performance")
    draw_tiles([card.first_release, card.turn_time, card.speed, card.governance_time])
    st.subheader("Datasets and oversight")
    draw_tiles([card.utilization, card.cited_answers, card.policy_adherence, card.uptime])
    left, right = st.columns(2)
    left.plotly_chart(dataset_chart(facts), width="stretch", key="datasets")
    right.plotly_chart(timing_chart(facts), width="stretch", key="timing")
    st.subheader("Latest turns")
    st.dataframe(turn_rows(facts[:10], names=chosen.names), hide_index=True, width="stretch")
