"""One turn, in the order a sceptic asks: the decision, its rule, the evidence, the model, the proof."""

import json
from typing import Any

import streamlit as st

from apps.dashboard.figures import stage_chart
from apps.dashboard.session import records, viewer
from apps.dashboard.words import DASH, look_of
from governance.errors import AccessDenied, InputError, VerificationError
from governance.ledger import verify_receipt
from governance.turns import TurnDetail, read_turn

SHORT = 23


def draw_turn() -> None:
    """Draw the turn that the URL names."""
    actor = viewer("chat.use")
    turn_id = st.query_params.get("turn", "")
    st.markdown("[All turns](turns)")
    try:
        detail = read_turn(records().ledger, records().vault, actor, turn_id)
    except (InputError, AccessDenied) as exc:
        st.warning(f"{exc} Choose a turn from the list.", icon=":material/search_off:")
        return
    fact, record = detail.fact, detail.record
    look = look_of(fact)
    st.title(f"{look.icon} {look.word}")
    agent = records().agents.get(fact.agent_id)
    st.caption(f"{agent.name} · {fact.at:%Y-%m-%d %H:%M:%S} UTC · turn {fact.turn_id} · ledger entry {fact.entry}")
    _draw_content(detail)
    left, right = st.columns(2)
    with left:
        _draw_decision(record)
        _draw_evidence(record)
    with right:
        st.plotly_chart(stage_chart(record["stage_ms"]), width="stretch", key="stages")
        st.caption(
            f"First text after {_ms(fact.first_release_ms)}, whole turn {_ms(fact.total_ms)}, "
            f"checks {_ms(fact.governance_ms)}. At most {record['max_held_chars']} characters were held back."
        )
        _draw_model(record)
    _draw_proof(detail)


def _draw_content(detail: TurnDetail) -> None:
    if detail.content is None:
        st.info(f"The text of this turn is not shown: {detail.hidden}.", icon=":material/lock:")
        return
    for role, text in detail.content["messages"][-1:]:
        with st.chat_message(role):
            st.text(text)
    with st.chat_message("assistant"):
        st.text(detail.content["answer"] or DASH)


def _draw_decision(record: dict[str, Any]) -> None:
    st.subheader("What was decided, by which rule")
    rows = [
        {"Stage": each["stage"], "Action": each["action"], "Rule": each["rule_id"], "Reason": each["reason"]}
        for each in [*record["decisions"], {"stage": "turn", **record["decision"]}]
    ]
    st.dataframe(rows, hide_index=True, width="stretch")
    if record["findings"]:
        st.caption("Findings, masked")
        st.dataframe(
            [
                {
                    "Stage": f["stage"],
                    "Rail": f["rail"],
                    "Category": f["category"],
                    "Score": f["score"],
                    "Text": f["evidence"],
                }
                for f in record["findings"]
            ],
            hide_index=True,
            width="stretch",
        )
    else:
        st.caption("No rail found anything.")


def _draw_evidence(record: dict[str, Any]) -> None:
    st.subheader("On what evidence")
    cited = set(record["cited"])
    rows = [
        {
            "No.": e["number"],
            "Cited": "yes" if e["number"] in cited else "",
            "Dataset": e["dataset_id"],
            "Score": e["score"],
            "Version": e["dataset_version"][:SHORT],
            "Text digest": e["digest"][:SHORT],
        }
        for e in record["evidence"]
    ]
    if rows:
        st.dataframe(rows, hide_index=True, width="stretch")
        quotes = record["quotations"]
        st.caption(f"{quotes['supported']} of {quotes['checked']} quotations stand verbatim in the evidence they cite.")
    else:
        st.caption(f"None. Retrieval: {record['retrieval'].replace('_', ' ')}.")
    if record["dropped_evidence"]:
        st.caption(f"{len(record['dropped_evidence'])} passages were dropped by a rail before the model saw them.")


def _draw_model(record: dict[str, Any]) -> None:
    st.subheader("By which model, under which policy")
    model = record["model"]
    rows = {
        "Model": f"{model['name']} ({model['profile']})",
        "Weights": model["weights_digest"],
        "Adapter": model["adapter"] or DASH,
        "Level": record["level"],
        "Policy": record["policy_digest"],
        "Prompt": record["prompt_digest"] or "nothing was generated",
        "Released text": record["released_digest"],
    }
    st.dataframe([{"What": name, "Value": value} for name, value in rows.items()], hide_index=True, width="stretch")


def _draw_proof(detail: TurnDetail) -> None:
    st.subheader("Can I check it")
    left, middle, _ = st.columns([1, 1, 2])
    receipt = json.dumps(detail.receipt, ensure_ascii=False, indent=1)
    left.download_button(
        "Download receipt",
        receipt,
        file_name=f"receipt-{detail.fact.turn_id}.json",
        mime="application/json",
        icon=":material/download:",
    )
    if middle.button("Verify receipt", icon=":material/verified:", type="primary"):
        try:
            text = detail.content["answer"] if detail.content else None
            verified = verify_receipt(receipt, key=records().ledger.key, text=text)
        except VerificationError as exc:
            st.error(f"The receipt does not verify: {exc}", icon=":material/gpp_bad:")
        else:
            also = " The released text is the sealed one." if detail.content else ""
            st.success(
                f"Verified: entry {verified.index} of {verified.size}, signed by {verified.origin}.{also}",
                icon=":material/verified:",
            )
    st.caption(
        "Anywhere else: `promethios receipt verify FILE --key KEY.pub`, with the key from `promethios ledger key`."
    )
    with st.expander("The ledger entry"):
        st.json(detail.record, expanded=1)


def _ms(value: float | None) -> str:
    return DASH if value is None else f"{value:,.0f} ms"
