"""One turn, in the order a sceptic asks: the decision, its rule, the evidence, the model, the proof."""

import json
from typing import Any

import streamlit as st

from apps.dashboard.figures import stage_chart
from apps.dashboard.filters import agent_names
from apps.dashboard.judging import draw_judging, draw_said
from apps.dashboard.review_words import wait_text
from apps.dashboard.session import may, records, viewer
from apps.dashboard.tiles import draw_chart
from apps.dashboard.words import DASH, RATINGS, UNSAVED, count_text, look_of, ms_text, ordered_steps, short_digest
from governance.errors import AccessDenied, InputError, VerificationError
from governance.ledger import verify_receipt
from governance.schema import Actor
from governance.turns import TurnDetail, read_turn

NO_EVIDENCE = {
    "none": "None: no dataset was searched.",
    "not_needed": "None: small talk needs no dataset.",
    "nothing": "None: nothing that was found answers the question.",
}


def draw_turn() -> None:
    """Draw the turn that the URL names."""
    actor = viewer("chat.use")
    st.page_link("turns_page.py", label="All turns", icon=":material/arrow_back:")
    detail = _read(actor, st.query_params.get("turn", ""))
    if detail is None:
        return
    _draw_head(detail)
    draw_said()
    _draw_content(detail)
    left, right = st.columns(2, gap="large")
    with left:
        _draw_decision(detail.record)
        _draw_evidence(detail.record)
    with right:
        _draw_model(detail.record)
        _draw_times(detail)
    _draw_review(actor, detail)
    _draw_proof(detail)


def _read(actor: Actor, turn_id: str) -> TurnDetail | None:
    if not turn_id:
        st.info("Choose a turn from the list.", icon=":material/list_alt:")
        return None
    try:
        return read_turn(records().ledger, records().vault, actor, turn_id)
    except InputError as exc:
        st.warning(f"{exc} Choose one from the list.", icon=":material/search_off:")
    except AccessDenied:
        st.warning(
            f"This turn is somebody else's, and your role, {actor.role}, shows only your own.", icon=":material/lock:"
        )
    except VerificationError as exc:
        st.error(f"The ledger does not prove this turn: {exc} Verify the whole ledger.", icon=":material/gpp_bad:")
    return None


def _draw_head(detail: TurnDetail) -> None:
    fact, record = detail.fact, detail.record
    look = look_of(fact)
    st.title(f":{look.tone}[{look.icon} {look.word}]")
    facts = [
        f"rule `{fact.rule_id}`",
        *([count_text(fact.cited, "source")] if fact.cited else []),
        f"{ms_text(fact.governance_ms)} checks",
        *([f"rated {RATINGS[fact.rating]}"] if fact.rating is not None else []),
    ]
    reason = str(record["decision"]["reason"])
    st.markdown(f"{reason[:1].upper()}{reason[1:]} · {' · '.join(facts)}")
    name = agent_names().get(fact.agent_id, UNSAVED)
    st.caption(f"{name} · {fact.at:%Y-%m-%d %H:%M:%S} UTC · ledger entry {fact.entry} · turn {fact.turn_id}")


def _draw_content(detail: TurnDetail) -> None:
    if detail.content is None:
        st.info(f"The text of this turn is not shown: {detail.hidden}.", icon=":material/lock:")
        return
    role, question = detail.content["messages"][-1]
    with st.chat_message(role, avatar=":material/person:"):
        st.text(question)
    with st.chat_message("assistant", avatar=":material/article:"):
        st.text(detail.content["answer"] or DASH)


def _draw_decision(record: dict[str, Any]) -> None:
    st.subheader("What was decided, by which rule")
    decisions = [*record["decisions"], {"stage": "whole turn", **record["decision"]}]
    st.dataframe(
        [{"Stage": d["stage"], "Action": d["action"], "Rule": d["rule_id"], "Reason": d["reason"]} for d in decisions],
        hide_index=True,
        alt="Decisions",
    )
    if late := record.get("left_out"):
        st.warning(
            f"Degraded: {' and '.join(late)} did not answer in time, and the policy lets this turn go on without.",
            icon=":material/timer_off:",
        )
    findings = record["findings"]
    if not findings:
        st.caption("No rail found anything.")
        return
    st.caption(f"{count_text(len(findings), 'finding')}, masked where it is personal or secret")
    names = {"stage": "Stage", "rail": "Rail", "category": "Category", "score": "Score", "evidence": "Text"}
    rows = [{name: finding[key] for key, name in names.items()} for finding in findings]
    st.dataframe(rows, hide_index=True, alt="Findings")


