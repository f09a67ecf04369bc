import time
from pathlib import Path

import pytest

from apps.chat.chat_screen import ChatScreen
from apps.chat.datasets_screen import DatasetsScreen, draw_adding, size_text
from apps.chat.frames import Sent, View
from core.config import load_settings
from core.datasets.card import DatasetCard, slug_of
from governance.dataset_jobs import JobView
from governance.datasets import REVIEWED
from governance.errors import AccessDenied, InputError
from governance.schema import AgentView
from tests.apps.live import CARD, Live


@pytest.fixture
def datasets(live: Live, screen: ChatScreen) -> DatasetsScreen:
    return DatasetsScreen(live.workbench, show_agent=screen.show_agent)


def test_the_list_narrows_by_words_and_facets_and_says_how_many(
    datasets: DatasetsScreen, live: Live, garden: AgentView
) -> None:
    mia = live.people["mia"]
    everything = datasets.datasets(mia, Sent(), View()).found or ""
    assert "Café rules" in everything
    assert "garden-rules" in everything
    narrowed = datasets.datasets(mia, Sent(text="garden"), View()).found or ""
    assert "garden-rules" in narrowed
    assert "Café rules" not in narrowed
    none = datasets.datasets(mia, Sent(text="garden", category="Healthcare"), View()).found or ""
    assert "No dataset matches" in none


def test_only_those_who_may_are_offered_to_add_and_retire(datasets: DatasetsScreen, live: Live) -> None:
    for name, may_add, may_retire in (("mia", False, False), ("bea", True, False), ("admin", True, True)):
        actor = live.people[name]
        assert ("data-may-add" in (datasets.datasets(actor, Sent(), View()).found or "")) is may_add
        page = datasets.dataset(actor, Sent(dataset="cafe-rules"), View()).dataset or ""
        assert ("Add a newer version" in page) is may_add
        assert ('data-do="retire_dataset"' in page) is may_retire
    with pytest.raises(AccessDenied):
        datasets.retire_dataset(live.people["bea"], Sent(dataset="cafe-rules"), View())


def test_a_dataset_shows_what_it_is_what_it_says_and_who_uses_it(
    datasets: DatasetsScreen, live: Live, cafe: AgentView
) -> None:
    page = datasets.dataset(live.people["mia"], Sent(dataset="cafe-rules"), View()).dataset or ""
    for fact in (
        "Café rules",
        "What guests may expect.",
        "CC0-1.0",
        "The café opens at nine",
        "Opening",
        cafe.name,
        "in the last 30 days",
    ):
        assert fact in page


def test_asking_opens_the_agent_that_uses_it_and_makes_one_where_there_is_none(
    datasets: DatasetsScreen, live: Live, garden: AgentView
) -> None:
    opened = datasets.ask_about(live.people["mia"], Sent(dataset="garden-rules"), View())
    assert f'data-agent="{garden.id}"' in (opened.thread or "")
    live.workbench.records.agents.retire(live.people["admin"], garden.id)
    try:
        with pytest.raises(InputError, match="only builders"):
            datasets.ask_about(live.people["mia"], Sent(dataset="garden-rules"), View())
        made = datasets.ask_about(live.people["bea"], Sent(dataset="garden-rules"), View())
        assert "About garden-rules" in (made.thread or "")
    finally:
        for agent in live.workbench.records.agents.list():
            if agent.name == "About garden-rules":
                live.workbench.records.agents.retire(live.people["admin"], agent.id)


