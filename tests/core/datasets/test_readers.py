from pathlib import Path

import pytest

from core.datasets import readers
from core.datasets.readers import list_files, read_file
from core.errors import DatasetError


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def texts(path: Path) -> list[str]:
    return [passage.text for passage in read_file(path)]


def test_markdown_and_text_take_the_name_as_title(tmp_path: Path) -> None:
    assert read_file(write(tmp_path, "pay-and-benefits.md", "Pay is good."))[0].document == "Pay and benefits"
    assert read_file(write(tmp_path, "old_notes.TXT", "A\nB\n\nC"))[0].text == "A B\nC"


def test_csv_and_tsv_give_a_card_and_rows(tmp_path: Path) -> None:
    comma = write(tmp_path, "price-list.csv", '\ufeffitem,price\r\n"Saw, large","1,200"\r\n\r\n"two\nlines",2\r\n')
    card, rows = read_file(comma, description="All prices.")
    assert card.text.startswith("All prices.\nThe table Price list has 2 rows.")
    assert rows.text == "Item: Saw, large | Price: 1,200\nItem: two lines | Price: 2"
    tab = write(tmp_path, "t.tsv", "a\tb\n1,5\tx\u2028y\n")
    assert texts(tab)[1] == "A: 1,5 | B: x y"


def test_jsonl_gives_a_chunk_per_record(tmp_path: Path) -> None:
    path = write(
        tmp_path, "tickets.jsonl", '{"id": "T-1", "ok": true, "n": 3, "gone": null}\n\n{"problem": "Stuck."}\n'
    )
    first, second = read_file(path)
    assert (first.document, first.place, first.text) == ("Tickets", "T-1", "Id: T-1\nOk: yes\nN: 3")
    assert (second.place, second.text) == ("Record 2", "Problem: Stuck.")


def test_json_takes_a_list_or_one_object_and_flattens(tmp_path: Path) -> None:
    nested = '{"name": "Desk", "size": {"width_cm": 80}, "colours": ["red", false], "parts": [{"id": 1}, {"id": 2}]}'
    expected = "Name: Desk\nSize width cm: 80\nColours: red, no\nParts 1 id: 1\nParts 2 id: 2"
    assert texts(write(tmp_path, "one.json", nested)) == [expected]
    assert texts(write(tmp_path, "many.json", f"[{nested}, {nested}]")) == [expected, expected]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.pdf", "text", "not a known format; known are .md"),
        ("a.md", b"ok\nbad \xff byte", "line 2: not UTF-8"),
        ("a.txt", "ok\nok\nnul \x00", "line 3: holds the control character"),
        ("a.md", b"\x89PNG\r\n\x1a\n\x00", "line 1: not UTF-8"),
        ("a.csv", "", "line 1: expected 1 to 200 different column names"),
        ("a.csv", "a,a\n1,2\n", "line 1: expected 1 to 200 different"),
        ("a.csv", "a,\n1,2\n", "line 1: expected 1 to 200 different"),
        ("a.csv", "a,b\n1,2\n3\n", "line 3: expected 2 cells as in line 1, found 1"),
        ("a.csv", 'a,b\n1,2\n"3,4\n', "line 3"),
        ("a.csv", "a\n" + "x" * 140_000 + "\n", "line 2: field larger"),
        ("a.jsonl", '{"a": 1}\n{broken\n', "line 2: not valid JSON"),
        ("a.jsonl", '{"a": 1}\n[1]\n', "line 2: expected an object of fields, found list"),
        ("a.jsonl", '{"a": NaN}\n', "line 1: not valid JSON"),
        ("a.json", "[1]", "record 1: expected an object"),
        ("a.json", '{"a": ' + "[" * 100_000, "not valid JSON"),
        ("a.json", '{"a": ' * 12 + "1" + "}" * 12, "nested more than 8"),
    ],
)
def test_bad_files_are_refused_with_the_line(tmp_path: Path, name: str, content: str | bytes, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        read_file(write(tmp_path, name, content))


def test_huge_and_missing_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "huge.txt"
    with path.open("wb") as file:
        file.truncate(readers.MAX_FILE_BYTES + 1)
    with pytest.raises(DatasetError, match="Split it"):
        read_file(path)
    with pytest.raises(DatasetError, match="can't be read"):
        read_file(tmp_path / "none.txt")


def test_files_are_listed_in_order_without_card_and_hidden(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("b.md", "a.md", "dataset.yaml", ".DS_Store", "sub/c.md", "sub/.x"):
        (tmp_path / name).write_text("x")
    assert [p.relative_to(tmp_path).as_posix() for p in list_files(tmp_path)] == ["a.md", "b.md", "sub/c.md"]


def test_links_and_empty_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="holds 0 files"):
        list_files(tmp_path)
    (tmp_path / "a.md").symlink_to("/etc/hostname")
    with pytest.raises(DatasetError, match=r"holds links \(a\.md\)"):
        list_files(tmp_path)
