import datetime as dt
import itertools

import pytest

from core.datasets.states import RETRIEVABLE, STATES, TRANSITIONS, Move, move_datasets
from core.errors import DatasetError
from core.store.tables import Dataset

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def add(store, dataset_id="rules", state="registered"):
    with store.write() as session:
        session.add(
            Dataset(
                id=dataset_id, title="Rules", description="d", category="Education", licence="CC0-1.0", source="s",
                tier="public", labels=[], state=state, created_at=NOW, updated_at=NOW,
            )
        )  # fmt: skip


def row(store, dataset_id="rules"):
    with store.read() as session:
        found = session.get_one(Dataset, dataset_id)
        return found.state, found.state_reason, found.retired_at


def move(*path, dataset_id="rules", reason="because"):
    return Move(dataset_id, path, "sha256:1", "rule:test", reason)


def test_dataset_goes_the_whole_way_and_each_move_is_recorded_first(store):
    add(store)
    seen = []

    def record(changes):
        seen.extend((each.before, each.move.path, row(store)[0]) for each in changes)

    move_datasets(store, [move("profiled", "scanned", "approved")], record=record, now=NOW)
    move_datasets(store, [move("indexed")], record=record, now=NOW)
    move_datasets(store, [move("retired", reason="old")], record=record, now=NOW)
    assert seen == [
        ("registered", ("profiled", "scanned", "approved"), "registered"),
        ("approved", ("indexed",), "approved"),
        ("indexed", ("retired",), "indexed"),
    ]
    assert row(store) == ("retired", "old", NOW)
    move_datasets(store, [move("registered")], record=record, now=NOW)
    assert row(store)[2] is None


@pytest.mark.parametrize(("before", "to"), list(itertools.product(STATES, STATES)))
def test_only_the_ways_of_the_table_exist(store, before, to):
    add(store, state=before)
    if to in TRANSITIONS[before]:
        move_datasets(store, [move(to)], record=lambda _: None, now=NOW)
        assert row(store)[0] == to
    else:
        with pytest.raises(DatasetError, match=f"is {before} and can't become {to}"):
            move_datasets(store, [move(to)], record=pytest.fail, now=NOW)
        assert row(store)[0] == before


def test_nothing_is_indexed_that_was_not_approved():
    assert {state for state in STATES if RETRIEVABLE in TRANSITIONS[state]} == {"approved", "indexed"}
    assert {state for state in STATES if "approved" in TRANSITIONS[state]} == {"scanned", "quarantined"}


def test_nothing_moves_when_it_can_not_be_recorded(store):
    add(store)

    def fail(_):
        raise DatasetError("the ledger is full")

    with pytest.raises(DatasetError, match="full"):
        move_datasets(store, [move("profiled")], record=fail, now=NOW)
    assert row(store)[0] == "registered"


def test_a_dataset_that_was_moved_meanwhile_stays(store):
    add(store)

    def interfere(_):
        with store.write() as session:
            session.get_one(Dataset, "rules").state = "quarantined"

    with pytest.raises(DatasetError, match="was registered and is quarantined now"):
        move_datasets(store, [move("profiled")], record=interfere, now=NOW)
    assert row(store)[0] == "quarantined"


def test_all_move_or_none(store):
    add(store)
    with pytest.raises(DatasetError, match="No dataset is called 'gone'"):
        move_datasets(store, [move("profiled"), move("profiled", dataset_id="gone")], record=pytest.fail, now=NOW)
    assert row(store)[0] == "registered"
