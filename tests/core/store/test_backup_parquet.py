"""Tests that the datasets' own tables are part of a backup."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import StoreError
from core.store.backup import backup, restore
from core.store.database import Store
from core.store.migrate import open_store
from core.tables.table_store import TableStore, read_columns
from tests.core.store.test_backup import Clock, reseal


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path / 'other.db'}")
    yield opened
    opened.close()


def keep(folder: Path) -> None:
    TableStore(folder).write("d", "v1", name="n", title="Prices", header=["Item", "Price"], rows=[["saw", "12"]])


def test_tables_come_back_and_drafts_are_left_out(store: Store, other: Store, tmp_path: Path, clock: Clock) -> None:
    keep(tmp_path / "tables")
    (draft,) = (tmp_path / "tables").iterdir()
    (draft / "x.1.draft").write_bytes(b"half a table")
    backup(store, tmp_path / "b.zip", vectors=None, keys=None, clock=clock, parquet=tmp_path / "tables")
    restore(tmp_path / "b.zip", other, parquet=tmp_path / "back")
    (table,) = TableStore(tmp_path / "back").tables("d", "v1")
    assert (table.title, [column.kind for column in table.columns]) == ("Prices", ["text", "integer"])
    assert read_columns(table, [column.stored for column in table.columns]).to_pydict() == {
        table.columns[0].stored: ["saw"],
        table.columns[1].stored: [12],
    }
    assert len(list((tmp_path / "back").rglob("*.*"))) == 1


def test_a_table_that_would_leave_its_folder_is_refused(
    store: Store, other: Store, tmp_path: Path, clock: Clock
) -> None:
    keep(tmp_path / "tables")
    backup(store, tmp_path / "b.zip", vectors=None, keys=None, clock=clock, parquet=tmp_path / "tables")

    def escape(name: str, data: bytes) -> tuple[str, bytes]:
        return ("parquet/../../evil.parquet" if name.startswith("parquet/") else name), data

    with pytest.raises(StoreError, match="outside its folder"):
        restore(reseal(tmp_path / "b.zip", tmp_path / "forged.zip", escape), other, parquet=tmp_path / "a/b")
    assert not (tmp_path / "evil.parquet").exists()
