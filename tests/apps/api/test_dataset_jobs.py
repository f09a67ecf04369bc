"""Adding data over HTTP: the job, its end, its refusals, and a restart in the middle."""

import hashlib
import io
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import update
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from core.datasets.card import DatasetCard
from core.store.tables import DatasetJob
from governance.dataset_jobs import DatasetJobs
from governance.records import utc_now
from tests.apps.live import UPLOAD_MB, Live, serving

API = "/api/native-llm"
NOTES = b"# Boats\n\n## Rental\n\nA rowing boat costs nine pounds an hour.\n"
CARD = DatasetCard(
    id="boats",
    title="Boats",
    description="What boats cost.",
    category="Education",
    licence="CC0-1.0",
    source="written for a test",
    tier="internal",
    labels=[],
)
PRICES = b"boat,price\nrowing boat,9\npedal boat,12\n"


@pytest.fixture
def bea(live: Live) -> Iterator[httpx.Client]:
    with live.client("bea") as client:
        yield client


def _send(client: httpx.Client, *files: tuple[str, bytes], **fields: str) -> httpx.Response:
    return client.post(f"{API}/datasets", data=fields, files=[("files", (name, data)) for name, data in files])


def _ended(client: httpx.Client, job_id: str) -> dict[str, object]:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        job: dict[str, object] = client.get(f"{API}/datasets/jobs/{job_id}").json()
        if job["state"] not in ("waiting", "running"):
            return job
        time.sleep(0.05)
    pytest.fail("the job did not end")


def test_files_become_a_dataset_and_their_upload_goes(live: Live, bea: httpx.Client) -> None:
    sent = _send(
        bea, ("Boats/notes.md", NOTES), ("Boats/prices.csv", PRICES), title="Boat hire", purposes="Customer support"
    )
    assert sent.status_code == 202, sent.text
    job = _ended(bea, sent.json()["id"])
    assert (job["state"], job["dataset_id"], job["reason"]) == ("done", "boat-hire", "")
    dataset = bea.get(f"{API}/datasets/boat-hire").json()["dataset"]
    assert (dataset["documents"], dataset["tier"], dataset["licence"]) == (2, "internal", "unknown")
    places = {chunk["place"] for chunk in bea.get(f"{API}/datasets/boat-hire/chunks").json()["chunks"]}
    assert {"Rental", "Rows 1-2"} <= places
    assert not (live.workbench.records.settings.data_folder / "uploads" / str(job["id"])).exists()


def test_days_of_validity_are_kept_and_no_days_are_refused_with_a_sentence(bea: httpx.Client) -> None:
    sent = _send(bea, ("a.md", NOTES), title="Skiffs", valid_from="2026-01-01", valid_until="2099-12-31")
    _ended(bea, sent.json()["id"])
    dataset = bea.get(f"{API}/datasets/skiffs").json()["dataset"]
    assert (dataset["valid_from"], dataset["valid_until"]) == ("2026-01-01", "2099-12-31")
    for days, said in (("someday", "The last day: "), ("2025-12-31", "The days: ")):
        answer = _send(bea, ("a.md", NOTES), title="Yawls", valid_from="2026-01-01", valid_until=days)
        assert answer.status_code == 400
        assert answer.json()["error"]["message"].startswith(said)


def test_a_file_is_fetched_by_its_address_and_its_origin_and_digest_are_kept(bea: httpx.Client) -> None:
    web = Starlette(routes=[Route("/guides/boats.md", lambda _: PlainTextResponse(NOTES))])
    with serving(web) as url:
        sent = _send(bea, title="Boats on the web", address=f"{url}/guides/boats.md?page=1")
        assert sent.status_code == 202, sent.text
        assert _ended(bea, sent.json()["id"])["state"] == "done"
    dataset = bea.get(f"{API}/datasets/boats-on-the-web").json()["dataset"]
    assert dataset["source"] == f"{url}/guides/boats.md?page=1 (sha256:{hashlib.sha256(NOTES).hexdigest()})"


@pytest.mark.parametrize("address", ["file:///etc/passwd", "http://127.0.0.1:1/a.csv"])
def test_what_cannot_be_fetched_is_refused_with_the_reason_and_leaves_nothing(
    live: Live, bea: httpx.Client, address: str
) -> None:
    folder = live.workbench.records.settings.data_folder / "uploads"
    before = set(folder.iterdir())
    sent = _send(bea, title="Elsewhere", address=address)
    assert sent.status_code == 400
    assert "can't be fetched" in sent.json()["error"]["message"]
    assert set(folder.iterdir()) == before


def test_a_title_that_is_taken_is_refused_and_a_newer_version_is_not(bea: httpx.Client) -> None:
    for _ in range(2):
        sent = _send(bea, ("a.md", NOTES), title="Canoes")
        if sent.status_code == 202:
            _ended(bea, sent.json()["id"])
    assert sent.status_code == 400
    assert "exists already" in sent.json()["error"]["message"]
    before = bea.get(f"{API}/datasets/canoes").json()["dataset"]["active_version"]
    newer = _send(bea, ("a.md", NOTES + b"\nCanoes too.\n"), title="Canoes", renew="canoes")
    assert _ended(bea, newer.json()["id"])["state"] == "done"
    assert bea.get(f"{API}/datasets/canoes").json()["dataset"]["active_version"] != before


