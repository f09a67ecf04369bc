"""A score on the screen: the number, what it rests on, its formula, and the way to the entries behind it."""

from collections.abc import Sequence

import streamlit as st

from apps.dashboard.words import score_basis, score_text
from governance.scorecard import Score

LINKED_ENTRIES = 200


def draw_tiles(scores: Sequence[Score], *, columns: int = 4) -> None:
    """Draw scores side by side."""
    for start in range(0, len(scores), columns):
        for place, score in zip(st.columns(columns), scores[start : start + columns], strict=False):
            with place.container(border=True):
                _draw(score)


def _draw(score: Score) -> None:
    st.metric(score.name, score_text(score))
    st.caption(score_basis(score))
    with st.popover("How it is counted", width="stretch"):
        st.markdown(f"**{score.name}** = {score.formula}")
        if score.value is None:
            st.caption("Nothing to count in this window, so there is no number.")
            return
        _link("Entries behind it", score.entries)
        if score.failures:
            _link("Entries that lowered it", score.failures)


def _link(label: str, entries: Sequence[int]) -> None:
    shown = ",".join(str(entry) for entry in entries[-LINKED_ENTRIES:])
    more = f" (latest {LINKED_ENTRIES})" if len(entries) > LINKED_ENTRIES else ""
    st.markdown(f"[{label}: {len(entries)}{more}](turns?window=All+time&entries={shown})")
