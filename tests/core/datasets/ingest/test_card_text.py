"""Tests for the card that a dataset is found by: what of its chunks stands on it."""

from pathlib import Path

import pytest

from core.datasets.card import DatasetCard
from core.datasets.ingest.cards import card_of
from core.datasets.ingest.reading import Task, read_whole
from core.datasets.ingest.sources import Source, look_at
from core.rag.card_index import CardText


def card_of_files(folder: Path, **files: str) -> CardText:
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text)
    about = DatasetCard(
        id="d", title="Boats", description="Boats of the harbour.", category="Education", licence="CC0-1.0",
        source="test", tier="public", labels=[],
    )  # fmt: skip
    source = Source(about, folder / "boats.csv" if len(files) == 1 else folder)
    read = read_whole(Task(source, look_at(source), "v1", skip_bad=False, tables=None))
    card = card_of(about.title, about.description, (cut.chunk for cut in read.cuts))
    assert card is not None
    return card


def test_a_card_says_title_columns_and_values_once(tmp_path: Path) -> None:
    card = card_of_files(tmp_path, boats="name,berth\nSeal,12\nGull,7\nSeal,9\n")
    assert card.columns == {"Name": ("Seal", "Gull"), "Berth": ("12", "7", "9")}
    assert card.parts() == ["Boats\nBoats of the harbour.", "Name, Berth", "Name: Seal, Gull"]


@pytest.mark.parametrize("words", [1, 400], ids=["one passage", "several"])
def test_a_table_of_several_gives_its_name_and_nothing_of_what_is_said_about_it(tmp_path: Path, words: int) -> None:
    wide = ",".join(f"column{n}" for n in range(words))
    card = card_of_files(tmp_path, boats=f"{wide}\n{','.join(['Seal'] * words)}\n", berths="berth\n12\n")
    assert "Berths" in card.columns
    assert "Boats" not in card.columns  # is its title
    assert not any("About this table" in value for values in card.columns.values() for value in values)