def test_a_file_that_cannot_be_read_fails_the_job_with_its_name_and_keeps_nothing(
    live: Live, bea: httpx.Client
) -> None:
    sent = _send(bea, ("broken.pdf", b"no pdf at all"), title="Broken")
    job = _ended(bea, sent.json()["id"])
    assert job["state"] == "failed"
    assert "broken.pdf" in str(job["reason"])
    assert str(live.workbench.records.settings.data_folder) not in str(job["reason"])
    assert bea.get(f"{API}/datasets/broken").status_code == 404
    assert bea.delete(f"{API}/datasets/jobs/{job['id']}").json()["state"] == "cancelled"
    assert not (live.workbench.records.settings.data_folder / "uploads" / str(job["id"])).exists()


@pytest.mark.parametrize("name", ["../outside.md", "/etc/passwd", "a/../../b.md", "a\\b.md", "n" * 300])
def test_a_name_that_leads_elsewhere_is_refused(live: Live, bea: httpx.Client, name: str) -> None:
    uploads = live.workbench.records.settings.data_folder / "uploads"
    before = set(uploads.iterdir()) if uploads.exists() else set()
    assert _send(bea, (name, NOTES), title="Elsewhere").status_code in (400, 422)
    assert set(uploads.iterdir()) == before


def test_who_may_not_add_data_is_refused_and_sees_no_job_of_others(live: Live, bea: httpx.Client) -> None:
    sent = _send(bea, ("a.md", NOTES), title="Punts")
    _ended(bea, sent.json()["id"])
    with live.client("mia") as mia:
        assert _send(mia, ("a.md", NOTES), title="Rafts").status_code == 403
        assert mia.get(f"{API}/datasets/jobs/{sent.json()['id']}").status_code == 404
        assert mia.delete(f"{API}/datasets/jobs/{sent.json()['id']}").status_code == 404
        assert mia.get(f"{API}/datasets/jobs").json() == []


def test_an_upload_over_the_limit_is_refused_with_a_sentence(bea: httpx.Client) -> None:
    answer = _send(bea, ("big.txt", b"word " * (1 << 20)), title="Big")
    assert answer.status_code == 413
    assert f"one upload may have {UPLOAD_MB} MB" in answer.json()["error"]["message"]


def test_what_cannot_be_read_is_left_out_and_named_when_asked(bea: httpx.Client) -> None:
    files = ("notes.md", NOTES), ("ragged.csv", b"a,b\n1,2\n3,4,5,6\n7,8\n")
    job = _ended(bea, _send(bea, *files, title="Ferries").json()["id"])
    assert job["state"] == "failed"
    assert "ragged.csv, line 3" in str(job["reason"])
    again = bea.post(f"{API}/datasets/jobs/{job['id']}/retry", json={"skip_bad": True})
    assert again.status_code == 200, again.text
    job = _ended(bea, str(job["id"]))
    assert (job["state"], job["problem_count"]) == ("done", 1)
    assert "ragged.csv, line 3" in str(job["problems"])
    assert bea.post(f"{API}/datasets/jobs/{job['id']}/retry", json={}).status_code == 400


@pytest.mark.parametrize("state", ["waiting", "running"])
def test_a_job_that_a_stop_interrupted_is_taken_up_again(live: Live, tmp_path: Path, state: str) -> None:
    admin, store = live.people["admin"], live.workbench.records.store

    def opened() -> DatasetJobs:
        return DatasetJobs(
            store, live.workbench.datasets, folder=tmp_path, clock=utc_now, new_id=lambda: f"left-{state}", lost_s=0.1
        )

    before = opened()
    before.close()  # from here on nothing runs, as when the process is gone
    upload = before.begin(admin)
    upload.add("notes.md", io.BytesIO(NOTES))
    with pytest.raises(RuntimeError):
        before.start(admin, upload, CARD.model_copy(update={"id": f"boats-{state}"}), skip_bad=False)
    with store.write() as session:
        session.execute(update(DatasetJob).where(DatasetJob.id == upload.id).values(state=state))
    after = opened()
    assert after.resume() == 1
    deadline = time.monotonic() + 30
    while after.get(admin, upload.id).is_open and time.monotonic() < deadline:
        time.sleep(0.05)
    assert after.get(admin, upload.id).state == "done"
    assert not upload.folder.exists()
    after.close()


def test_undeclared_personal_data_waits_until_a_reviewer_approves_it_and_then_comes_into_use(
    bea: httpx.Client, live: Live
) -> None:
    letters = "".join(f"Write to person{n}@larkfield.example about order {n}.\n\n" for n in range(30)).encode()
    job = _ended(bea, _send(bea, ("letters.md", letters), title="Letters to us").json()["id"])
    assert job["state"] == "done"
    assert "personal data" in str(job["reason"])
    assert bea.get(f"{API}/datasets/letters-to-us").status_code == 404
    decision = {"decision": "approve", "reason": "Invented addresses."}
    assert bea.patch(f"{API}/datasets/letters-to-us", json=decision).status_code == 403
    with live.client("rex") as rex:
        assert "letters-to-us" in [each["dataset_id"] for each in rex.get(f"{API}/review/datasets").json()]
        approved = rex.patch(f"{API}/datasets/letters-to-us", json=decision)
        assert approved.status_code == 200, approved.text
        assert rex.patch(f"{API}/datasets/letters-to-us", json=decision | {"reason": ""}).status_code == 422
    live.workbench.datasets.index_approved()  # as the server does every few seconds
    assert bea.get(f"{API}/datasets/letters-to-us").json()["report"]["approval"]["outcome"] == "approved"
    assert bea.delete(f"{API}/datasets/letters-to-us", params={"reason": "Old."}).status_code == 403
    with live.client("admin") as admin:
        assert admin.delete(f"{API}/datasets/letters-to-us").status_code == 422
        assert admin.delete(f"{API}/datasets/letters-to-us", params={"reason": "Old."}).status_code == 204
    assert bea.get(f"{API}/datasets/letters-to-us").status_code == 404
