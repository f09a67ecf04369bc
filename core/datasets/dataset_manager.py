"""Fills the catalog: reads, cuts, embeds and indexes datasets, and makes each new version visible at once.

The order of steps is what keeps queries whole, even when the process is killed between two of them:
1. chunks are written under the new version, which no query asks for yet;
2. they get a vector for each sentence, and both indexes take them in;
3. one transaction flips the catalog's `active_version`;
4. what belongs to other versions is removed, from the indexes first, so that the store always knows what is left.
One process at a time ingests; the lexical index's writer is the lock.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import numpy as np
from sqlalchemy import and_, delete, insert, select, update
from sqlalchemy.orm import Session

from core.datasets.card import CARD_NAME, DatasetCard, load_card
from core.datasets.catalog import DatasetView, chunk_of, get_dataset
from core.datasets.readers import list_files, read_file
from core.encoder.sentence_encoder import SentenceEncoder
from core.errors import DatasetError, RetrievalError
from core.rag.chunking import FORMAT, Passage, number_chunks, searchable_text, sentence_heading
from core.rag.embedding import Embedder
from core.rag.lexical import LexicalIndex, LexicalWriter
from core.rag.sentences import split_sentences
from core.rag.vectors import VectorIndex
from core.schema import Chunk, digest_of
from core.store.database import Store
from core.store.tables import ChunkRow, Dataset, DatasetVersion

EMBED_BATCH = 64
MAX_CHUNKS = 200_000

Stage = Literal["read", "stored", "embedded", "indexed", "published", "done"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the ingest of one dataset is.

    Attributes:
        done: Chunks that reached this stage.
        total: Chunks of the version.
    """

    dataset_id: str
    stage: Stage
    done: int
    total: int


Report = Callable[[Progress], None]
_Reporter = Callable[[Stage, int], None]


@dataclass(frozen=True, slots=True)
class _Source:
    card: DatasetCard
    chunks: tuple[Chunk, ...]
    version: str
    documents: int
    bytes: int


