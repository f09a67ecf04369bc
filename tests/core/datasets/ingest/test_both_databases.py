"""The life of a dataset on SQLite and on PostgreSQL: added, replaced, erased from, retired."""

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

from core.config import Settings
from core.datasets.catalog import get_dataset, list_datasets
from core.datasets.dataset_manager import DatasetManager
from core.datasets.ingest.sources import folder_sources
from core.encoder.sentence_encoder import SentenceEncoder
from core.rag.card_index import open_cards
from core.rag.lexical import open_lexical
from core.rag.vectors import open_vectors
from core.store.database import Store
from core.store.tables import ChunkRow
from core.tables.table_store import TableStore
from tests.core.datasets.ingest.home import write_root
from tests.core.datasets.word_embedder import WordEmbedder


def test_datasets_are_added_replaced_erased_from_and_retired_on_either_database(
    any_store: Store, tmp_path: Path
) -> None:
    settings, tables = Settings(home=tmp_path / "home"), TableStore(tmp_path / "tables")
    vectors, lexical, cards = open_vectors(settings), open_lexical(settings), open_cards(settings, WordEmbedder())
    manager = DatasetManager(
        any_store,
        vectors,
        lexical,
        WordEmbedder(),
        SentenceEncoder(),
        clock=lambda: datetime.now(UTC),
        tables=tables,
        cards=cards,
    )

    def said(dataset_id: str) -> str:
        with any_store.read() as session:
            return "\n".join(session.scalars(select(ChunkRow.text).where(ChunkRow.dataset_id == dataset_id)))

    def check(dataset_id: str) -> str:
        """Return the version in use, which every index and the tables hold whole."""
        dataset = get_dataset(any_store, dataset_id)
        version = str(dataset.active_version)
        assert dataset.chunks == vectors.count(version) == lexical.count(version) > 0
        assert [table.rows for table in tables.tables(dataset_id, version)] == [rows]
        return version

    rows = 4
    sources = folder_sources(write_root(tmp_path / "root", datasets=2, rules=1, rows=rows))
    assert manager.ingest_sources(sources).added == ["shop-0", "shop-1"]
    first = check("shop-0")
    assert manager.ingest_sources(sources).unchanged == ["shop-0", "shop-1"]

    write_root(tmp_path / "root", datasets=1, year=2026, rules=1, rows=rows)
    outcome = manager.ingest_sources(sources)
    assert (outcome.added, outcome.unchanged) == (["shop-0"], ["shop-1"])
    second = check("shop-0")
    assert (vectors.count(first), lexical.count(first), tables.tables("shop-0", first)) == (0, 0, [])
    assert "2026" in said("shop-0")
    assert "2025" not in said("shop-0")

    erased = manager.erase_texts(["Saw 3"], dataset_ids=["shop-0"])
    rows -= 1
    assert [(each.dataset_id, each.rows) for each in erased] == [("shop-0", 1)]
    assert check("shop-0") not in (first, second)
    assert "Saw 3" not in said("shop-0")
    assert "Saw 3" in said("shop-1")
    assert "erased" in manager.ingest_sources(sources).refused[0].reason

    manager.remove("shop-1")
    assert [each.id for each in list_datasets(any_store)] == ["shop-0"]
    assert said("shop-1") == ""
    assert [i for i, _ in cards.search("prices of shop", dataset_ids=None, top_k=5)] == ["shop-0"]
    rows += 1
    assert manager.ingest_sources(sources[1:]).added == ["shop-1"]
    check("shop-1")
