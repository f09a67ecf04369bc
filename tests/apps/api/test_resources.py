"""The other resources: agents, datasets, turns, scorecards, status, health, and the reference page."""

import sqlite3
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import httpx
import pytest
from sqlalchemy import update

from core.store.tables import Dataset
from governance.schema import AgentView
from governance.scorecard import build_scorecard
from governance.turns import turn_facts
from tests.apps.live import Live, open_live

API = "/api/native-llm"
DRAFT = {"name": "Made by test", "purpose": "Answers in this test.", "profile": "echo"}


@pytest.fixture
def mia(live: Live) -> Iterator[httpx.Client]:
    with live.client("mia") as client:
        yield client


@pytest.fixture
def rex(live: Live) -> Iterator[httpx.Client]:
    with live.client("rex") as client:
        yield client


def _ask(client: httpx.Client, agent: AgentView, message: str) -> dict[str, object]:
    answer: dict[str, object] = client.post(f"{API}/chat", json={"agent_id": agent.id, "message": message}).json()
    return answer


def test_status_says_what_runs(live: Live, mia: httpx.Client) -> None:
    status = mia.get(f"{API}/status").json()
    assert status["model"]["profile"] == "echo"
    assert status["policy_digest"] == live.workbench.governance.policy_digest
    assert status["rails"] == live.workbench.governance.rail_versions
    assert status["ledger_entries"] == live.workbench.records.ledger.size()
    assert status["ledger_key"] == live.workbench.records.ledger.key


def test_agents_are_made_changed_and_retired_by_who_may(live: Live, mia: httpx.Client) -> None:
    with live.client("bea") as bea:
        made = bea.post(f"{API}/agents", json=DRAFT)
        assert made.status_code == 201
        url = f"{API}/agents/{made.json()['id']}"
        assert mia.get(url).json() == made.json()
        assert mia.put(url, json=DRAFT).status_code == 403
        assert mia.delete(url).status_code == 403
        changed = bea.put(url, json=DRAFT | {"level": "maximum"}).json()
        assert (changed["level"], changed["id"]) == ("maximum", made.json()["id"])
        wider = {"domain": "legal", "allow": ["help@larkfield.example"], "scope": "stated"}
        assert bea.put(url, json=DRAFT | wider).json().items() >= wider.items()
        assert bea.post(f"{API}/agents", json=DRAFT).status_code == 400
        assert bea.delete(url).status_code == 204
    assert made.json()["id"] not in {each["id"] for each in mia.get(f"{API}/agents").json()}
    assert made.json()["id"] in {each["id"] for each in mia.get(f"{API}/agents", params={"retired": True}).json()}
    refused = mia.post(f"{API}/agents", json=DRAFT)
    assert refused.status_code == 403
    assert "member" in refused.json()["error"]["message"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_an_unknown_agent_is_404(live: Live, method: str) -> None:
    with live.client("admin") as admin:
        answer = admin.request(method, f"{API}/agents/unknown", **({"json": DRAFT} if method == "PUT" else {}))
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"level": "none"}, 422),
        ({"governance_enabled": False}, 422),
        ({"profile": "other"}, 400),
        ({"name": "x"}, 422),
        ({"domain": "x"}, 422),
        ({"allow": ["4111 1111 1111 1111"]}, 422),
    ],
)
def test_a_bad_agent_is_refused(live: Live, change: dict[str, object], status: int) -> None:
    with live.client("bea") as bea:
        assert bea.post(f"{API}/agents", json=DRAFT | change).status_code == status


