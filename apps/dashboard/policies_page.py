"""Policies: what is in force, every version of a document, and what one would change before anybody agrees to it."""

from collections.abc import Sequence

import streamlit as st

from apps.dashboard.filters import user_names
from apps.dashboard.judging import SAID, draw_said
from apps.dashboard.review_words import VERSION_STATES
from apps.dashboard.session import may, records, viewer
from apps.dashboard.tiles import TIME
from apps.dashboard.words import DASH, count_text
from governance.errors import GovernanceError, InputError
from governance.policy import (
    Comparison,
    DraftCheck,
    Places,
    PolicyVersion,
    Replay,
    State,
    read_documents,
    replay_turns,
    shipped_places,
)
from governance.policy.versions import MAX_WHY_CHARS
from governance.schema import Actor

REPLAYED = 1_000  # of the newest turns
MOST_SHIFTS = 12
NEXT: dict[State, tuple[str, str]] = {
    "draft": ("Agree to it", ":material/how_to_reg:"),
    "reviewed": ("Put in force", ":material/check:"),
}


def draw_policies() -> None:
    """Draw the page."""
    actor = viewer("policy.view")
    st.title("Policies")
    draw_said()
    versions = records().policies.all()
    _draw_in_force(versions)
    if may(actor, "policy.edit"):
        _draw_proposal(actor)
    if not versions:
        st.info(
            "No version yet: only the rules that ship are in force. Propose a document to add rules of your own.",
            icon=":material/policy:",
        )
        return
    st.subheader("Versions")
    version = _choose(versions)
    _draw_version(version)
    if may(actor, "policy.edit"):
        _draw_check(version)
        _draw_steps(actor, version)


def _draw_in_force(versions: Sequence[PolicyVersion]) -> None:
    shipped = read_documents(records().policies.shipped)
    rules = sum(len(document.rules) for document in shipped)
    active = [version for version in versions if version.state == "active"]
    st.markdown(
        f"**In force:** {count_text(rules, 'rule')} that ship, in {count_text(len(shipped), 'document')}, and "
        f"{count_text(len(active), 'version')} of your own"
        f"{': ' + ', '.join(f'`{version.id}`' for version in active) if active else ''}."
    )
    st.caption(
        "The rules that ship are the floor: a version adds rules, the strictest decides, so it can only tighten."
    )


def _draw_proposal(actor: Actor) -> None:
    with st.expander("Propose a document", icon=":material/add:"), st.form("propose", border=False):
        rules = st.file_uploader("Rules, one YAML file such as house.yaml", type=["yaml", "yml"], key="rules")
        cases = st.file_uploader("Its cases, such as house.cases.yaml", type=["yaml", "yml"], key="cases")
        why = st.text_input("Why", key="propose why", max_chars=MAX_WHY_CHARS, help="The ledger keeps it.")
        sent = st.form_submit_button("Propose", type="primary")
    if not sent:
        return
    if rules is None:
        st.warning("Choose a file with rules first. Nothing was recorded.", icon=":material/upload_file:")
        return
    try:
        texts = [each.getvalue().decode() if each else "" for each in (rules, cases)]
        version = records().policies.propose(actor, rules=texts[0], cases=texts[1], why=why)
    except (GovernanceError, UnicodeDecodeError) as exc:
        st.error(f"{exc} Nothing was recorded.", icon=":material/error:")
        return
    st.query_params["version"] = version.id
    _say(f"Proposed {version.id}. Somebody else has to review it.")


def _choose(versions: Sequence[PolicyVersion]) -> PolicyVersion:
    names = user_names()
    picked = st.dataframe(
        [
            {
                "Version": version.id,
                "State": VERSION_STATES[version.state].word,
                "Proposed by": names.get(version.author_id, DASH),
                "Time": version.history[-1].at,
                "Last reason": version.history[-1].why,
            }
            for version in versions
        ],
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key="versions",
        column_config={"Time": TIME},
        alt="Policy versions, newest first",
    )
    if picked.selection.rows:
        return versions[picked.selection.rows[0]]
    wanted = st.query_params.get("version", "")
    return next((version for version in versions if version.id == wanted), versions[0])


def _draw_version(version: PolicyVersion) -> None:
    look, names = VERSION_STATES[version.state], user_names()
    st.subheader(f"{version.id} :{look.tone}[{look.icon} {look.word}]")
    for step in version.history:
        who = names.get(step.actor_id, "a user who is gone")
        word = "Proposed" if step.state == "draft" else VERSION_STATES[step.state].word
        st.markdown(f"**{word}** by {who} ({step.role}): {step.why}")
        st.caption(f"{step.at:%Y-%m-%d %H:%M} UTC · ledger entry {step.entry}")
    with st.expander("Its rules and cases"):
        st.code(version.text.rules, language="yaml", wrap_lines=True)
        st.code(version.text.cases or "# no cases", language="yaml", wrap_lines=True)


