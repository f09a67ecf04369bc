"""A data folder on disk that an ingest fills, in this process or in one that is killed, and what it then holds."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import pyarrow.parquet as pq
from sqlalchemy import select

from core.config import Settings
from core.datasets.dataset_manager import DatasetManager
from core.datasets.ingest.progress import Outcome, Progress
from core.datasets.ingest.sources import Source, folder_sources
from core.datasets.states import Gate
from core.encoder.sentence_encoder import SentenceEncoder
from core.rag.card_index import open_cards
from core.rag.lexical import open_lexical
from core.rag.vectors import VectorIndex, open_vectors
from core.store.migrate import open_store
from core.store.tables import ChunkRow, Dataset, DatasetSource
from core.tables.table_store import TableStore
from tests.core.datasets.word_embedder import WordEmbedder

BATCH = 2  # chunks, and sixteen times as many in a group
ELSEWHERE = multiprocessing.get_context("forkserver")
ELSEWHERE.set_forkserver_preload(["tests.core.datasets.ingest.home"])  # so that each process starts at once


class Home:
    """An installation's indexes in a folder."""

    def __init__(self, folder: Path, *, gate: Gate | None = None) -> None:
        settings = Settings(home=folder)
        self.folder = folder
        self.store = open_store(settings.sqlalchemy_url())
        self.vectors, self.lexical = open_vectors(settings), open_lexical(settings)
        self.embedder = WordEmbedder()
        self.cards = open_cards(settings, WordEmbedder())
        self.tables = TableStore(folder / "tables")
        self.manager = DatasetManager(
            self.store,
            self.vectors,
            self.lexical,
            self.embedder,
            SentenceEncoder(),
            clock=lambda: datetime.now(UTC),
            tables=self.tables,
            cards=self.cards,
            gate=gate,
            batch_size=BATCH,
        )

    def ingest(self, root: Path, *, progress: Callable[[Progress], None] | None = None) -> Outcome:
        """Ingest the folders of a root, bad rows left out."""
        return self.ingest_sources(folder_sources(root), progress=progress)

    def ingest_sources(
        self, sources: Sequence[Source], *, progress: Callable[[Progress], None] | None = None
    ) -> Outcome:
        """Ingest datasets, bad rows left out."""
        return self.manager.ingest_sources(sources, skip_bad=True, progress=progress)

    def holds(self) -> dict[str, Any]:
        """Return everything that queries may see, in a fixed order."""
        with self.store.read() as session:
            chunks = [
                (row.id, row.dataset_id, row.position, row.text, row.by_meaning, row.sentence_vectors)
                for row in session.scalars(select(ChunkRow).order_by(ChunkRow.id))
            ]
            active = session.execute(select(Dataset.id, Dataset.active_version).order_by(Dataset.id)).all()
            pending = session.execute(select(DatasetSource.dataset_id, DatasetSource.version)).all()
        versions = [version for _, version in active if version is not None]
        return {
            "chunks": chunks,
            "active": [tuple(row) for row in active],
            "pending": sorted(tuple(row) for row in pending),
            "vectors": _exported(self.vectors),
            "postings": {
                word: sorted(chunk_id for chunk_id, _ in self.lexical.search(word, versions=versions, top_k=500))
                for word in ("saw", "price", "rule", "widgets")
            },
            "card vectors": _exported(open_vectors(Settings(home=self.folder), collection="cards")),
            "cards": sorted(i for i, _ in self.cards.search("saw price of shop 2", dataset_ids=None, top_k=100)),
            "counts": [self.lexical.count(version) for version in versions],
            "tables": {
                path.relative_to(self.folder).as_posix(): pq.read_table(path).to_pylist()
                for path in sorted((self.folder / "tables").rglob("*.parquet"))
            },
            "drafts": [
                path.name for path in (self.folder / "tables").rglob("*") if path.suffix not in ("", ".parquet")
            ],
        }


def _exported(vectors: VectorIndex) -> list[tuple[str, bytes, tuple[tuple[str, Any], ...]]]:
    return sorted(
        (chunk_id, vector.tobytes(), tuple(sorted(meta.items())))
        for ids, found, metas in vectors.export_all()
        for chunk_id, vector, meta in zip(ids, found, metas, strict=True)
    )


def write_root(root: Path, *, datasets: int = 6, year: int = 2025, rules: int = 8, rows: int = 30) -> Path:
    """Write datasets of a document and a table each."""
    for number in range(datasets):
        folder = root / f"shop-{number}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "dataset.yaml").write_text(
            f"id: shop-{number}\ntitle: Shop {number}\ndescription: Prices of shop {number}.\ncategory: Education\n"
            "licence: CC0-1.0\nsource: test\ntier: public\nlabels: []\n"
        )
        said = "\n".join(f"## Rule {n}\nRule {n} of {year} allows {n} widgets.\n" for n in range(rules))
        (folder / "rules.md").write_text(f"# Rules\n{said}")
        prices = "".join(f"Saw {n},{n + number},{year}\n" for n in range(rows))
        (folder / "prices.csv").write_text(f"item,price,year\n{prices}")
    return root


def kill_at(step: int) -> Callable[[Progress], None]:
    """Return a report that kills this process when it is called for the nth time."""
    seen: list[Progress] = []

    def report(progress: Progress) -> None:
        seen.append(progress)
        if len(seen) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    return report


class Calls:
    """Counts the functions that this thread calls, and kills this process at one of them if that is asked for."""

    def __init__(self, *, kill_at: int = 0) -> None:
        self.count = 0
        self._kill_at = kill_at

    def __enter__(self) -> "Calls":
        sys.setprofile(self._count)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _count(self, _: FrameType, event: str, __: object) -> None:
        if event == "call":
            self.count += 1
            if self.count == self._kill_at:
                os.kill(os.getpid(), signal.SIGKILL)


def run_elsewhere(home: Path, sources: Sequence[Source], *, step: int = 0, call: int = 0) -> int | None:
    """Ingest in another process, killed at a step or at a call when one is given; return how it ended."""
    process = ELSEWHERE.Process(target=_ingest, args=(home, sources, step, call))
    process.start()
    process.join()
    return process.exitcode


def _ingest(folder: Path, sources: Sequence[Source], step: int, call: int) -> None:
    home = Home(folder)
    with Calls(kill_at=call):
        home.ingest_sources(sources, progress=kill_at(step))
