import os
from pathlib import Path

import pytest

from core.datasets.readers import list_files, read_parts
from core.datasets.readers.source import MAX_FILE_BYTES
from core.datasets.schema import TablePart
from core.errors import DatasetError

from .test_archive import zipped


def read_all(path: Path) -> None:
    for part in read_parts(path):
        if isinstance(part, TablePart):
            list(part.rows)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.exe", "text", r"a\.exe: not a known format; known are \.arrow, \.csv"),
        ("a.txt", "ok\nok\nnul \x00", "line 3: holds the control character"),
        ("a.md", b"\x89PNG\r\n\x1a\n\x00", "line 3: holds the control character"),
        ("a.md", b"ok\nbad \x98\x8f\xff\x90\xfe\x81", "line 2: not UTF-8 text"),
        ("a.csv", "", "line 1: expected a line of column names"),
        ("a.csv", "a,a\n1,2\n", "line 1: column 2 is called 'a' again"),
        ("a.csv", "a,\n1,2\n", "line 1: column 2 has no name"),
        ("a.csv", "x," * 1_001, "line 1: expected 1 to 1000 different column names, found 1002"),
        ("a.csv", "a,b\n1,2\n3\n", "line 3: expected 2 cells as in the header, found 1"),
        ("a.csv", 'a,b\n1,2\n"3,4\n', "line 3"),
        ("a.csv", "a\n" + "x" * 140_000 + "\n", "line 2: field larger"),
        ("a.jsonl", '{"a": 1}\n{broken\n', "line 2: not valid JSON"),
        ("a.jsonl", '{"a": 1}\n[1]\n', "line 2: expected an object of fields, found list"),
        ("a.jsonl", '{"a": NaN}\n', "line 1: not valid JSON"),
        ("a.jsonl", b'{"a": "\xff"}\n', "line 1: not UTF-8"),
        ("a.jsonl", '{"a": "\\ud800"}\n', "line 1: holds a control character"),
        ("a.json", "[1]", "record 1: expected an object"),
        ("a.json", '{"a": ' + "[" * 100_000, "not valid JSON"),
        ("a.json", '{"a": ' * 12 + "1" + "}" * 12, "nested more than 8"),
        ("a.pdf", "no pdf", r"a\.pdf: no readable \.pdf file"),
        ("a.xlsx", "no zip", r"a\.xlsx: no whole \.xlsx file"),
        ("a.xls", "no workbook", r"a\.xls: no readable \.xls file"),
        ("a.docx", "no zip", r"a\.docx: no whole \.docx file"),
        ("a.parquet", "no parquet", r"a\.parquet: no complete file"),
        ("a.arrow", "no arrow", r"a\.arrow: no complete file"),
        ("a.zip", "no zip", r"a\.zip: no whole \.zip file"),
    ],
)
def test_bad_files_are_refused_with_their_place(write, name: str, content: str | bytes, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        read_all(write(name, content))


def test_markdown_and_text_take_the_name_as_title(write, reading) -> None:
    assert reading(write("pay-and-benefits.md", "Pay is good.")).passages[0].document == "Pay and benefits"
    assert reading(write("old_notes.TXT", "A\nB\n\nC")).texts == ["A B\nC"]
    assert reading(write("latin.txt", "Grüße aus Köln".encode("latin-1"))).texts == ["Grüße aus Köln"]


def test_a_title_names_what_has_none(write) -> None:
    for path in (write("d0001.csv", "a\nx\n"), write("d0002.md", "Text."), write("d0003.md", "# Own\nText.")):
        [part] = read_parts(path, title="Prices")
        found = part.title if isinstance(part, TablePart) else part.passages[0].document
        assert found == ("Own" if path.stem == "d0003" else "Prices")
    inner = zipped({"june.csv": "a\nx\n"})
    assert [
        part.title for part in read_parts(write("z.zip", inner), title="Prices") if isinstance(part, TablePart)
    ] == ["June"]


def test_huge_and_missing_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "huge.txt"
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(DatasetError, match="Split it"):
        read_all(path)
    with pytest.raises(DatasetError, match="can't be read"):
        read_all(tmp_path / "none.txt")


def test_folders_are_read_in_order_without_card_and_hidden(write, reading, tmp_path: Path) -> None:
    for name in ("b.md", "a.md", "dataset.yaml", ".DS_Store", "sub/c.md", "sub/.x"):
        write(name, "x")
    assert reading(tmp_path).files == ["a.md", "b.md", "sub/c.md"]
    assert [p.relative_to(tmp_path).as_posix() for p in list_files(tmp_path)] == ["a.md", "b.md", "sub/c.md"]


def test_what_is_no_file_is_told_and_never_waited_for(write, reading, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="holds 0 files"):
        read_all(tmp_path)
    write("b.md", "x")
    (tmp_path / "a.md").symlink_to("/etc/hostname")
    os.mkfifo(tmp_path / "c.csv")
    read = reading(tmp_path)
    assert (read.files, len(read.problems)) == (["b.md"], 2)
    assert list_files(tmp_path) == [tmp_path / "b.md"]
    assert read.problems[0] == "a.md: is a link; put the file itself there."
    with pytest.raises(DatasetError, match="is a link"):
        read_all(tmp_path)


def test_a_bad_file_among_others_is_left_out_when_asked(write, reading, tmp_path: Path) -> None:
    write("a.csv", "a,b\n1,2\n")
    write("b.pdf", "broken")
    write("c.bin", "?")
    write("d.md", "Fine.")
    read = reading(tmp_path)
    assert read.files == ["a.csv", "d.md"]
    assert [problem.split(":")[0] for problem in read.problems] == ["b.pdf", "c.bin"]
