from pathlib import Path

import pytest
from sqlalchemy import select

from core.datasets.ingest.sources import folder_sources
from core.errors import DatasetError
from core.store.tables import ChunkRow
from tests.core.datasets.ingest.home import Home, write_root

NAME = "Zebulon Quixworth"


def with_person(root: Path) -> Path:
    write_root(root, datasets=2)
    with (root / "shop-0" / "prices.csv").open("a") as file:
        file.write(f"Made for {NAME},77,2025\n")
    with (root / "shop-0" / "rules.md").open("a") as file:
        file.write("\n## Staff\nThe keys are with zebulon  quixworth.\n\nThe shop opens at nine.\n")
    return root


def files_that_hold(folder: Path, word: bytes) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and word in path.read_bytes().lower()]


def test_erased_subject_is_in_nothing_that_is_kept_and_its_files_do_not_bring_it_back(tmp_path) -> None:
    root = with_person(tmp_path / "root")
    home = Home(tmp_path / "home")
    home.ingest(root)
    assert NAME in str(home.holds())
    assert files_that_hold(tmp_path / "home", b"quixworth")
    [erased] = home.manager.erase_texts([NAME])
    assert (erased.dataset_id, erased.rows, erased.path) == ("shop-0", 1, str(root / "shop-0"))
    held = home.holds()
    assert "quixworth" not in str(held).lower()
    assert any("opens at nine" in text for _, _, _, text, *_ in held["chunks"])
    assert home.lexical.search("Quixworth", versions=[v for _, v in held["active"]], top_k=5) == []
    assert files_that_hold(tmp_path / "home", b"quixworth") == []
    before = home.holds()
    outcome = home.ingest(root)
    assert [refusal.dataset_id for refusal in outcome.refused] == ["shop-0"]
    assert "erased" in outcome.refused[0].reason
    assert home.holds() == before
    write_root(root, datasets=2)  # the owner takes it out of the files
    assert home.ingest(root).added == ["shop-0"]


@pytest.mark.parametrize("further", [0, 30], ids=["description as a whole", "in parts"])
def test_description_of_a_table_keeps_no_cell_that_only_the_persons_row_held(tmp_path, further: int) -> None:
    root = write_root(tmp_path / "root", datasets=1)
    names, cells = "".join(f",column {n}" for n in range(further)), ",as ever before" * further
    rows = "".join(f"Guest {n},guest{n}@inn.example,room with a view{cells}\n" for n in range(4))
    table = f"name,mail,wish{names}\n{NAME},zq77@mail.example,room with a view{cells}\n{rows}"
    (root / "shop-0" / "guests.csv").write_text(table)
    home = Home(tmp_path / "home")
    home.ingest(root)
    assert "zq77" in str(home.holds()["chunks"])
    with home.store.read() as session:
        places = set(session.scalars(select(ChunkRow.place)))
    assert ("About this table, part 1" in places) is (further > 0)
    [erased] = home.manager.erase_texts([NAME])
    chunks = str(home.holds()["chunks"])
    assert erased.rows == 1
    assert "zq77" not in chunks
    assert "guest2@inn.example" in chunks
    assert files_that_hold(tmp_path / "home", b"zq77") == []


def test_dataset_of_nothing_else_is_removed_and_short_texts_are_refused(tmp_path) -> None:
    root = write_root(tmp_path / "root", datasets=1)
    (root / "shop-0" / "prices.csv").unlink()
    (root / "shop-0" / "rules.md").write_text(f"# Staff\n\n{NAME} has the keys.\n")
    home = Home(tmp_path / "home")
    home.manager.ingest_sources(folder_sources(root))
    assert home.manager.erase_texts(["Nobody of this name"]) == []
    with pytest.raises(DatasetError, match="at least 4"):
        home.manager.erase_texts(["Z"])
    [erased] = home.manager.erase_texts([NAME], dataset_ids=["shop-0"])
    assert erased.version == ""
    assert home.holds()["chunks"] == []
