import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from sqlalchemy import select

from core.datasets.card import DatasetCard
from core.datasets.ingest.intake import SHELF_DATASETS
from core.datasets.ingest.progress import Progress
from core.datasets.ingest.sources import folder_sources
from core.datasets.scan import ScanResult
from core.datasets.states import Approval, Change, Move, move_datasets
from core.store.tables import DatasetVersion
from tests.core.datasets.ingest.home import Home, write_root

WAIT_S = 30


class Waiting:
    """A gate that lets everything wait for a reviewer."""

    def scan(self, texts: Iterable[str]) -> ScanResult:
        count = len(list(texts))
        return ScanResult({}, count, count, {}, {}, {})

    def decide(self, card: DatasetCard, scan: ScanResult) -> Approval:
        return Approval("waits", "Somebody has to look.", rule="test")

    def record(self, changes: Sequence[Change]) -> None:
        """Keep no record."""


def found(home: Home) -> set[str]:
    return {dataset_id for dataset_id, _ in home.cards.search("saw price", dataset_ids=None, top_k=500)}


def test_cards_are_found_while_other_datasets_are_still_being_read(tmp_path: Path) -> None:
    sources = folder_sources(write_root(tmp_path / "root", datasets=SHELF_DATASETS + 2, rules=1, rows=2))
    home = Home(tmp_path / "home")
    early: set[str] = set()

    def watch(step: Progress) -> None:
        ends = time.monotonic() + WAIT_S
        while step.stage == "read" and step.done == SHELF_DATASETS + 1 and not early and time.monotonic() < ends:
            early.update(found(home))
            time.sleep(0.05)

    home.ingest_sources(sources, progress=watch)
    assert early
    assert len(found(home)) == len(sources)


def test_stopped_ingest_leaves_no_thread_and_the_next_one_makes_all_cards(tmp_path: Path) -> None:
    sources = folder_sources(write_root(tmp_path / "root", datasets=SHELF_DATASETS, rules=1, rows=2))
    home = Home(tmp_path / "home")

    def stop(step: Progress) -> None:
        if step.stage == "stored":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        home.ingest_sources(sources, progress=stop)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("cards")]
    assert len(found(home)) < len(sources)
    home.ingest_sources(sources)
    assert len(found(home)) == len(sources)


def test_dataset_that_a_reviewer_approved_is_found_by_its_card(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", gate=Waiting())
    outcome = home.ingest(write_root(tmp_path / "root", datasets=1))
    assert (outcome.waiting, found(home)) == (["shop-0"], set())
    with home.store.write() as session:
        version = session.scalars(select(DatasetVersion)).one()
        version.approval = Approval("approved", "Looked at.", rule="test").to_json()
    move = Move("shop-0", ("approved",), version.version, "a reviewer")
    move_datasets(home.store, [move], record=lambda _: None, now=version.created_at)
    assert home.manager.index_approved().added == ["shop-0"]
    assert found(home) == {"shop-0"}
