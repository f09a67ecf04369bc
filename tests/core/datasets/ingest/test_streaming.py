from collections.abc import Callable
from pathlib import Path

import docx
import openpyxl
import pytest

from core.datasets.card import DatasetCard
from core.datasets.ingest.intake import SMALL_BYTES
from core.datasets.ingest.progress import Progress
from core.datasets.ingest.reading import LARGE_TABLE, TAKE, TICK
from core.datasets.ingest.sources import Source
from core.datasets.readers import read_parts
from tests.core.datasets.ingest.home import Home
from tests.core.datasets.readers.pdf_files import build_pdf

CARD = DatasetCard(
    id="big",
    title="Big",
    description="A large table.",
    category="Education",
    licence="CC0-1.0",
    source="test",
    tier="public",
    labels=[],
)
ROWS = TAKE + 200


def write_table(path: Path, *, last: str = "") -> Path:
    note = " ".join(f"w{'x' * 40}{n}" for n in range(100))
    with path.open("w") as file:
        file.write("number,note\n")
        file.writelines(f"{n},{note}\n" for n in range(ROWS))
        file.write(last)
    assert path.stat().st_size > SMALL_BYTES
    return path


def test_large_dataset_streams_into_the_store_and_a_bad_one_leaves_nothing(tmp_path) -> None:
    home = Home(tmp_path / "home")
    broken = write_table(tmp_path / "big.csv", last="1\n")
    refused = home.manager.ingest_sources([Source(CARD, broken)])
    assert [refusal.dataset_id for refusal in refused.refused] == ["big"]
    assert home.holds()["chunks"] == []
    assert home.holds()["tables"] == {}
    whole = write_table(tmp_path / "big.csv")
    outcome = home.manager.ingest_sources([Source(CARD, whole)])
    held = home.holds()
    assert (outcome.added, outcome.chunks) == (["big"], len(held["chunks"]))
    assert held["counts"] == [outcome.chunks]
    assert outcome.chunks > LARGE_TABLE
    assert len(held["vectors"]) == sum(by_meaning for *_, by_meaning, _ in held["chunks"]) < 10
    assert [len(rows) for rows in held["tables"].values()] == [ROWS]


def test_ingest_can_be_stopped_between_rows_of_one_file_and_goes_on_later(tmp_path: Path) -> None:
    sources = [Source(CARD, write_table(tmp_path / "big.csv"))]
    home, seen = Home(tmp_path / "home"), list[Progress]()

    def stop(step: Progress) -> None:
        seen.append(step)
        if len(seen) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        home.ingest_sources(sources, progress=stop)
    assert [(step.stage, step.done) for step in seen] == [("read", 0)] * 3
    assert ROWS > 2 * TICK
    assert home.holds()["active"] == [("big", None)]
    assert home.ingest_sources(sources).added == ["big"]


def write_pdf(path: Path) -> None:
    path.write_bytes(build_pdf(["\n".join(f"Line {n} of page {page}." for n in range(40)) for page in range(400)]))


def write_workbook(path: Path) -> None:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in range(40_000):
        sheet.append([f"Saw {row}", row, row + 1])
    book.save(path)


def write_word(path: Path) -> None:
    document = docx.Document()
    for number in range(3_000):
        document.add_paragraph(f"Rule {number} allows {number} widgets.")
    document.save(str(path))


@pytest.mark.parametrize(
    ("name", "write"),
    [("long.pdf", write_pdf), ("long.xlsx", write_workbook), ("long.docx", write_word)],
    ids=["pdf", "workbook", "word"],
)
def test_document_can_be_given_up_before_the_first_of_it_is_read(
    tmp_path: Path, name: str, write: Callable[[Path], None]
) -> None:
    write(tmp_path / name)

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        next(read_parts(tmp_path / name, tick=stop))


def test_ingest_of_a_document_can_be_stopped_before_its_first_page_is_there(tmp_path: Path) -> None:
    (tmp_path / "short.pdf").write_bytes(build_pdf(["One line."]))
    seen: list[Progress] = []
    Home(tmp_path / "home").manager.ingest_sources([Source(CARD, tmp_path / "short.pdf")], progress=seen.append)
    assert sum(step.stage == "read" and step.done == 0 for step in seen) > 1  # its one page is one of them
