"""Ledger: its size and latest checkpoint, verification on demand, and the latest entries."""

import time

import streamlit as st

from apps.dashboard.session import records, viewer
from governance.ledger import check_ledger
from governance.records import utc_now

LATEST = 50


def draw_ledger() -> None:
    """Draw the page."""
    viewer("ledger.verify")
    ledger = records().ledger
    st.title("Ledger")
    size = ledger.size()
    if not size:
        st.info("The ledger is empty. The first turn writes its first entries.", icon=":material/chat:")
        return
    st.caption(f"{size:,} entries in one order, each under a signed checkpoint. Texts are not in it: digests are.")
    if st.button("Verify now", type="primary", icon=":material/verified:"):
        _verify(size)
    left, right = st.columns(2)
    with left:
        st.subheader("Latest checkpoint")
        st.code(ledger.latest_checkpoint(), language=None, wrap_lines=True)
        st.caption("Keep a copy elsewhere: only a kept checkpoint shows that entries were cut off at the end.")
    with right:
        st.subheader("Public key")
        st.code(ledger.key, language=None, wrap_lines=True)
        st.caption(
            "From outside: `promethios ledger export FILE.zip`, then `promethios ledger check FILE.zip --key KEY.pub`."
        )
    st.subheader("Latest entries")
    rows = [
        {"Entry": e.index, "Time": e.at, "Kind": e.kind, "Turn": e.turn_id, "Leaf hash": e.leaf_hash.hex()}
        for e in ledger.entries(newest_first=True, limit=LATEST)
    ]
    st.dataframe(rows, hide_index=True, width="stretch")


def _verify(size: int) -> None:
    begin = time.perf_counter()
    with st.spinner(f"Recomputing {size:,} entries…"):
        health = check_ledger(records().store, verifier_key=records().ledger.key, clock=utc_now)
    seconds = time.perf_counter() - begin
    if health.ok:
        st.success(
            f"Verified {size:,} entries in {seconds:.1f} s ({size / seconds:,.0f} per second): every leaf, node, "
            "checkpoint and signature.",
            icon=":material/verified:",
        )
    else:
        st.error(f"The ledger does not verify: {health.problem}", icon=":material/gpp_bad:")
