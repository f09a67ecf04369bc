import json
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.datasets.readers import read_parts
from core.datasets.schema import TablePart
from core.errors import DatasetError

CITIES = [("München", "1,5"), ("Zürich", "0,4"), ("Málaga", "0,6")]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252"]
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_encoding_and_delimiter_are_told(write, reading, encoding: str, delimiter: str) -> None:
    rows = [("city", "millions"), *((city, number.replace(",", ".")) for city, number in CITIES)]
    text = "\r\n".join(delimiter.join(row) for row in rows)
    read = reading(write("c.csv", text.encode(encoding)))
    assert read.tables[0].header == ("city", "millions")
    assert read.rows[0] == rows[1:]
    assert read.problems == []


def test_chinese_in_utf_16_is_told_without_a_mark(write, reading) -> None:
    for encoding in ("utf-16-le", "utf-16-be"):
        read = reading(write("c.csv", "城市,都道\n北京,逃學\n海外,超级\n".encode(encoding)))
        assert (read.tables[0].header, read.rows[0][0]) == (("城市", "都道"), ("北京", "逃學"))


def test_western_signs_and_other_scripts_are_told_by_their_lines(write, reading) -> None:
    assert reading(write("a.csv", "item;price\nBrot;3 €\n“Käse”;5 €\n".encode("cp1252"))).rows[0][1] == (
        "“Käse”",
        "5 €",
    )
    assert reading(write("b.csv", "город,число\nМосква,12\nКазань,1\n".encode("cp1251"))).rows[0][0] == ("Москва", "12")


@pytest.mark.parametrize(
    ("text", "header", "rows"),
    [
        ("a;b\n1,5;2\n2,5;3\n", ("a", "b"), [("1,5", "2"), ("2,5", "3")]),
        ('name,"a;b"\n"x;y",1\n', ("name", "a;b"), [("x;y", "1")]),
        ("only\none\ntwo\n", ("only",), [("one",), ("two",)]),
        ("# made in May\n\n## more\na,b\n\n1,2\n# note\n,\n3,4,\n", ("a", "b"), [("1", "2"), ("3", "4")]),
        ("#,name\n1,x\n2,y\n", ("#", "name"), [("1", "x"), ("2", "y")]),
        ("#\tname\n1\tx\n2\ty\n", ("#", "name"), [("1", "x"), ("2", "y")]),
        ('a,b\n"two\nlines","say ""hi"""\n', ("a", "b"), [("two\nlines", 'say "hi"')]),
        ("a,b\r1,2\r3,4", ("a", "b"), [("1", "2"), ("3", "4")]),
        (
            "country,1990,2000\nPeru,1,2\nChad,3,4\n",
            ("country", "1990", "2000"),
            [("Peru", "1", "2"), ("Chad", "3", "4")],
        ),
    ],
    ids=[
        "decimal-comma",
        "quoted",
        "one-column",
        "comments",
        "hash-name",
        "hash-tab",
        "multi-line",
        "old-mac",
        "years-are-names",
    ],
)
def test_shapes_of_files(write, reading, text: str, header: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    read = reading(write("t.csv", text))
    assert (read.tables[0].header, read.rows[0], read.problems) == (header, rows, [])


def test_bad_rows_are_left_out_and_told_with_their_line(write, reading) -> None:
    path = write("t.csv", 'a,b\n1,2\n3\n"x\ny",2\n4,5,6\n7,\x00\n"8" 9,1\n5,6\n')
    read = reading(path)
    assert read.rows == []
    assert read.problems == ["t.csv, line 7: holds the control character '\\x00'; expected text."]
    read = reading(write("t.csv", path.read_text().replace("\x00", "\x01")))
    assert read.rows[0] == [("1", "2"), ("x\ny", "2"), ("5", "6")]
    assert sorted(problem.split(":")[0] for problem in read.problems) == [
        f"t.csv, line {line}" for line in (3, 6, 7, 8)
    ]
    with pytest.raises(DatasetError, match=r"t\.csv, line 3: expected 2 cells as in the header, found 1"):
        [list(part.rows) for part in read_parts(path.with_name("t.csv")) if isinstance(part, TablePart)]


def test_a_ragged_row_does_not_hide_the_delimiter(write, reading) -> None:
    read = reading(write("t.csv", "item;price\nSaw;12\nDrill\n"))
    assert (read.tables[0].header, read.rows[0]) == (("item", "price"), [("Saw", "12")])
    assert read.problems == ["t.csv, line 3: expected 2 cells as in the header, found 1."]


def test_columns_without_a_name_of_their_own_get_one_and_are_told(write, reading) -> None:
    read = reading(write("t.csv", "a,,a,Column 2,a\n1,2,3,4,5\n"))
    assert read.tables[0].header == ("a", "Column 2 (2)", "a (2)", "Column 2", "a (3)")
    assert len(read.problems) == 3
    read = reading(write("u.csv", "5.1,3.5,setosa\n4.9,3.0,setosa\n4.7,3.2,setosa\n"))
    assert read.tables[0].header == ("Column 1", "Column 2", "Column 3")
    assert read.rows[0][0] == ("5.1", "3.5", "setosa")
    assert "found data" in read.problems[0]


def test_cells_and_lines_beyond_the_limit_are_told_and_the_rest_is_read(write, reading) -> None:
    read = reading(write("t.csv", f"a,b\n{'x' * 140_000},1\n{'y' * 9_000_000}\n5,6\n"))
    assert read.rows[0] == [("5", "6")]
    assert "line 2: field larger" in read.problems[0]
    assert "line 3: longer than 4000000 characters" in read.problems[1]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_large_files_stream(tmp_path: Path, suffix: str) -> None:
    path = write_large(tmp_path / f"large{suffix}", rows=6_000)
    assert suffix == ".parquet" or path.stat().st_size > 12_000_000
    tracemalloc.start()
    count = sum(1 for part in read_parts(path) if isinstance(part, TablePart) for _ in part.rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 6_000
    assert peak < 6_000_000


def write_large(path: Path, *, rows: int) -> Path:
    words = ["the quick brown fox jumps over the lazy dog and runs " * 8] * 5
    if path.suffix == ".parquet":
        table = pa.table({"n": range(rows), "words": [f"{i} {' '.join(words)}" for i in range(rows)]})
        pq.write_table(table, path, row_group_size=500)
        return path
    with path.open("w") as file:
        if path.suffix == ".csv":
            file.write("n,words\n")
            file.writelines(f"{i},{' '.join(words)}\n" for i in range(rows))
        else:
            file.writelines(json.dumps({"n": i, "words": words}) + "\n" for i in range(rows))
    return path
