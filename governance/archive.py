"""Backup and restore of a whole installation, keys on request; the lexical index is rebuilt."""

from pathlib import Path

from core.config import Settings
from core.datasets.dataset_manager import DatasetManager
from core.encoder.sentence_encoder import SentenceEncoder
from core.rag.card_index import open_cards
from core.rag.embedding import Embedder
from core.rag.lexical import open_lexical
from core.rag.vectors import open_vectors
from core.store.archive import BackupManifest
from core.store.backup import backup, restore
from core.store.migrate import open_store
from core.tables.table_store import open_tables
from governance.records import utc_now


def back_up(settings: Settings, target: Path, *, keys: bool) -> BackupManifest:
    """Write everything to one file, while the workbench may run.

    Raises:
        StoreError: Something can't be read, or the file exists or can't be written.
    """
    store = open_store(settings.sqlalchemy_url())
    try:
        folder = settings.data_folder / "keys" if keys else None
        vectors, parquet = open_vectors(settings), open_tables(settings).folder
        return backup(store, target, vectors=vectors, keys=folder, clock=utc_now, parquet=parquet)
    finally:
        store.close()


def bring_back(settings: Settings, source: Path, *, keys: bool, replace: bool) -> BackupManifest:
    """Fill an installation from a backup, then rebuild the lexical index and the cards from the restored chunks.

    Raises:
        StoreError: The file is damaged or of another schema, or the installation is not empty.
    """
    store = open_store(settings.sqlalchemy_url())
    try:
        vectors = open_vectors(settings)
        folder = settings.data_folder / "keys" if keys else None
        parquet = open_tables(settings).folder
        manifest = restore(source, store, vectors=vectors, keys=folder, parquet=parquet, replace=replace)
        lexical = open_lexical(settings)
        embedder = Embedder()
        cards = open_cards(settings, embedder)
        manager = DatasetManager(store, vectors, lexical, embedder, SentenceEncoder(), clock=utc_now, cards=cards)
        manager.rebuild_lexical()
        manager.rebuild_cards()
        return manifest
    finally:
        store.close()
