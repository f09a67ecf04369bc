"""One agent's scorecard: every score with its formula, interval and the turns behind it."""

from collections.abc import Sequence

import streamlit as st

from apps.dashboard.figures import BLUE, dataset_chart, interval_chart, timing_chart
from apps.dashboard.filters import choose_filters, load_turns
from apps.dashboard.session import records, viewer
from apps.dashboard.tiles import draw_chart, draw_tiles, draw_turns_table, open_turns
from apps.dashboard.words import DASH, count_text, times_of
from governance.schema import Actor, AgentView, LeftOut
from governance.scorecard import Score, Scorecard, percentile
from governance.turns import TurnFact

LATEST = 10
MOST_LINKED = 30
QUANTILES = (50, 90, 95, 99)


def draw_agent() -> None:
    """Draw the page."""
    actor = viewer("scorecard.view")
    st.title("Agent scorecard")
    chosen = choose_filters()
    if not chosen.names:
        st.info("There is no agent yet. Create one in the chat app.", icon=":material/add:")
        return
    if chosen.agent_id is None:
        _draw_choice(list(chosen.names.values()))
        return
    _draw_identity(actor, records().agents.get(chosen.agent_id))
    facts = load_turns(chosen)
    card = records().metrics.scorecard_of(facts, agent_id=chosen.agent_id, days=chosen.days)
    if not facts:
        st.info(
            "This agent has no turn in this window. Ask it something in the chat app, or choose a longer window.",
            icon=":material/chat:",
        )
        _draw_suites(card.suites)
        return
    _draw_scores(card, facts)
    _draw_suites(card.suites)
    st.subheader("Latest turns")
    draw_turns_table(facts[:LATEST], names=chosen.names, key="latest")


def _draw_choice(names: Sequence[str]) -> None:
    st.caption("Choose an agent to see its scorecard.")
    for name in names[:MOST_LINKED]:
        st.page_link("agent_page.py", label=name, icon=":material/fact_check:", query_params={"agent": name})
    if len(names) > MOST_LINKED:
        st.caption(f"and {len(names) - MOST_LINKED:,} more in the list above.")


def _draw_identity(actor: Actor, agent: AgentView) -> None:
    datasets = count_text(len(agent.dataset_ids), "dataset")
    retired = " · retired" if agent.retired_at else ""
    st.markdown(agent.purpose)
    scope = " · keeps to its purpose" if agent.scope == "stated" else ""
    used_for = f" · used for {agent.used_for}" if agent.used_for else ""
    st.caption(
        f"Level {agent.level} · domain {agent.domain}{scope}{used_for} · {datasets} · model {agent.profile}{retired}"
    )
    if agent.allow:
        st.caption(f"Not masked, because public: {', '.join(agent.allow)}")
    _draw_left_out(agent, records().access.of(actor, agent).left_out)


def _draw_left_out(agent: AgentView, left_out: Sequence[LeftOut]) -> None:
    """Say which datasets the agent leaves out of searches for the one who looks, and why."""
    if not left_out:
        return
    attached = count_text(len(agent.dataset_ids), "dataset")
    with st.expander(f"{len(left_out):,} of {attached} left out of searches that you would start"):
        for each in left_out[:MOST_LINKED]:
            st.markdown(f"**{each.dataset_id}**: {each.because}")
        if len(left_out) > MOST_LINKED:
            st.caption(f"and {len(left_out) - MOST_LINKED:,} more.")


def _draw_scores(card: Scorecard, facts: Sequence[TurnFact]) -> None:
    draw_tiles([card.trust, card.compliance, card.groundedness, card.satisfaction])
    left, right = st.columns(2)
    rates = [card.compliance, card.groundedness, card.cited_answers, card.satisfaction]
    with left:
        draw_chart(interval_chart(_labelled(rates), title="Rates with 95% intervals"), key="rates")
    with right:
        draw_chart(interval_chart(_labelled(card.principles), title="Constitutional adherence"), key="principles")
    with st.expander("How the principles are counted"):
        for score in card.principles:
            st.markdown(f"**{score.name}** = {score.formula}")
    st.subheader("Performance")
    draw_tiles([card.first_release, card.turn_time, card.governance_time, card.speed])
    left, right = st.columns(2)
    with left:
        draw_chart(timing_chart(facts), key="timing")
    with right:
        _draw_percentiles(facts)
        draw_tiles([card.errors, card.uptime], columns=2)
    st.subheader("Datasets and oversight")
    draw_tiles([card.utilization, card.cited_answers, card.policy_adherence, card.abuse])
    if any(fact.cited_datasets for fact in facts):
        draw_chart(dataset_chart(facts), key="datasets")
    else:
        st.caption("No answer in this window cites a dataset.")


def _draw_suites(suites: Sequence[Score]) -> None:
    if suites:
        st.subheader("Suites")
        draw_tiles(suites)


def _draw_percentiles(facts: Sequence[TurnFact]) -> None:
    times = times_of(facts)
    picked = st.dataframe(
        [
            {"Milliseconds": name, "n": len(known)}
            | {f"p{q}": percentile([value for _, value in known], q / 100) for q in QUANTILES}
            for name, known in times.items()
        ],
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key="percentiles",
        placeholder=DASH,
        column_config={f"p{q}": st.column_config.NumberColumn(format="%.0f") for q in QUANTILES},
        alt="Percentiles of the times, milliseconds; selecting a row opens the turns behind it",
    )
    if picked.selection.rows:
        open_turns([entry for entry, _ in list(times.values())[picked.selection.rows[0]]])


def _labelled(scores: Sequence[Score]) -> list[tuple[str, Score, str]]:
    return [(score.name, score, BLUE) for score in scores]


draw_agent()
