"""The page on which people decide on datasets that no rule let into use."""

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from apps.dashboard.dataset_rows import use_row
from apps.dashboard.session import records
from core.config import load_settings
from core.store.database import Store
from core.store.tables import Dataset, DatasetVersion
from governance.dataset_use import measure_use
from governance.records import Records, open_records, utc_now
from tests.apps.dashboard.conftest import MASTER_KEY, PASSWORD, Open, run_page
from tests.apps.dashboard.test_review_pages import press, texts

FOUND = {"texts": 4, "scanned": 4, "personal": {"email": 3}, "secrets": {}, "injected": {}}


@pytest.fixture
def open_as(
    tmp_path: Path, at_home: Callable[[Path], Records], signed_in: Callable[[str | None], None]
) -> Callable[[str], AppTest]:
    """Open the page over a letter box that waits and a sign that is quarantined."""
    home = tmp_path / "home"
    opened = open_records(load_settings(home=home, master_key=MASTER_KEY))
    admin, one_time = opened.identity.first_admin()
    assert admin is not None
    opened.identity.change_password(admin, current=one_time, new=PASSWORD)
    cookies = {}
    for name, role in (("rex", "reviewer"), ("mia", "member")):
        opened.identity.create_user(admin, name, role=role, password=PASSWORD, must_change_password=False)
        cookies[name] = opened.identity.sign_in(name, PASSWORD, address="127.0.0.1").cookie
    _put(opened.store, "letters", state="scanned", outcome="waits", reason="It holds personal data.")
    _put(opened.store, "signs", state="quarantined", outcome="quarantined", reason="It gives orders.")
    opened.close()
    at_home(home)

    def run_as(name: str) -> AppTest:
        signed_in(cookies[name])
        return run_page("datasets_page.py")

    return run_as


def _put(store: Store, dataset_id: str, *, state: str, outcome: str, reason: str) -> None:
    now = utc_now()
    card = {"description": "d", "category": "Education", "licence": "own", "source": "s", "tier": "internal"}
    approval = {"outcome": outcome, "reason": reason, "rule": "findings.personal", "by": "", "role": "", "at": ""}
    with store.write() as session:
        session.add(
            Dataset(
                id=dataset_id, title=dataset_id.title(), labels=[], state=state, created_at=now, updated_at=now, **card
            )
        )
        session.flush()
        session.add(
            DatasetVersion(
                dataset_id=dataset_id,
                version=f"sha256:{dataset_id}",
                documents=1,
                chunks=1,
                bytes=1,
                created_at=now,
                approval=approval,
                scan=FOUND,
            )
        )


def test_a_reviewer_sees_why_and_what_was_found_quarantined_first_and_decides(
    open_as: Callable[[str], AppTest],
) -> None:
    app = open_as("rex")
    shown = texts(app)
    for fact in ("2 datasets", "Signs: quarantined", "It gives orders.", "3 e-mail addresses", "All 4 texts"):
        assert fact in shown
    assert "Nothing was changed" in texts(press(app, "Approve"))  # a decision needs a reason
    app.text_area[0].set_value("A sign from a film, not an order.")
    after = texts(press(app, "Approve"))
    assert "Signs: Approved." in after
    assert "1 dataset" in after
    app.text_area[0].set_value("Their writers never agreed.")
    assert "No dataset waits for a person." in texts(press(app, "Refuse"))


def test_the_page_is_for_those_who_decide(open_as: Callable[[str], AppTest]) -> None:
    assert "does not open this page" in texts(open_as("mia"))


def test_the_use_of_datasets_is_measured(open_page: Open) -> None:
    app = open_page("rex", "datasets_page.py")
    assert "No dataset waits for a person." in texts(app)
    (row,) = app.dataframe[0].value.to_dict("records")
    assert (row["Dataset"], row["Agents"]) == ("handbook", "Travel guide")
    assert row["Found by"] == 2
    citing = [fact for fact in records().metrics.turns() if "handbook" in fact.cited_datasets]
    assert row["Judged"] == len([fact for fact in citing if fact.rating is not None]) > 0


def test_what_was_not_measured_is_no_number(open_page: Open) -> None:
    open_page("rex", "datasets_page.py")
    unused = use_row(measure_use(records().store, [], "handbook"))
    assert unused["Found by"] == 0
    assert (unused["Cited"], unused["Supported"], unused["Complained"]) == (None, None, None)
