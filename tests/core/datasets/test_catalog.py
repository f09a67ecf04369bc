import subprocess
import sys
from pathlib import Path

import pytest

from core.datasets import catalog
from core.datasets.card import DatasetCard
from core.datasets.dataset_manager import DatasetManager
from core.errors import DatasetError
from core.store.database import Store


def ingest(
    manager: DatasetManager, tmp_path: Path, name: str, text: str, *, title: str = "", tier: str = "public"
) -> None:
    path = tmp_path / f"{name}.md"
    path.write_text(text)
    manager.ingest(
        path,
        card=DatasetCard(
            id=name,
            title=title or name.title(),
            description="100% about saws_and drills.",
            category="Education",
            licence="CC0-1.0",
            source="test",
            tier=tier,
            labels=["dated"],
        ),
    )


def test_datasets_are_listed_by_title_with_their_figures(manager: DatasetManager, store: Store, tmp_path: Path) -> None:
    ingest(manager, tmp_path, "zebra", "# Z\nOne.\n## Y\nTwo.", title="a first")
    ingest(manager, tmp_path, "apple", "Text.", title="B second", tier="restricted")
    first, second = catalog.list_datasets(store)
    assert (first.id, first.documents, first.chunks, first.bytes) == ("zebra", 1, 2, 18)
    assert (second.tier, second.labels, second.updated_at.tzinfo) == (
        "restricted",
        ("dated",),
        second.updated_at.tzinfo,
    )
    assert first.active_version.startswith("sha256:")
    assert catalog.get_dataset(store, "apple") == second
    assert catalog.count_datasets(store) == 2


def test_chunks_are_paged_in_order(manager: DatasetManager, store: Store, tmp_path: Path) -> None:
    ingest(manager, tmp_path, "apple", "\n".join(f"## H{n}\nText {n}." for n in range(7)))
    pages = [catalog.list_chunks(store, "apple", offset=offset, limit=3) for offset in (0, 3, 6, 9)]
    assert [[c.text for c in page] for page in pages] == [
        ["Text 0.", "Text 1.", "Text 2."],
        ["Text 3.", "Text 4.", "Text 5."],
        ["Text 6."],
        [],
    ]
    assert catalog.get_chunk(store, pages[0][1].id) == pages[0][1]


@pytest.mark.parametrize(("offset", "limit"), [(-1, 5), (0, 0), (0, catalog.MAX_PAGE + 1)])
def test_pages_out_of_bounds_are_errors(manager, store: Store, tmp_path: Path, offset: int, limit: int) -> None:
    ingest(manager, tmp_path, "apple", "Text.")
    with pytest.raises(DatasetError, match="limit 1 to"):
        catalog.list_chunks(store, "apple", offset=offset, limit=limit)


def test_unknown_and_removed_are_errors(manager: DatasetManager, store: Store, tmp_path: Path) -> None:
    ingest(manager, tmp_path, "apple", "Text.")
    (chunk,) = catalog.list_chunks(store, "apple")
    manager.remove("apple")
    with pytest.raises(DatasetError, match="No dataset is called 'apple'"):
        catalog.get_dataset(store, "apple")
    with pytest.raises(DatasetError, match="No dataset is called"):
        catalog.list_chunks(store, "apple")
    with pytest.raises(DatasetError, match="No active dataset holds chunk"):
        catalog.get_chunk(store, chunk.id)
    assert catalog.list_datasets(store) == []


def test_import_loads_neither_model_nor_indexes() -> None:
    heavy = "{'torch', 'chromadb', 'tantivy', 'numpy'}"
    code = f"import sys, core.datasets.catalog; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