def _draw_evidence(record: dict[str, Any]) -> None:
    st.subheader("On what evidence")
    rows = [
        {
            "No.": e["number"],
            "Cited": e["number"] in record["cited"],
            "Dataset": e["dataset_id"],
            "Score": e["score"],
            "Version": short_digest(e["dataset_version"]),
            "Text digest": short_digest(e["digest"]),
        }
        for e in record["evidence"]
    ]
    if rows:
        st.dataframe(rows, hide_index=True, alt="Evidence")
        quotes = record["quotations"]
        st.caption(
            f"Quotations that stand verbatim in what they cite: {quotes['supported']} of {quotes['checked']}."
            if quotes["checked"]
            else "The answer quotes nothing."
        )
        held = record["groundedness"]
        if held["checked"]:
            st.caption(f"Sentences that the evidence supports: {held['supported']} of {held['checked']}.")
    else:
        st.caption(NO_EVIDENCE.get(record["retrieval"], "None."))
    if record["dropped_evidence"]:
        dropped = count_text(len(record["dropped_evidence"]), "passage")
        st.caption(f"{dropped} dropped by a rail before the model saw the evidence.")
    left_out = record.get("datasets_left_out")  # not in records from before it was counted
    if left_out:
        why = ", ".join(f"{n} because of {reason}" for reason, n in left_out.items())
        st.caption(f"Not searched, of the agent's datasets: {why}.")


def _draw_model(record: dict[str, Any]) -> None:
    st.subheader("By which model, under which policy")
    model = record["model"]
    rows = {
        "Model": f"{model['name']} (profile {model['profile']})",
        "Weights": _digest(model["weights_digest"]),
        "Adapter": model["adapter"] or DASH,
        "Level": record["level"],
        "Policy": _digest(record["policy_digest"]),
        "Prompt": _digest(record["prompt_digest"]) if record["prompt_digest"] else "nothing was generated",
        "Released text": _digest(record["released_digest"]),
    }
    st.table(rows, border="horizontal", hide_header=True)


def _draw_times(detail: TurnDetail) -> None:
    fact, held = detail.fact, detail.record["max_held_chars"]
    draw_chart(stage_chart(ordered_steps(detail.record["stage_ms"])), key="stages")
    first = f", first text after {ms_text(fact.first_release_ms)}" if fact.first_release_ms is not None else ""
    most = f" At most {count_text(held, 'character')} held back while checking." if held else ""
    st.caption(f"Whole turn {ms_text(fact.total_ms)}, checks {ms_text(fact.governance_ms)}{first}.{most}")


def _draw_review(actor: Actor, detail: TurnDetail) -> None:
    """Draw who looked at it, what they decided, and the form for who may."""
    release = detail.record.get("release")
    if not (detail.hold or detail.reviews or release or may(actor, "review.decide")):
        return
    st.subheader("Who looked at it")
    now = records().reviews.now()
    if detail.hold is not None:
        st.caption(wait_text(detail.hold, now))
    if release:
        st.markdown(f"Let pass by a {release['role']}, who released this question when it was held.")
        st.page_link(
            "turn_page.py",
            label="The held turn",
            icon=":material/arrow_forward:",
            query_params={"turn": release["turn_id"]},
        )
    if not detail.reviews and detail.hold is None:
        st.caption("Nobody judged this decision yet.")
    draw_judging(actor, detail, now=now, key="judge")
    for each in detail.reviews:
        st.download_button(
            f"Receipt of the judgement in entry {each.review.entry}",
            json.dumps(each.receipt, ensure_ascii=False, indent=1),
            file_name=f"receipt-entry-{each.review.entry}.json",
            mime="application/json",
            icon=":material/download:",
            on_click="ignore",
        )


def _draw_proof(detail: TurnDetail) -> None:
    st.subheader("Can I check it")
    receipt = json.dumps(detail.receipt, ensure_ascii=False, indent=1)
    with st.container(horizontal=True):
        verify = st.button("Verify receipt", icon=":material/verified:", type="primary")
        st.download_button(
            "Download receipt",
            receipt,
            file_name=f"receipt-{detail.fact.turn_id}.json",
            mime="application/json",
            icon=":material/download:",
            on_click="ignore",
        )
    if verify:
        _verify(receipt, text=detail.content["answer"] if detail.content else None)
    st.caption(
        "Anywhere else: `promethios receipt verify FILE --key KEY.pub`, with the key from `promethios ledger key`."
    )
    with st.expander("The ledger entry"):
        st.json(detail.record)


def _verify(receipt: str, *, text: str | None) -> None:
    """Verify what a download would hold, with nothing but the public key."""
    try:
        verified = verify_receipt(receipt, key=records().ledger.key, text=text)
    except VerificationError as exc:
        st.error(f"The receipt does not verify: {exc}", icon=":material/gpp_bad:")
        return
    also = " The text above is the sealed one, character by character." if text is not None else ""
    st.success(
        f"Verified: entry {verified.index} of {verified.size:,}, in a checkpoint signed by {verified.origin}.{also}",
        icon=":material/verified:",
    )


def _digest(digest: str) -> str:
    return f"`{short_digest(digest)}`"


draw_turn()
