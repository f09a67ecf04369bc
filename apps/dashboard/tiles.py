"""What pages are put together from: score tiles, charts and tables of turns, each with the way to what is behind."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
import streamlit as st

from apps.dashboard.words import DASH, entries_text, interval_text, score_text, trend_text, turn_rows
from governance.scorecard import Score
from governance.turns import TurnFact

TURNS_PAGE = "turns_page.py"
TURN_PAGE = "turn_page.py"
LEDGER_PAGE = "ledger_page.py"
MOST_LINKED = 1_000  # an address must stay one
TIME = st.column_config.DatetimeColumn("Time (UTC)", format="YYYY-MM-DD HH:mm:ss", timezone="UTC")
TURN_COLUMNS = {
    "Time": TIME,
    "First text": st.column_config.NumberColumn("First text, ms", format="%.0f"),
    "Whole turn": st.column_config.NumberColumn("Whole turn, ms", format="%.0f"),
    "Checks": st.column_config.NumberColumn("Checks, ms", format="%.1f"),
}


def draw_tiles(scores: Sequence[Score], *, columns: int = 4) -> None:
    """Draw scores side by side."""
    with st.container(key=f"tiles {scores[0].name}"):
        for start in range(0, len(scores), columns):
            for place, score in zip(st.columns(columns), scores[start : start + columns], strict=False):
                with place.container(border=True, height="stretch", gap="xsmall", vertical_alignment="distribute"):
                    _draw_tile(score)


def draw_chart(figure: go.Figure, *, key: str) -> None:
    """Draw a chart; a click on a mark opens the turns behind it."""
    event = st.plotly_chart(
        figure,
        key=key,
        on_select="rerun",
        selection_mode="points",
        config={"displayModeBar": False},
        alt=figure.layout.title.text,
    )
    picked = [text for point in event.selection.points if (text := clicked_entries(point))]
    if picked:
        st.switch_page(TURNS_PAGE, query_params={"entries": picked[0]})


def clicked_entries(point: Mapping[str, object]) -> str:
    """Return the entries that a clicked mark carries; empty when it carries none."""
    carried = point.get("customdata")
    if isinstance(carried, list | tuple):
        carried = carried[0] if carried else None
    return str(carried) if carried else ""


def draw_turns_table(facts: Sequence[TurnFact], *, names: Mapping[str, str], key: str) -> None:
    """Draw a table of turns; selecting a row opens the turn."""
    picked = st.dataframe(
        turn_rows(facts, names=names),
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key=key,
        column_config=TURN_COLUMNS,
        placeholder=DASH,
        alt="Turns, newest first",
    )
    if picked.selection.rows:
        open_turn(facts[picked.selection.rows[0]].turn_id)


def open_turn(turn_id: str) -> None:
    """Go to the page of one turn."""
    st.switch_page(TURN_PAGE, query_params={"turn": turn_id})


def open_turns(entries: Sequence[int]) -> None:
    """Go to the page of turns, narrowed to the latest of these entries."""
    linked = sorted(entries)[-MOST_LINKED:]
    if linked:
        st.switch_page(TURNS_PAGE, query_params={"entries": entries_text(linked)})


def _draw_tile(score: Score) -> None:
    with st.container(gap="xxsmall"):
        st.metric(score.name, score_text(score))
        st.caption("not measured" if score.value is None else f"n = {score.n:,}")
        if score.low is not None:
            st.caption(f"95% interval {interval_text(score)}")
        if (trend := trend_text(score)) is not None:
            st.caption(f"{trend} against the window before")
    with st.popover("How it is counted", type="tertiary", key=f"popover {score.name}"):
        st.markdown(f"**{score.name}** = {score.formula}")
        if score.value is None:
            st.caption("Nothing in this window to count, so there is no number.")
            return
        if not score.of_turns:
            _link("Ledger entries behind it", score.entries, page=LEDGER_PAGE)
            return
        _link("Turns behind it", score.entries)
        if score.failures:
            _link("Turns that count as failures", score.failures)


def _link(label: str, entries: Sequence[int], *, page: str = TURNS_PAGE) -> None:
    linked = sorted(entries)[-MOST_LINKED:]
    more = f" (the latest {len(linked):,})" if len(linked) < len(entries) else ""
    st.page_link(
        page,
        label=f"{label}: {len(entries):,}{more}",
        icon=":material/arrow_forward:",
        query_params={"entries": entries_text(linked)},
    )