def _draw_check(version: PolicyVersion) -> None:
    if version.state not in NEXT:
        return
    check, replay = _checked(version.id, records().policies.latest_change(), records().ledger.key)
    st.subheader("What it would change")
    for problem in check.problems:
        st.error(problem, icon=":material/error:")
    if check.comparison is not None and replay is not None:
        left, right = st.columns(2, gap="large")
        with left:
            _draw_comparison(check.comparison)
        with right:
            _draw_replay(replay)
        st.caption(f"{count_text(check.cases, 'case')} of its own came out as expected.")


def _draw_comparison(comparison: Comparison) -> None:
    st.markdown("**Against the rules that run now**")
    changed = [f"adds `{each}`" for each in comparison.added] + [f"removes `{each}`" for each in comparison.removed]
    changed += [
        f"changes the {each.field} of `{each.rule_id}` from `{each.before}` to `{each.after}`"
        for each in comparison.changed
    ]
    st.markdown("\n".join(f"- {each}" for each in changed) or "The rules are the same.")
    counts = {way: comparison.count(way) for way in ("looser", "stricter", "by another rule")}
    st.markdown(
        f"Of {comparison.situations:,} situations, **{counts['looser']:,} are decided more loosely**, "
        f"{counts['stricter']:,} more strictly, {counts['by another rule']:,} the same by another rule."
    )
    for shift in comparison.shifts[:MOST_SHIFTS]:
        st.markdown(f"- {shift.direction}: {shift.before} becomes **{shift.after}** for {'; '.join(shift.where)}")
    if len(comparison.shifts) > MOST_SHIFTS:
        st.caption(f"and {len(comparison.shifts) - MOST_SHIFTS} more kinds of situations")


def _draw_replay(replay: Replay) -> None:
    st.markdown(f"**In the newest {count_text(replay.turns, 'turn')}**")
    if not replay.turns:
        st.caption("No turn was taken yet, so there is nothing to decide again.")
        return
    moved = [pair for pair in replay.effects.items() if pair[0][0] != pair[0][1]]
    if not moved:
        st.markdown("Every one comes out the same.")
    rows = [{"Recorded": before, "With it": after, "Turns": turns} for (before, after), turns in moved]
    if rows:
        st.dataframe(rows, hide_index=True, alt="Turns that would come out otherwise")
    st.caption("Recorded findings, decided again. What a turn never reached is not known.")


@st.cache_data(ttl=600, max_entries=16, show_spinner="Reading the rails and deciding past turns again…")
def _checked(version_id: str, change: int | None, key: str) -> tuple[DraftCheck, Replay | None]:
    """Check a version against what is in force since a change; the policies of two ledgers are not mixed up."""
    check = records().policies.check(version_id, places=_places())
    replay = replay_turns(records().ledger, check.policy, limit=REPLAYED) if check.policy else None
    return DraftCheck(check.problems, check.cases, None, check.comparison), replay


@st.cache_resource(show_spinner="Reading the rails…")
def _places() -> Places:
    return shipped_places()


def _draw_steps(actor: Actor, version: PolicyVersion) -> None:
    if version.state == "retired":
        return
    if version.state == "draft" and version.author_id == actor.id:
        st.info("You proposed this, so somebody else has to agree to it.", icon=":material/person:")
    with st.form(f"step {version.id}", border=False):
        why = st.text_input("Why", key=f"why {version.id}", max_chars=MAX_WHY_CHARS, help="The ledger keeps it.")
        with st.container(horizontal=True):
            may_go_on = version.state in NEXT and not (version.state == "draft" and version.author_id == actor.id)
            label, icon = NEXT.get(version.state, ("", ""))
            onward = may_go_on and st.form_submit_button(label, icon=icon, type="primary")
            withdraw = "Take out of force" if version.state == "active" else "Take back"
            back = st.form_submit_button(withdraw, icon=":material/undo:")
    if onward or back:
        _step(actor, version, why, onward=bool(onward))


def _step(actor: Actor, version: PolicyVersion, why: str, *, onward: bool) -> None:
    policies = records().policies
    try:
        if not onward:
            policies.retire(actor, version.id, why=why)
        elif version.state == "draft":
            policies.review(actor, version.id, why=why, places=_places())
        else:
            policies.activate(actor, version.id, why=why, places=_places())
    except InputError as exc:
        st.warning(f"{exc} Nothing was changed.", icon=":material/error:")
        return
    now = policies.get(version.id)
    more = " A running workbench takes it up with the next turn." if now.state == "active" else ""
    _say(f"{now.id} is {VERSION_STATES[now.state].word.lower()} now.{more}")


def _say(text: str) -> None:
    st.session_state[SAID] = text
    st.rerun()


draw_policies()