class DatasetManager:
    """Ingests and removes datasets."""

    def __init__(
        self,
        store: Store,
        vectors: VectorIndex,
        lexical: LexicalIndex,
        embedder: Embedder,
        encoder: SentenceEncoder,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._vectors = vectors
        self._lexical = lexical
        self._embedder = embedder
        self._encoder = encoder
        self._clock = clock

    def ingest(self, path: Path, *, card: DatasetCard | None = None, progress: Report | None = None) -> DatasetView:
        """Bring a dataset's content into the catalog; content that is there already is not embedded again.

        Args:
            path: A folder of files, or a single file.
            card: Read from the folder's `dataset.yaml` when None.
            progress: Called after each step.

        Raises:
            DatasetError: The card or a file can't be used; the version that was active stays active.
            RetrievalError: An index can't be written, or another process is ingesting.
        """
        source = _read_source(path, card)
        report = _reporter(source, progress)
        report("read", len(source.chunks))
        with self._lexical.writing() as writer:
            if not self._is_active(source):
                self._clean(writer, source.card.id)
                self._add(source, writer, report)
            self._publish(source)
            report("published", len(source.chunks))
            self._clean(writer, source.card.id)
        report("done", len(source.chunks))
        return get_dataset(self._store, source.card.id)

    def ingest_all(self, root: Path, *, progress: Report | None = None) -> list[DatasetView]:
        """Ingest every folder below `root` that holds a `dataset.yaml`, by name.

        Raises:
            DatasetError: No folder holds one, two cards share an id, or a dataset can't be ingested.
        """
        folders = sorted(card.parent for card in root.glob(f"*/{CARD_NAME}"))
        if not folders:
            raise DatasetError(f"{root} holds no dataset: no folder in it has a {CARD_NAME}.")
        ids = [load_card(folder / CARD_NAME).id for folder in folders]
        twice = sorted({i for i in ids if ids.count(i) > 1})
        if twice:
            raise DatasetError(f"{root} holds more than one dataset called {', '.join(twice)}.")
        return [self.ingest(folder, progress=progress) for folder in folders]

    def remove(self, dataset_id: str) -> None:
        """Take a dataset out of the catalog, then delete its chunks. Its row stays, so that records can name it.

        Raises:
            DatasetError: No dataset was ever called this.
        """
        with self._lexical.writing() as writer:
            with self._store.write() as session:
                dataset = session.get(Dataset, dataset_id)
                if dataset is None:
                    raise DatasetError(f"No dataset is called {dataset_id!r}.")
                dataset.active_version = None
                dataset.retired_at = dataset.retired_at or self._clock()
            self._clean(writer, dataset_id)

    def rebuild_lexical(self) -> int:
        """Fill the lexical index again from the store, as after a restore; return how many chunks it took in."""
        active = and_(Dataset.id == ChunkRow.dataset_id, Dataset.active_version == ChunkRow.version)
        query = select(ChunkRow).join(Dataset, active).order_by(ChunkRow.dataset_id, ChunkRow.position)
        with self._lexical.writing() as writer, self._store.read() as session:
            writer.remove_all()
            chunks = [chunk_of(row) for row in session.scalars(query)]
            writer.add(chunks)
            writer.commit()
        return len(chunks)

    def _is_active(self, source: _Source) -> bool:
        with self._store.read() as session:
            dataset = session.get(Dataset, source.card.id)
            return dataset is not None and dataset.active_version == source.version

    def _add(self, source: _Source, writer: LexicalWriter, report: _Reporter) -> None:
        total = len(source.chunks)
        with self._store.write() as session:
            if session.get(Dataset, source.card.id) is None:
                now = self._clock()
                session.add(Dataset(**source.card.model_dump(), created_at=now, updated_at=now))
                session.flush()
            session.execute(insert(ChunkRow), [_row(chunk) for chunk in source.chunks])
        report("stored", total)
        for start in range(0, total, EMBED_BATCH):
            batch = source.chunks[start : start + EMBED_BATCH]
            self._vectors.add(batch, vectors=self._embedder.embed([searchable_text(chunk) for chunk in batch]))
            self._add_sentence_vectors(batch)
            report("embedded", start + len(batch))
        writer.add(source.chunks)
        writer.commit()
        self._check_indexes(source.version, total)
        report("indexed", total)

    def _add_sentence_vectors(self, chunks: Sequence[Chunk]) -> None:
        passages = [(sentence_heading(c.document, c.place), split_sentences(c.text)) for c in chunks]
        found = zip(chunks, self._encoder.passages(passages), strict=True)
        rows = [{"id": chunk.id, "sentence_vectors": vectors.astype(np.float16).tobytes()} for chunk, vectors in found]
        with self._store.write() as session:
            session.execute(update(ChunkRow), rows)

    def _check_indexes(self, version: str, expected: int) -> None:
        held = self._vectors.count(version), self._lexical.count(version)
        if held != (expected, expected):
            raise RetrievalError(
                f"The vector and lexical index hold {held[0]} and {held[1]} of {expected} chunks; ingest again."
            )

    def _publish(self, source: _Source) -> None:
        """Make the version the active one, and the card's words the catalog's."""
        words = source.card.model_dump()
        with self._store.write() as session:
            dataset = session.get_one(Dataset, source.card.id)
            if dataset.active_version == source.version and all(getattr(dataset, k) == v for k, v in words.items()):
                return
            now = self._clock()
            if session.get(DatasetVersion, (source.card.id, source.version)) is None:
                session.add(_version(source, now))
            for name, value in words.items():
                setattr(dataset, name, value)
            dataset.active_version, dataset.updated_at, dataset.retired_at = source.version, now, None

    def _clean(self, writer: LexicalWriter, dataset_id: str) -> None:
        """Remove the chunks of every version of a dataset but the active one."""
        with self._store.read() as session:
            stale = _stale_versions(session, dataset_id)
        for version in stale:
            self._vectors.remove(version)
            writer.remove(version)
            writer.commit()
            with self._store.write() as session:
                session.execute(delete(ChunkRow).where(ChunkRow.dataset_id == dataset_id, ChunkRow.version == version))


def _reporter(source: _Source, progress: Report | None) -> _Reporter:
    def report(stage: Stage, done: int) -> None:
        if progress is not None:
            progress(Progress(source.card.id, stage, done, len(source.chunks)))

    return report


def _read_source(path: Path, card: DatasetCard | None) -> _Source:
    if not path.exists():
        raise DatasetError(f"{path} doesn't exist.")
    if card is None:
        if not path.is_dir():
            raise DatasetError(f"{path} is a single file, so its card must be given beside it.")
        card = load_card(path / CARD_NAME)
    files = list_files(path) if path.is_dir() else [path]
    passages = [p for file in files for p in read_file(file, description=card.description)]
    if not 1 <= len(passages) <= MAX_CHUNKS:
        raise DatasetError(f"{path} gives {len(passages)} chunks; expected 1 to {MAX_CHUNKS}.")
    version = _version_of(card.id, passages)
    chunks = number_chunks(passages, dataset_id=card.id, version=version)
    return _Source(card, tuple(chunks), version, len(files), sum(file.stat().st_size for file in files))


def _version_of(dataset_id: str, passages: Sequence[Passage]) -> str:
    return digest_of([FORMAT, dataset_id, [[p.document, p.place, p.text] for p in passages]])


def _row(chunk: Chunk) -> dict[str, str | int]:
    return {
        "id": chunk.id,
        "dataset_id": chunk.dataset_id,
        "version": chunk.version,
        "document": chunk.document,
        "place": chunk.place,
        "position": chunk.position,
        "text": chunk.text,
    }


def _version(source: _Source, now: datetime) -> DatasetVersion:
    return DatasetVersion(
        dataset_id=source.card.id,
        version=source.version,
        documents=source.documents,
        chunks=len(source.chunks),
        bytes=source.bytes,
        created_at=now,
    )


def _stale_versions(session: Session, dataset_id: str) -> list[str]:
    active = session.scalar(select(Dataset.active_version).where(Dataset.id == dataset_id))
    versions = session.scalars(select(ChunkRow.version).where(ChunkRow.dataset_id == dataset_id).distinct())
    return sorted(version for version in versions if version != active)
