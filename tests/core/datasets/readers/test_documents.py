import datetime as dt
import io
import zipfile
from pathlib import Path

import docx
import openpyxl
import pytest

from core.datasets.readers import read_parts
from core.errors import DatasetError

PAGE = """<!doctype html><html><head><title>The shop</title><style>p{}</style><script>evil()</script></head><body>
<nav><a href=x>Home</a></nav><h1>Guide</h1><p>Hello <b>bo</b>ld, world.<br>Next line
<div style="display: NONE">secret</div>
<h2>List</h2><ul><li>One<ul><li>Inner</ul><li>Two</ul><p hidden>h</p>
<table><tr><th>Item<th>Price<tr><td>Saw<td>12 &euro;<tr><td>Drill<td></table>
<table><tr><td>only <i>placed</i></td><td>cells</td></tr></table><pre>if x:
    y()</pre><footer>(c)</footer></body></html>"""


def test_web_pages_keep_headings_lists_and_tables_and_lose_the_rest(write, reading) -> None:
    read = reading(write("page.html", PAGE))
    assert [(p.document, p.place) for p in read.passages] == [("Guide", "Introduction"), ("Guide", "List")]
    assert read.texts == [
        "Hello bold, world.\nNext line",
        "One\nInner\nTwo\nItem: Saw | Price: 12 €\nItem: Drill\nonly placed\ncells\nif x:\ny()",
    ]
    marked = "<title>T</title><body><p>Menu</p><main><p>Body.</p></main></body>"
    assert [(p.document, p.text) for p in reading(write("m.htm", marked)).passages] == [("T", "Body.")]


def test_web_pages_say_their_encoding(write, reading) -> None:
    page = '<meta charset="windows-1251"><p>Привет, мир</p>'.encode("cp1251")
    assert reading(write("a.html", page)).texts == ["Привет, мир"]


def test_deep_pages_are_read_without_recursion(write, reading) -> None:
    assert reading(write("a.html", "<div>" * 5_000 + "deep" + "</div>" * 5_000)).texts == ["deep"]


def word_file() -> bytes:
    document = docx.Document()
    document.add_heading("Manual", 0)
    document.add_paragraph("Intro text.")
    document.add_heading("Care", 1)
    document.add_paragraph("Clean it.", style="List Bullet")
    table = document.add_table(rows=2, cols=2)
    for cell, text in zip((c for row in table.rows for c in row.cells), ("Item", "Price", "Saw", "12"), strict=True):
        cell.text = text
    document.add_heading("Deep", 2)
    document.add_paragraph("After the table.")
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def test_word_documents_are_read_in_order(write, reading) -> None:
    read = reading(write("m.docx", word_file()))
    assert [(p.document, p.place, p.text) for p in read.passages] == [
        ("Manual", "Introduction", "Intro text."),
        ("Manual", "Care", "Clean it.\nItem: Saw | Price: 12"),
        ("Manual", "Care > Deep", "After the table."),
    ]


def test_entities_in_word_documents_are_not_expanded(write, reading) -> None:
    entities = '<!ENTITY a0 "lol">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    read = reading(write("m.docx", edited(word_file(), "word/document.xml", "Clean it.", "x &a11; y", entities)))
    assert sum(map(len, read.texts)) < 200


def edited(data: bytes, member: str, old: str, new: str, entities: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            text = source.read(name)
            if name == member:
                text = text.replace(old.encode(), new.encode())
                text = text.replace(b"<w:document", f"<!DOCTYPE d [{entities}]><w:document".encode(), 1)
            target.writestr(name, text)
    return out.getvalue()


def test_each_sheet_is_a_table_with_values_as_people_read_them(write, reading, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Prices"
    rows = [["Price list 2026"], [], ["Item", "Price", "Since", "Sold"], ["Saw", 12.5, dt.date(2024, 3, 1), True]]
    when = dt.datetime(2024, 3, 1, 14, 30)  # noqa: DTZ001 - workbooks know no zones
    for row in [*rows, ["Drill", 3, when, False], ["Tip", 0.1 + 0.2, dt.time(9, 5), None]]:
        sheet.append(row)
    book.create_sheet("Empty")
    two = book.create_sheet("Two")
    two["C5"], two["D5"], two["E5"], two["C6"], two["D6"], two["E6"], two["C7"] = "a", None, "a", 1, 2, 3, "x"
    book.save(tmp_path / "book.xlsx")
    read = reading(tmp_path / "book.xlsx")
    first, second = read.tables
    assert (first.title, first.place_prefix, first.header) == (
        "Book - Price list 2026", "Prices > ", ("Item", "Price", "Since", "Sold")
    )  # fmt: skip
    assert read.rows[0] == [
        ("Saw", "12.5", "2024-03-01", "yes"),
        ("Drill", "3", "2024-03-01 14:30:00", "no"),
        ("Tip", "0.3", "09:05:00", ""),
    ]
    assert (second.header, read.rows[1]) == (("a", "Column 2", "a (2)"), [("1", "2", "3"), ("x", "", "")])
    assert [problem.split(":")[0] for problem in read.problems] == ["book.xlsx, Two, row 5"] * 2
    with pytest.raises(DatasetError, match="Two, row 5: column 2 has no name"):
        [list(part.rows) for part in read_parts(tmp_path / "book.xlsx")]


def test_open_document_sheets_are_read(write, reading) -> None:
    cells = "".join(
        "<table:table-row>" + "".join(
            f'<table:table-cell office:value-type="string"><text:p>{c}</text:p></table:table-cell>' for c in row
        ) + "</table:table-row>"
        for row in (("a", "b"), ("x", "y"))
    )  # fmt: skip
    spaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
    )
    content = f'<office:document-content {spaces}><office:body><office:spreadsheet><table:table table:name="S">' \
        f"{cells}</table:table></office:spreadsheet></office:body></office:document-content>"  # fmt: skip
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content)
        archive.writestr("META-INF/manifest.xml", "<manifest:manifest xmlns:manifest='urn:x'/>")
    read = reading(write("t.ods", out.getvalue()))
    assert (read.tables[0].header, read.rows) == (("a", "b"), [[("x", "y")]])