def test_what_waits_leads_its_owner_to_the_reason_and_a_reviewer_to_the_decision(
    datasets: DatasetsScreen, live: Live, tmp_path: Path
) -> None:
    jobs, bea, rex, notes = live.workbench.jobs, live.people["bea"], live.people["rex"], tmp_path / "notes.md"
    notes.write_text("".join(f"Write to person{n}@larkfield.example about place {n}.\n\n" for n in range(30)))
    job = _added(live, notes, title="Guest list", skip_bad=False)
    view = View(dashboard="https://bench.example:8501/")
    reason = jobs.get(bea, job.id).reason
    assert reason
    listed = datasets.datasets(bea, Sent(), view).found or ""
    assert "Guest list" in listed
    assert "Quarantined until a reviewer looks at it" in listed
    page = datasets.job(bea, Sent(job=job.id), view).job or ""
    assert reason in page
    assert "bench.example" not in listed + page
    assert "bench.example:8501/datasets" in (datasets.datasets(rex, Sent(), view).found or "")
    live.workbench.records.datasets.quarantine(rex, "guest-list", reason="Ask the guests first.")
    page = datasets.job(bea, Sent(job=job.id), view).job or ""
    assert "Refused by a reviewer" in page
    assert "Ask the guests first." in page


def test_files_of_which_nothing_can_be_read_are_named_and_others_asked_for(
    datasets: DatasetsScreen, live: Live, tmp_path: Path
) -> None:
    broken = tmp_path / "photo.pdf"
    broken.write_bytes(b"no PDF at all")
    job = _added(live, broken, title="Broken", skip_bad=True)
    page = datasets.job(live.people["bea"], Sent(job=job.id), View()).job or ""
    for words in ("What was uploaded holds no text", "Add other files", "Could not be read", "photo.pdf"):
        assert words in page
    assert "without what can't be read" not in page
    live.workbench.jobs.cancel(live.people["bea"], job.id)


def _added(live: Live, path: Path, *, title: str, skip_bad: bool) -> JobView:
    """Add a file as bea does, and wait until its job is done."""
    jobs, bea = live.workbench.jobs, live.people["bea"]
    upload = jobs.begin(bea)
    with path.open("rb") as file:
        upload.add(path.name, file)
    card = {"id": slug_of(title), "title": title, "description": "Who comes.", "category": "Education"}
    rest = {"licence": "unknown", "source": "written for a test", "tier": "internal", "labels": []}
    job = jobs.start(bea, upload, DatasetCard.model_validate(card | rest), skip_bad=skip_bad)
    _wait(live, job.id)
    return job


def _wait(live: Live, job_id: str) -> None:
    deadline = time.monotonic() + 30
    while live.workbench.jobs.get(live.people["admin"], job_id).is_open:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_form_states_the_limit() -> None:
    assert "64 MB in all" in draw_adding(load_settings(max_upload_mb=64))


@pytest.mark.parametrize(
    ("size", "text"), [(1, "1 byte"), (640, "640 bytes"), (12_345, "12 KB"), (3_400_000, "3.4 MB")]
)
def test_sizes_are_said_as_people_do(size: int, text: str) -> None:
    assert size_text(size) == text


def test_the_page_says_what_columns_hold_and_what_the_checks_found(
    datasets: DatasetsScreen, live: Live, tmp_path: Path
) -> None:
    (tmp_path / "dataset.yaml").write_text(CARD.replace("cafe-rules", "boats").replace("Café rules", "Boats"))
    rows = "".join(f"boat {n},{n},lake\n" for n in range(30))
    (tmp_path / "prices.csv").write_text(f"boat,price,where\n{rows}")
    live.workbench.datasets.ingest(tmp_path)
    page = datasets.dataset(live.people["mia"], Sent(dataset="boats"), View()).dataset or ""
    for fact in ("30 rows, 3 columns", "0 to 29, mean 14.5", "<svg", "Every row holds the same", "All ", "By rule"):
        assert fact in page
    retired = datasets.retire_dataset(live.people["admin"], Sent(dataset="boats"), View()).found or ""
    assert '"#dataset/boats"' not in retired
    *_, entry = live.workbench.records.ledger.entries(kinds=[REVIEWED])
    assert (entry.body["dataset_id"], entry.body["path"]) == ("boats", ["retired"])
