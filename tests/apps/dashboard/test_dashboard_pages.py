"""The pages, run by Streamlit's AppTest on real records: their numbers, empty states, rights and verification."""

import dataclasses
import html
import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from apps.chat.drawing import draw
from apps.chat.turn_panel import digests, read_turn_panel, short_digest
from apps.dashboard.session import records
from apps.dashboard.words import score_text
from core.schema import Message
from core.store.tables import Dataset
from governance.records import Records
from governance.scorecard import Score, build_scorecard
from tests.apps.dashboard.conftest import Filled, Open, run_page
from tests.governance.door import closed, open_door


def shown(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def of_agent(app: AppTest, name: str) -> AppTest:
    app.selectbox(key="agent").set_value(name).run()
    assert not app.exception
    return app


def texts(app: AppTest) -> str:
    parts = [*app.title, *app.markdown, *app.caption, *app.info, *app.warning, *app.error, *app.success]
    return "\n".join(part.value for part in parts)


def chart_titles(app: AppTest) -> list[str]:
    return [json.loads(chart.proto.spec)["layout"]["title"]["text"] for chart in app.get("plotly_chart")]


def expected(*scores: Score) -> dict[str, str]:
    return {score.name: score_text(score) for score in scores}


def test_overview_shows_the_scorecard_of_all_turns(open_page: Open) -> None:
    app = open_page("rex")
    facts = records().metrics.turns(days=30)
    card = build_scorecard(facts)
    assert shown(app) == expected(card.trust, card.compliance, card.groundedness, card.satisfaction)
    assert shown(app)["Groundedness"] == "50.0%"  # one quotation of two stands in what it cites
    assert shown(app)["Satisfaction"] == "66.7%"
    assert f"n = {card.satisfaction.n}" in texts(app)
    agents = app.dataframe[0].value.set_index("Agent")
    assert dict(agents["Turns"]) == {"Plain desk": 1, "Travel guide": 3}
    assert agents.loc["Travel guide", "Refused"] == 1
    assert agents.loc["Travel guide", "Groundedness"] == 50.0
    assert agents["Groundedness"].isna()["Plain desk"]  # nothing quoted is not measured, and not 0
    assert list(app.dataframe[1].value["Entry"]) == [fact.entry for fact in facts]


def test_overview_of_one_agent_counts_its_turns_alone(open_page: Open, filled: Filled) -> None:
    app = open_page("rex", agent="Plain desk")
    card = build_scorecard(records().metrics.turns(agent_id=filled.agents["plain"].id, days=30))
    assert shown(app) == expected(card.trust, card.compliance, card.groundedness, card.satisfaction)
    assert shown(app)["Groundedness"] == "–"
    assert "not measured" in texts(app)


def test_overview_compares_agents_by_the_chosen_rate(open_page: Open) -> None:
    app = open_page("rex")
    assert "Compliance by agent, with 95% intervals" in chart_titles(app)
    app = open_page("rex", rate="Groundedness")
    assert "Groundedness by agent, with 95% intervals" in chart_titles(app)


def test_agent_page_shows_every_score_with_its_formula(open_page: Open, filled: Filled) -> None:
    app = of_agent(open_page("rex", "agent_page.py"), "Travel guide")
    card = build_scorecard(records().metrics.turns(agent_id=filled.agents["travel"].id, days=30))
    scores = [value for value in (getattr(card, f.name) for f in dataclasses.fields(card)) if isinstance(value, Score)]
    assert shown(app) == expected(*scores)
    for score in [*scores, *card.principles]:
        assert f"**{score.name}** = {score.formula}" in texts(app)
    percentiles = app.dataframe[0].value.set_index("Milliseconds")
    assert percentiles.loc["Whole turn", "n"] == 3
    assert percentiles.loc["Whole turn", "p95"] == card.turn_time.value


def test_agent_page_shows_the_suites_that_were_asked(
    filled: Filled,
    tmp_path: Path,
    at_home: Callable[[Path], Records],
    signed_in: Callable[[str | None], None],
) -> None:
    figures = [{"category": "all", "right": 9, "n": 10, "rate": 0.9, "low": 0.6, "high": 0.98}]
    copied = at_home(Path(shutil.copytree(filled.home, tmp_path / "asked")))
    signed_in(filled.cookies["rex"])
    body = {"run_id": "r", "suite": "jailbreak", "mode": "door", "figures": figures}
    sealed = copied.ledger.append("evaluation.finished", body, agent_id=filled.agents["idle"].id)
    app = of_agent(run_page("agent_page.py"), "Idle desk")
    assert shown(app) == {"jailbreak": "90.0%"}
    assert [link.proto.query_string for link in app.get("page_link")] == [f"entries={sealed.index}"]


def test_agent_page_says_which_datasets_are_left_out_and_why(
    filled: Filled,
    tmp_path: Path,
    at_home: Callable[[Path], Records],
    signed_in: Callable[[str | None], None],
) -> None:
    copied = at_home(Path(shutil.copytree(filled.home, tmp_path / "outdated")))
    signed_in(filled.cookies["rex"])
    assert "left out of searches" not in labels(of_agent(run_page("agent_page.py"), "Travel guide"))
    with copied.store.write() as session:
        session.get_one(Dataset, "handbook").valid_until = "2025-12-31"
    app = of_agent(run_page("agent_page.py"), "Travel guide")
    assert "1 of 1 dataset left out of searches that you would start" in labels(app)
    assert "**handbook**: It is outdated: it held until 2025-12-31." in texts(app)
    door, bea = open_door(copied.store, ledger=copied.ledger), filled.people["bea"]
    turn = closed(list(door.native_llm.chat(bea, filled.agents["travel"], [Message("user", "What do meals cost?")])))
    said = "Not searched, of the agent's datasets: 1 because of time."
    assert said in texts(run_page("turn_page.py", turn=turn.turn_id))
    panel = read_turn_panel(copied, bea, turn.turn_id)
    assert said in html.unescape(draw("turn", panel=panel, short=short_digest, digests=digests(panel.detail)))


def labels(app: AppTest) -> str:
    return "\n".join(each.label for each in app.expander)


def test_agent_page_offers_the_agents_until_one_is_chosen(open_page: Open) -> None:
    app = open_page("rex", "agent_page.py")
    assert "Choose an agent" in texts(app)
    assert [link.proto.label for link in app.get("page_link")] == ["Idle desk", "Plain desk", "Travel guide"]


def test_agent_page_of_an_agent_without_turns_says_what_to_do(open_page: Open) -> None:
    app = of_agent(open_page("rex", "agent_page.py"), "Idle desk")
    assert "no turn in this window" in texts(app)
    assert not app.metric


def test_turns_are_filtered_by_outcome(open_page: Open) -> None:
    app = open_page("rex", "turns_page.py", outcome="Refused")
    (table,) = app.dataframe
    assert list(table.value["Rule"]) == ["core.integrity.refuse-injection"]
    assert "1 turn, newest first" in texts(app)
    assert "No turn matches" in texts(open_page("rex", "turns_page.py", outcome="Escalated"))


def test_turns_are_narrowed_to_the_entries_behind_a_number(open_page: Open) -> None:
    failures = build_scorecard(records().metrics.turns()).groundedness.failures
    app = open_page("rex", "turns_page.py", entries=str(failures[0]))
    assert list(app.dataframe[0].value["Entry"]) == list(failures)
    app = app.button[0].click().run()
    assert not app.exception
    assert len(app.dataframe[0].value) == 4


def test_turns_of_a_member_are_their_own(open_page: Open) -> None:
    app = open_page("mia", "turns_page.py")
    assert list(app.dataframe[0].value["Agent"]) == ["Plain desk"]
    assert "1 turn of your own" in texts(app)


def test_turn_is_told_in_full_to_a_reviewer(open_page: Open, filled: Filled) -> None:
    turn = filled.turns["quoted"]
    app = open_page("rex", "turn_page.py", turn=turn.turn_id)
    said = [text.value for text in app.text]
    assert said == ["Which meals are paid?", turn.text]
    assert app.title[0].value == ":green[:material/check: Answered]"
    assert "Quotations that stand verbatim in what they cite: 1 of 1." in texts(app)
    decisions, evidence = (frame.value for frame in app.dataframe)
    assert decisions.iloc[-1]["Rule"] == turn.decision.rule_id
    assert list(evidence["Dataset"]) == ["handbook"]
    assert json.loads(app.json[0].value)["released_digest"] == turn.record["released_digest"]


def test_turn_that_was_refused_shows_findings_and_rule(open_page: Open, filled: Filled) -> None:
    app = open_page("rex", "turn_page.py", turn=filled.turns["refused"].turn_id)
    assert app.title[0].value == ":red[:material/shield: Refused]"
    findings = app.dataframe[1].value
    assert set(findings["Rail"]) == {"injection", "guard"}
    assert "nothing was generated" in str(app.table[0].value)


def test_receipt_of_a_turn_verifies_with_the_public_key(open_page: Open, filled: Filled) -> None:
    app = open_page("rex", "turn_page.py", turn=filled.turns["quoted"].turn_id)
    app = next(button for button in app.button if button.label == "Verify receipt").click().run()
    (verified,) = app.success
    assert verified.value.startswith("Verified: entry ")
    assert "sealed one" in verified.value


def test_turn_of_somebody_else_hides_from_a_member(open_page: Open, filled: Filled) -> None:
    app = open_page("mia", "turn_page.py", turn=filled.turns["quoted"].turn_id)
    assert "somebody else's" in app.warning[0].value
    assert not app.text
    assert not app.dataframe


@pytest.mark.parametrize(("turn", "said"), [("", "Choose a turn"), ("nope", "no sealed turn with id 'nope'")])
def test_turn_that_does_not_exist_is_said_so(open_page: Open, turn: str, said: str) -> None:
    assert said in texts(open_page("rex", "turn_page.py", turn=turn))


def test_ledger_page_verifies_every_entry(open_page: Open) -> None:
    app = open_page("rex", "ledger_page.py")
    ledger = records().ledger
    assert app.code[0].value.strip() == str(ledger.latest_checkpoint()).strip()
    assert app.code[1].value == ledger.key
    assert len(app.dataframe[0].value) == ledger.size()
    app = app.button[0].click().run()
    assert app.success[0].value.startswith(f"Verified {ledger.size()} entries in ")
    assert "only a kept checkpoint" in app.success[0].value


def test_ledger_page_holds_the_ledger_against_a_kept_checkpoint(open_page: Open) -> None:
    app = open_page("rex", "ledger_page.py")
    app.text_area[0].set_value(records().ledger.latest_checkpoint() or "")
    app = app.button[0].click().run()
    assert "continues the kept checkpoint" in app.success[0].value
    app.text_area[0].set_value("not a checkpoint")
    app = app.button[0].click().run()
    assert app.error[0].value.startswith("The ledger does not verify.")


def test_ledger_page_shows_the_background_verification(open_page: Open) -> None:
    open_page("rex", "ledger_page.py")
    records().watch_ledger().examine()
    app = open_page("rex", "ledger_page.py")
    assert f"{records().ledger.size()} entries in " in app.success[0].value
    assert any("No witness" in caption.value for caption in app.caption)


@pytest.mark.parametrize("page", ["agent_page.py", "ledger_page.py"])
def test_page_is_closed_to_a_role_without_the_right(open_page: Open, page: str) -> None:
    app = open_page("mia", page)
    assert "Your role, member, does not open this page" in app.info[0].value
    assert not app.dataframe
    assert not app.code
    assert not app.metric


def test_member_is_led_from_the_overview_to_their_turns(open_page: Open) -> None:
    app = open_page("mia")
    assert app.title[0].value == "Turns"
    assert not app.metric


@pytest.mark.parametrize("cookie", [None, "forged"])
def test_nothing_is_shown_without_a_session(
    cookie: str | None,
    filled: Filled,
    at_home: Callable[[Path], Records],
    signed_in: Callable[[str | None], None],
) -> None:
    at_home(filled.home)
    signed_in(cookie)
    app = run_page()
    assert "Sign in at the chat app" in app.info[0].value
    assert not app.metric
    assert not app.dataframe


def test_session_that_ended_shows_nothing_more(
    open_page: Open, filled: Filled, signed_in: Callable[[str | None], None]
) -> None:
    identity = records().identity
    cookie = identity.sign_in("rex", "seven-otters-swim-north", address="127.0.0.1").cookie
    signed_in(cookie)
    app = run_page()
    assert app.metric
    identity.sign_out(cookie)
    app = app.run()
    assert "Sign in at the chat app" in app.info[0].value
    assert not app.metric


def test_pages_of_an_empty_installation_say_what_to_do(
    tmp_path: Path, at_home: Callable[[Path], Records], signed_in: Callable[[str | None], None]
) -> None:
    identity = at_home(tmp_path / "empty").identity
    admin, one_time = identity.first_admin()
    assert admin is not None
    signed_in(identity.sign_in("admin", one_time, address="127.0.0.1").cookie)
    assert "Sign in" in run_page().info[0].value  # the one-time password must be changed first
    signed_in(identity.change_password(admin, current=one_time, new="seven-otters-swim-north").cookie)
    for page, said in (
        ("overview_page.py", "Ask an agent something"),
        ("agent_page.py", "Create one in the chat app"),
        ("turns_page.py", "No turn matches"),
        ("ledger_page.py", "The ledger is empty"),
    ):
        app = run_page(page)
        assert said in app.info[0].value
        assert not app.metric


def test_broken_ledger_is_told_as_an_error(
    filled: Filled,
    tmp_path: Path,
    at_home: Callable[[Path], Records],
    signed_in: Callable[[str | None], None],
) -> None:
    home = tmp_path / "altered"
    shutil.copytree(filled.home, home)
    at_home(home)
    signed_in(filled.cookies["rex"])
    entry = records().metrics.turns()[-1].entry
    with sqlite3.connect(home / "promethios.db") as database:
        database.execute(
            "UPDATE ledger_entries SET body = replace(body, 'answered', 'refused') WHERE \"index\" = ?", (entry,)
        )
    app = run_page("ledger_page.py").button[0].click().run()
    assert f"Entry {entry}" in app.error[0].value
    turn_id = filled.turns["quoted"].turn_id
    assert "does not prove this turn" in texts(run_page("turn_page.py", turn=turn_id))
