"""Ledger: its size and latest checkpoint, verification on demand, and the latest entries."""

import time
from datetime import datetime

import streamlit as st

from apps.dashboard.session import records, viewer
from apps.dashboard.tiles import TIME
from apps.dashboard.words import DASH, parse_entries
from governance.ledger import WitnessState, check_ledger
from governance.records import utc_now

LATEST = 100
GOOD, BAD = ":material/verified:", ":material/gpp_bad:"


def draw_ledger() -> None:
    """Draw the page."""
    viewer("ledger.verify")
    st.title("Ledger")
    size = records().ledger.size()
    if not size:
        st.info("The ledger is empty. The first turn writes its first entries.", icon=":material/chat:")
        return
    st.markdown(
        f"{_entries(size)} in one order, under signed checkpoints. It holds digests and metadata, never a text."
    )
    _draw_watch()
    _draw_verification()
    left, right = st.columns(2, gap="large")
    with left:
        _draw_checkpoint()
    with right:
        _draw_key()
    _draw_entries()


def _draw_watch() -> None:
    """Say what the background verification found last, and how the witness stands now."""
    last = records().last_examination()
    if last is None:
        st.caption("The server has not verified the ledger in the background yet.")
    elif last.problem:
        st.error(f"Background verification, {_time(last.health.checked_at)}: {last.problem}", icon=BAD)
    else:
        st.success(
            f"Background verification, {_time(last.health.checked_at)}: {_entries(last.health.size or 0)} "
            f"in {last.seconds:.2f} s, all well.",
            icon=GOOD,
        )
    _draw_witness(records().ledger.check_witness())


def _draw_witness(state: WitnessState | None) -> None:
    if state is None:
        st.caption("No witness keeps checkpoints elsewhere. Set `witness_folder` or `witness_url`.")
    elif state.problem:
        st.error(f"Witness {state.place}: {state.problem}", icon=BAD)
    else:
        behind = records().ledger.size() - (state.size or 0)
        later = f"; {_entries(behind)} came after" if behind else ""
        st.caption(f"Witness {state.place}: holds a checkpoint over {_entries(state.size or 0)}{later}.")


def _entries(number: int) -> str:
    return "1 entry" if number == 1 else f"{number:,} entries"


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _draw_verification() -> None:
    with st.expander("Compare with a checkpoint that you kept"):
        kept = st.text_area(
            "Kept checkpoint",
            key="kept",
            height=130,
            placeholder="The signed note, as copied from below on an earlier day",
        )
    if st.button("Verify now", type="primary", icon=":material/verified:"):
        verify_now(kept or "")


def verify_now(kept: str) -> None:
    """Verify the whole ledger, and that it continues a kept checkpoint; say what was checked and how long it took."""
    witness = records().ledger.witness
    notes = [*([kept.strip() + "\n"] if kept.strip() else []), *(witness.notes() if witness else [])]
    begin = time.perf_counter()
    with st.spinner("Recomputing every leaf, node and signature…", show_time=True):
        health = check_ledger(records().store, verifier_key=records().ledger.key, clock=utc_now, kept=notes)
    seconds = time.perf_counter() - begin
    if not health.ok or health.size is None:
        st.error(f"The ledger does not verify. {health.problem}", icon=":material/gpp_bad:")
        return
    against = (
        f"It continues {'the kept checkpoint' if len(notes) == 1 else f'{len(notes)} kept checkpoints'}."
        if notes
        else "Whether its end was cut off shows only a kept checkpoint."
    )
    st.success(
        f"Verified {health.size:,} entries in {seconds:.2f} s, {health.size / seconds:,.0f} per second: every entry, "
        f"tree node, checkpoint and signature. {against}",
        icon=":material/verified:",
    )


def _draw_checkpoint() -> None:
    st.subheader("Latest checkpoint")
    st.code(records().ledger.latest_checkpoint(), language=None, wrap_lines=True)
    st.caption("Copy it and keep it elsewhere: only a kept checkpoint shows that the end was cut off.")


def _draw_key() -> None:
    st.subheader("Public key")
    st.code(records().ledger.key, language=None, wrap_lines=True)
    st.caption("To verify on another machine, without this database:")
    st.code("promethios ledger export LEDGER.zip\npromethios verify LEDGER.zip --key KEY.pub", language=None)


def _draw_entries() -> None:
    chosen = parse_entries(st.query_params.get("entries", ""))
    if chosen is None:
        st.subheader("Latest entries")
        latest = records().ledger.entries(newest_first=True, limit=LATEST)
    else:
        st.subheader("The entries behind a number")
        first, last = min(chosen), max(chosen)
        between = records().ledger.entries(after=first - 1, limit=last - first + 1)
        latest = [entry for entry in reversed(between) if entry.index in chosen]
    st.caption("Newest first")
    st.dataframe(
        [
            {"Entry": e.index, "Time": e.at, "Kind": e.kind, "Turn": e.turn_id, "Leaf hash": e.leaf_hash.hex()}
            for e in latest
        ],
        hide_index=True,
        placeholder=DASH,
        column_config={"Time": TIME},
        alt="Ledger entries, newest first",
    )


draw_ledger()
