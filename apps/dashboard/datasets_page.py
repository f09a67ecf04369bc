"""Datasets: what waits for a person, why and what was found in it, the decisions on it; and the use of all others."""

from collections.abc import Sequence

import streamlit as st

from apps.dashboard.dataset_rows import use_row, used_datasets
from apps.dashboard.filters import choose_filters, load_turns
from apps.dashboard.judging import SAID, draw_said
from apps.dashboard.session import chat_url, may, records, viewer
from apps.dashboard.words import DASH, count_text
from apps.dataset_words import scan_sentences
from governance.datasets import MAX_REASON_CHARS, WaitingDataset
from governance.errors import AccessDenied, InputError
from governance.schema import Actor

QUEUE_SIZE = 200
OUTCOMES = {"waits": "Waiting", "quarantined": "Quarantined"}
USE_COLUMNS = {
    "Found by": st.column_config.NumberColumn("Found by, turns", format="%d"),
    "Cited": st.column_config.NumberColumn(format="%.0f%%"),
    "Supported": st.column_config.NumberColumn(format="%.0f%%"),
    "Complained": st.column_config.NumberColumn(format="%.0f%%"),
}
EFFECT = (
    "Approved, it is indexed and agents may answer from it. Refused, it stays out of use; an older version that is in "
    "use stays so. Either is recorded with your name, role and reason."
)


def draw_datasets() -> None:
    """Draw the page."""
    actor = viewer("dataset.review")
    st.title("Datasets")
    st.caption("Data that no rule let into use. No agent can find anything of it before a person approves it.")
    draw_said()
    queue, total = records().datasets.queue(actor, limit=QUEUE_SIZE), records().datasets.count_queue(actor)
    if not queue:
        st.info("No dataset waits for a person.", icon=":material/done_all:")
    else:
        first = f", the first {QUEUE_SIZE} shown" if total > len(queue) else ""
        st.markdown(f"**{count_text(total, 'dataset')}**, quarantined ones first{first}. Select a row to look at it.")
        _draw_item(actor, _draw_queue(queue) or _named(queue) or queue[0])
    _draw_use()
    st.link_button("All datasets in the chat app", f"{chat_url()}#datasets", icon=":material/database:")


def _draw_use() -> None:
    st.subheader("Use of datasets")
    chosen = choose_filters()
    uses = used_datasets(records().store, load_turns(chosen))
    if not uses:
        st.info("No question found anything in a dataset in this window.", icon=":material/search_off:")
        return
    st.dataframe(
        [use_row(use) for use in uses],
        hide_index=True,
        placeholder=DASH,
        column_config=USE_COLUMNS,
        alt="Use of each dataset, the most often found first",
    )
    st.caption(
        "Cited: of the turns that found something in it. Supported: sentences of the answers that cite it. "
        "Complained: rated unhelpful or overturned, of the answers that cite it and were judged."
    )


def _named(queue: Sequence[WaitingDataset]) -> WaitingDataset | None:
    wanted = st.query_params.get("dataset", "")
    return next((each for each in queue if each.dataset_id == wanted), None)


def _draw_queue(queue: Sequence[WaitingDataset]) -> WaitingDataset | None:
    picked = st.dataframe(
        [
            {
                "State": OUTCOMES[each.outcome],
                "Title": each.title,
                "Why": each.reason,
                "Tier": each.tier,
                "Licence": each.licence,
                "Older version": "stays in use" if each.in_use else None,
            }
            for each in queue
        ],
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key="datasets",
        placeholder=DASH,
        alt="Datasets that wait for a person, quarantined ones first",
    )
    return queue[picked.selection.rows[0]] if picked.selection.rows else None


def _draw_item(actor: Actor, item: WaitingDataset) -> None:
    st.subheader(f"{item.title}: {OUTCOMES[item.outcome].lower()}")
    st.caption(f"`{item.dataset_id}` · {item.tier} · licence {item.licence} · version {item.version[7:19]}")
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.markdown("**Why it is not in use**")
        st.markdown(f"Rule `{item.rule}`:")
        st.text(item.reason)
        st.markdown("**What the scan found**")
        for sentence in scan_sentences(item.scan):
            st.text(sentence)
    with right:
        if may(actor, "dataset.review"):
            _draw_decision(actor, item)


def _draw_decision(actor: Actor, item: WaitingDataset) -> None:
    with st.form(f"decide {item.dataset_id}", border=False):
        reason = st.text_area("Your reason", key=f"reason {item.dataset_id}", max_chars=MAX_REASON_CHARS, height=100)
        with st.container(horizontal=True):
            approved = st.form_submit_button("Approve", icon=":material/check:", type="primary")
            refused = st.form_submit_button("Refuse", icon=":material/shield:")
        st.caption(EFFECT)
    if approved or refused:
        _decide(actor, item, approves=approved, reason=reason or "")


def _decide(actor: Actor, item: WaitingDataset, *, approves: bool, reason: str) -> None:
    reviews = records().datasets
    try:
        (reviews.approve if approves else reviews.quarantine)(actor, item.dataset_id, reason=reason)
    except (InputError, AccessDenied) as exc:
        st.warning(f"{exc} Nothing was changed.", icon=":material/error:")
        return
    done = "Approved. The server indexes it within seconds." if approves else "Refused. It stays out of use."
    st.session_state[SAID] = f"{item.title}: {done}"
    st.rerun()


draw_datasets()
