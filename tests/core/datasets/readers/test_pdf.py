import io
from pathlib import Path

import pytest
from pypdf import PdfReader, PdfWriter

from core.datasets.readers import pdf, read_parts
from core.datasets.readers.isolation import extract
from core.datasets.readers.source import Source, UnreadableError
from core.errors import DatasetError

from .pdf_files import build_pdf

BODY = [
    "The laser must be cleaned with a soft, dry cloth and with iso-\npropyl alcohol after each use. A well-known\nway.",
    "The printer stands on a table that does not move, and the well-\nknown paper lies in its tray, dry and flat.",
    "Care\nClean the lens with care each month, or the light that comes\nthrough gets weak.\nDry it.",
]


def test_places_are_pages_and_heads_and_hyphens_are_gone(write, reading) -> None:
    pages = [f"Acme Manual\n{body}\nPage {n} of 3" for n, body in enumerate(BODY, start=1)]
    read = reading(write("laser-manual.pdf", build_pdf(pages)))
    assert [(p.document, p.place) for p in read.passages] == [("Laser manual", f"Page {n}") for n in (1, 2, 3)]
    first, second, third = read.texts
    title, laser, foot = first.split("\n")
    assert (title, foot) == ("Acme Manual", "Page 1 of 3")
    assert laser.endswith("dry cloth and with isopropyl alcohol after each use. A well-known way.")
    assert "the well-known paper" in second
    assert third == "Care\nClean the lens with care each month, or the light that comes through gets weak.\nDry it."
    assert read.problems == []


def test_a_page_that_is_a_picture_is_told_and_an_empty_one_is_not(write, reading) -> None:
    read = reading(write("a.pdf", build_pdf(["Text here.", None, "", "More."])))
    assert [p.place for p in read.passages] == ["Page 1", "Page 4"]
    assert read.problems == ["a.pdf, Page 2: is a picture without text; run text recognition (OCR) on it first."]
    with pytest.raises(DatasetError, match="holds pictures of pages and no text"):
        list(read_parts(write("b.pdf", build_pdf([None, None]))))


def test_a_password_is_told(tmp_path: Path, reading) -> None:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(build_pdf(["Secret."]))))
    for name, password in (("a.pdf", "open sesame"), ("b.pdf", "")):
        writer.encrypt(user_password=password, owner_password="owner", algorithm="RC4-128")
        writer.write(tmp_path / name)
    assert "encrypted with a password" in reading(tmp_path / "a.pdf").problems[0]
    assert reading(tmp_path / "b.pdf").texts == ["Secret."]


def test_a_file_cut_short_is_told_in_words(write) -> None:
    with pytest.raises(DatasetError, match=r"no readable \.pdf file: (?!\w*Error)\w+"):
        list(read_parts(write("cut.pdf", build_pdf(["A page."])[:40])))


def test_pages_beyond_the_limit_and_loops_of_pages_are_refused(write, monkeypatch) -> None:
    monkeypatch.setattr(pdf, "MAX_PAGES", 2)
    with pytest.raises(DatasetError, match="has 3 pages; at most 2"):
        list(read_parts(write("a.pdf", build_pdf(["a", "b", "c"]))))
    looped = build_pdf(["a"]).replace(b"/Kids [5 0 R]", b"/Kids [2 0 R]")
    with pytest.raises(DatasetError, match=r"a\.pdf"):
        list(read_parts(write("a.pdf", looped)))


def test_a_file_that_takes_too_long_ends_its_own_process_alone(write) -> None:
    path = write("a.pdf", build_pdf(["word\n" * 400_000]))
    source = Source(path, "a.pdf", path.parent, None)
    with pytest.raises(UnreadableError, match="needs more than 1 s"):
        list(extract(source, "pdf", limit_s=1))