def test_datasets_are_listed_found_and_read(mia: httpx.Client) -> None:
    assert "cafe-rules" in [each["id"] for each in mia.get(f"{API}/datasets").json()["datasets"]]
    found = mia.get(f"{API}/datasets", params={"search": "guests", "tier": "internal"}).json()
    assert found["datasets"][0]["title"] == "Café rules"
    assert found["counts"]["tier"] == {"internal": found["total"]}
    assert mia.get(f"{API}/datasets", params={"search": "submarine"}).json()["datasets"] == []
    detail = mia.get(f"{API}/datasets/cafe-rules").json()
    assert detail["report"]["approval"]["outcome"] == "approved"
    assert detail["report"]["scan"]["personal"] == {}
    one = detail["dataset"]
    page = mia.get(f"{API}/datasets/cafe-rules/chunks").json()
    assert page["total"] == one["chunks"] == len(page["chunks"])
    assert "nine in the morning" in page["chunks"][0]["text"]
    assert mia.get(f"{API}/datasets/cafe-rules/chunks", params={"offset": 100}).json()["chunks"] == []
    assert mia.get(f"{API}/datasets/unknown").status_code == 404
    assert mia.get(f"{API}/datasets/unknown/chunks").status_code == 404
    assert mia.get(f"{API}/datasets/cafe-rules/chunks", params={"limit": 0}).status_code == 422


def test_chunks_of_a_restricted_dataset_need_their_own_right(live: Live, mia: httpx.Client) -> None:
    def set_tier(tier: str) -> None:
        with live.workbench.records.store.write() as session:
            session.execute(update(Dataset).values(tier=tier))

    set_tier("restricted")
    try:
        assert mia.get(f"{API}/datasets/cafe-rules").status_code == 200
        assert mia.get(f"{API}/datasets/cafe-rules/chunks").status_code == 403
        with live.client("admin") as admin:
            assert admin.get(f"{API}/datasets/cafe-rules/chunks").status_code == 200
    finally:
        set_tier("internal")


def test_turns_are_seen_by_their_person_and_by_reviewers(
    live: Live, mia: httpx.Client, rex: httpx.Client, echo: AgentView
) -> None:
    turn = _ask(mia, echo, "For my eyes.")["turn_id"]
    url = f"{API}/turns/{turn}"
    detail = mia.get(url).json()
    assert detail["content"]["answer"] == "For my eyes."
    assert detail["record"]["outcome"] == "answered"
    assert detail["receipt"]
    assert rex.get(url).json()["content"]["answer"] == "For my eyes."
    assert turn in {each["turn_id"] for each in rex.get(f"{API}/turns", params={"agent_id": echo.id}).json()["turns"]}
    with live.client("max") as other:
        assert other.get(url).status_code == 403
        page = other.get(f"{API}/turns").json()
        assert {each["actor_id"] for each in page["turns"]} <= {live.people["max"].id}
    assert mia.get(f"{API}/turns/unknown").status_code == 404


def test_turns_come_in_pages(mia: httpx.Client, echo: AgentView) -> None:
    for number in range(3):
        _ask(mia, echo, f"turn {number}")
    whole = mia.get(f"{API}/turns", params={"limit": 500}).json()
    assert whole["total"] == len(whole["turns"]) >= 3
    second = mia.get(f"{API}/turns", params={"offset": 1, "limit": 1}).json()
    assert second["turns"] == whole["turns"][1:2]


def test_a_person_rates_their_own_turn_only(live: Live, mia: httpx.Client, rex: httpx.Client, echo: AgentView) -> None:
    turn = _ask(mia, echo, "Rate me.")["turn_id"]
    url = f"{API}/turns/{turn}/rating"
    assert mia.post(url, json={"helpful": True, "reason": "short"}).status_code == 204
    assert mia.get(f"{API}/turns/{turn}").json()["fact"]["rating"] == 1
    assert rex.post(url, json={"helpful": False}).status_code == 403
    assert mia.post(url, json={"helpful": False, "user_id": "x"}).status_code == 422
    assert mia.post(f"{API}/turns/unknown/rating", json={"helpful": True}).status_code == 404


