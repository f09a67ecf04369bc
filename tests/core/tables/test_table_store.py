import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import DatasetError
from core.tables.schema import StoredTable
from core.tables.table_store import TableStore, read_columns


@pytest.fixture
def store(tmp_path: Path) -> TableStore:
    return TableStore(tmp_path / "tables")


def write(store: TableStore, header: list[str], *rows: list[str], name: str = "prices.csv") -> StoredTable:
    return store.write("prices", "v1", name=name, title="Prices", header=header, rows=iter(rows))


def texts(table: StoredTable) -> list[list[str]]:
    read = read_columns(table, [c.stored_text for c in table.columns])
    columns = [["" if v is None else str(v) for v in read[c.stored_text].to_pylist()] for c in table.columns]
    return [list(row) for row in zip(*columns, strict=True)]


def test_columns_are_typed_where_every_cell_is_read_and_text_stays_where_it_was_changed(store: TableStore) -> None:
    table = write(
        store,
        ["Count", "Price", "Day", "Sold", "Code", "Mixed", "Empty"],
        ["1,200", "$2.50", "3 May 2001", "yes", "007", "12", ""],
        ["7", "—", "2001-05-04", "No", "008", "twelve", "n/a"],
    )
    assert [c.kind for c in table.columns] == ["integer", "number", "date", "boolean", "text", "text", "text"]
    read = read_columns(table, [c.stored for c in table.columns])
    assert read["Count"].to_pylist() == [1200, 7]
    assert read["Price"].to_pylist() == [2.5, None]
    assert read["Day"].to_pylist() == [date(2001, 5, 3), date(2001, 5, 4)]
    assert read["Sold"].to_pylist() == [True, False]
    assert texts(table)[1] == ["7", "—", "2001-05-04", "No", "008", "twelve", "n/a"]


def test_column_that_reads_as_written_keeps_no_second_text(store: TableStore) -> None:
    table = write(store, ["Count", "Day"], ["1", "2001-05-03"], ["-20", ""])
    assert pq.ParquetFile(table.path).schema_arrow.names == ["Count", "Day"]
    assert texts(table) == [["1", "2001-05-03"], ["-20", ""]]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.one_of(st.text(max_size=6), st.integers(-5000, 5000).map(str)),
            st.sampled_from(
                ["1", "1.0", "2e3", "", "—", "NaN", "1,000", "05", "yes", "2 May 2001", "99999999999999999"]
            ),
        ),
        max_size=6,
    )
)
def test_every_cell_is_kept_as_written(store: TableStore, rows: list[tuple[str, str]]) -> None:
    table = store.write("d", "v", name="t", title="T", header=['"a"', "select"], rows=iter(rows))
    assert texts(table) == [list(row) for row in rows]
    assert store.tables("d", "v") == [table]


def test_tables_of_a_version_are_listed_replaced_and_removed_alone(store: TableStore) -> None:
    first, other = write(store, ["A"], ["1"]), write(store, ["A"], ["x"], name="b.csv")
    assert store.tables("prices", "v1") == [other, first]
    again = write(store, ["A", "B"], ["1", "2"])
    assert store.tables("prices", "v1") == [other, again]
    store.write("prices", "v2", name="b.csv", title="B", header=["A"], rows=[])
    store.remove("prices", "v1")
    store.remove("prices", "v1")
    assert store.tables("prices", "v1") == []
    assert [t.rows for t in store.tables("prices", "v2")] == [0]


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b.csv", "", "x" * 500, "Prüfung > Blatt"], ids=len)
def test_names_never_leave_the_folder(tmp_path: Path, name: str) -> None:
    table = TableStore(tmp_path / "in").write(name, name, name=name, title=name, header=["A"], rows=[["1"]])
    assert table.path.resolve().is_relative_to(tmp_path / "in")
    assert TableStore(tmp_path / "in").tables(name, name) == [table]


def test_ragged_row_or_repeated_name_leaves_no_table(store: TableStore) -> None:
    with pytest.raises(DatasetError, match="Row 2 of 'Prices' has 1 cells; the header has 2"):
        write(store, ["A", "B"], ["1", "2"], ["3"])
    with pytest.raises(DatasetError, match="names that differ"):
        write(store, ["A", "A"], ["1", "2"])
    assert store.tables("prices", "v1") == []


def test_reading_stops_at_its_limit(store: TableStore) -> None:
    table = store.write("d", "v", name="t", title="T", header=["A"], rows=([str(n)] for n in range(5000)))
    assert read_columns(table, ["A"], limit=3)["A"].to_pylist() == [0, 1, 2]
    assert read_columns(table, ["A"], limit=0)["A"].to_pylist() == []
    assert table.rows == read_columns(table, ["A"], limit=10_000).num_rows == 5000


def test_damaged_file_is_refused_with_its_name(store: TableStore) -> None:
    table = write(store, ["A"], ["1"])
    table.path.write_bytes(b"PAR1 nothing")
    with pytest.raises(DatasetError, match="ingest its dataset again"):
        store.tables("prices", "v1")


def test_killed_writer_leaves_what_was_there_and_no_half_table(tmp_path: Path, store: TableStore) -> None:
    kept = write(store, ["A"], ["old"])
    code = f"""
import itertools
from pathlib import Path
from core.tables.table_store import TableStore
def rows():
    for n in itertools.count():
        if n == 50_000: Path({str(tmp_path / "going")!r}).touch()
        yield [str(n)]
TableStore(Path({str(tmp_path / "tables")!r})).write(
    "prices", "v1", name="prices.csv", title="Prices", header=["A"], rows=rows())
"""
    child = subprocess.Popen([sys.executable, "-c", code])
    for _ in range(600):
        if (tmp_path / "going").exists():
            break
        time.sleep(0.05)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert (tmp_path / "going").exists()
    assert store.tables("prices", "v1") == [kept]
    store.remove("prices", "v1")
    assert not list((tmp_path / "tables").rglob("*.*"))


def test_rows_are_never_held_all_at_once(store: TableStore) -> None:
    held = 0

    class Row(list):  # type: ignore[type-arg]
        def __init__(self, cells: list[str]) -> None:
            nonlocal held
            super().__init__(cells)
            held += 1

        def __del__(self) -> None:
            nonlocal held
            held -= 1

    most = 0

    def rows() -> Iterator[list[str]]:
        nonlocal most
        for n in range(20_000):
            most = max(most, held)
            yield Row([str(n)])

    assert store.write("d", "v", name="t", title="T", header=["A"], rows=rows()).rows == 20_000
    assert most <= 2 * 2_048
