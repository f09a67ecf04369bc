import datetime as dt
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.datasets.readers import read_parts
from core.errors import DatasetError

TABLE = pa.table(
    {
        "n": [1, None],
        "day": [dt.date(2024, 1, 2)] * 2,
        "at": [dt.datetime(2024, 1, 2, 3, 4), dt.datetime(2024, 1, 2)],  # noqa: DTZ001 - a column without a zone
        "share": [1.0, float("nan")],
        "money": [Decimal("1.50")] * 2,
        "tags": [["x", "y"], []],
        "nested": [{"k": 1}, None],
        "kind": pa.array(["u", "v"]).dictionary_encode(),
        "yes": [True, False],
    }
)
ROWS = [
    ("1", "2024-01-02", "2024-01-02 03:04:00", "1", "1.50", "x, y", '{"k": 1}', "u", "yes"),
    ("", "2024-01-02", "2024-01-02", "", "1.50", "", "", "v", "no"),
]


def test_parquet_cells_read_as_people_write_them(tmp_path: Path, reading) -> None:
    pq.write_table(TABLE, tmp_path / "t.parquet")
    read = reading(tmp_path / "t.parquet")
    assert (list(read.tables[0].header), read.rows[0]) == (TABLE.column_names, ROWS)


def test_columns_of_bytes_are_told_and_left_out(tmp_path: Path, reading) -> None:
    picture = pa.array([{"bytes": b"\x89PNG", "path": "a.png"}])
    pq.write_table(pa.table({"picture": picture, "label": ["cat"]}), tmp_path / "t.parquet")
    read = reading(tmp_path / "t.parquet")
    assert (read.tables[0].header, read.rows[0]) == (("label",), [("cat",)])
    assert "column 'picture' holds bytes" in read.problems[0]
    with pytest.raises(DatasetError, match="holds bytes"):
        list(read_parts(tmp_path / "t.parquet"))


def test_shards_are_one_table(tmp_path: Path, reading) -> None:
    for split in ("train", "test"):
        (tmp_path / split).mkdir()
        (tmp_path / split / "state.json").write_text("{}")
        (tmp_path / split / "dataset_info.json").write_text("{}")
        for shard in range(2):
            path = tmp_path / split / f"data-{shard:05d}-of-00002.arrow"
            with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, TABLE.schema) as stream:
                stream.write_table(TABLE)
        pq.write_table(TABLE, tmp_path / f"{split}-00000-of-00001.parquet")
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    read = reading(tmp_path)
    assert [table.title for table in read.tables] == ["Test", "Test", "Train", "Train"]
    assert sorted(map(len, read.rows)) == [2, 2, 4, 4]
    assert read.problems == []


def test_a_damaged_file_gives_what_is_whole_and_is_told(tmp_path: Path, reading) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"n": [str(n) for n in range(5_000)]}), path, row_group_size=1_000, compression="snappy")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 400] = b"\xff" * 400
    path.write_bytes(data)
    read = reading(path)
    assert 0 < len(read.rows[0]) < 5_000
    assert "damaged" in read.problems[0]


def test_offsets_that_lie_are_told_and_not_followed(tmp_path: Path, reading) -> None:
    offsets, text = pa.py_buffer(b"\x00\x00\x00\x00\xff\xff\xff\x7f\x02\x00\x00\x00"), pa.py_buffer(b"ab")
    lying = pa.StringArray.from_buffers(2, offsets, text)
    with (
        pa.OSFile(str(tmp_path / "t.arrow"), "wb") as file,
        pa.ipc.new_stream(file, pa.schema({"a": "string"})) as stream,
    ):
        stream.write_batch(pa.RecordBatch.from_arrays([lying], ["a"]))
    read = reading(tmp_path / "t.arrow")
    assert read.rows == [[]]
    assert "damaged" in read.problems[0]