def test_the_scorecard_is_what_the_ledger_gives(
    live: Live, mia: httpx.Client, rex: httpx.Client, cafe: AgentView
) -> None:
    _ask(mia, cafe, "When does the café close?")
    answer = rex.get(f"{API}/scorecard", params={"agent_id": cafe.id}).json()
    expected = build_scorecard(turn_facts(live.workbench.records.ledger, agent_id=cafe.id))
    assert answer["scores"]["turns"] == expected.turns > 0
    assert answer["scores"]["compliance"]["value"] == expected.compliance.value
    assert answer["scores"]["trust"]["entries"] == list(expected.trust.entries)
    assert answer["scores"]["uptime"]["value"] is None
    assert answer["agent_name"] == "Café"
    posted = rex.post(f"{API}/scorecard", json={"agent_id": cafe.id}).json()
    assert posted["scores"] == answer["scores"]
    figures = rex.get(f"{API}/governance/{cafe.id}").json()
    assert figures["turns"] == answer["governance"]["turns"] == expected.turns
    assert figures["compliance"]["n"] == asdict(expected)["compliance"]["n"]
    assert rex.get(f"{API}/scorecard").json()["governance"] is None


def test_scorecards_need_the_right_and_a_known_agent(mia: httpx.Client, rex: httpx.Client, cafe: AgentView) -> None:
    assert mia.get(f"{API}/scorecard").status_code == 403
    assert mia.get(f"{API}/governance/{cafe.id}").status_code == 403
    assert rex.get(f"{API}/governance/unknown").status_code == 404
    assert rex.post(f"{API}/scorecard", json={"agent_id": "unknown"}).status_code == 404
    assert rex.post(f"{API}/scorecard", json={"user_id": "x"}).status_code == 422
    assert rex.get(f"{API}/scorecard", params={"days": 0}).status_code == 422


def test_health_is_open_and_names_what_is_missing(live: Live) -> None:
    with live.client() as nobody:
        assert nobody.get("/health/live").json() == {"status": "live"}
        assert nobody.get("/health/ready").json() == {"ready": True, "missing": []}


@pytest.mark.parametrize(("table", "part"), [("ledger_checkpoints", "ledger"), ("datasets", "catalog")])
def test_health_names_the_part_that_does_not_work(tmp_path: Path, table: str, part: str) -> None:
    with open_live(tmp_path) as broken:
        with sqlite3.connect(tmp_path / "promethios.db") as database:
            database.execute(f"ALTER TABLE {table} RENAME TO gone")
        database.close()
        answer = httpx.get(f"{broken.url}/health/ready")
        assert (answer.status_code, answer.json()) == (503, {"ready": False, "missing": [part]})
        assert httpx.get(f"{broken.url}/health/live").status_code == 200


def test_health_names_a_ledger_whose_last_verification_failed(tmp_path: Path) -> None:
    with open_live(tmp_path) as broken:
        broken.workbench.records.ledger.append("note", {})
        with sqlite3.connect(tmp_path / "promethios.db") as database:
            database.execute("UPDATE ledger_entries SET body = replace(body, 'at', 'ta') WHERE \"index\" = 0")
        database.close()
        assert broken.workbench.records.watch_ledger().examine().problem
        answer = httpx.get(f"{broken.url}/health/ready")
        assert (answer.status_code, answer.json()) == (503, {"ready": False, "missing": ["ledger"]})


def test_the_reference_page_needs_no_script_and_lists_every_endpoint(mia: httpx.Client) -> None:
    page = mia.get("/api/docs", headers={"accept": "text/html"})
    assert page.status_code == 200
    assert "<script" not in page.text
    document = mia.get("/api/openapi.json").json()
    for path in document["paths"]:
        assert path in page.text
    assert "ErrorAnswer" in document["components"]["schemas"]


def test_an_unknown_api_path_and_method_answer_in_the_error_model(mia: httpx.Client) -> None:
    for answer in (mia.delete(f"{API}/chat"), mia.get(f"{API}/unknown"), mia.get("/api/")):
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
