"""Indexes pending versions, several small datasets together, and makes them visible.

Of each group: vectors and words go into the indexes, which are checked, then one transaction flips the catalog, then
what belongs to older versions is removed. A group that was interrupted is done again, from the chunks in the store.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice

import numpy as np
from sqlalchemy import case, select, update

from core.datasets.catalog import chunk_of
from core.datasets.ingest.deciding import moves_to_index
from core.datasets.ingest.progress import Outcome, Progress, Report, Stage
from core.datasets.ingest.registry import count_chunks, delete_chunks, publish, stale_versions
from core.datasets.states import Change, Gate, apply_changes
from core.encoder.sentence_encoder import SentenceEncoder
from core.errors import RetrievalError
from core.rag.chunking import FORMAT, Passage, number_chunk, searchable_text, sentence_heading
from core.rag.embedding import Embedder, Vectors
from core.rag.lexical import LexicalIndex, LexicalWriter
from core.rag.sentences import split_sentences
from core.rag.vectors import VectorIndex
from core.schema import Chunk
from core.store.database import Store
from core.store.tables import ChunkRow, Dataset, DatasetSource, DatasetVersion
from core.tables.table_store import TableStore

EMBED_BATCH = 256
GROUP_BATCHES = 16
SLICE = 16  # chunks whose vectors are made before progress is told again
GROUP_DATASETS = 256


@dataclass(frozen=True, slots=True)
class Pending:
    """A version that is stored and not yet visible.

    Attributes:
        active: The version that queries see now, if the vectors of its chunks are as they would be made today.
    """

    dataset_id: str
    version: str
    chunks: int
    active: str | None = None


class Indexer:
    """Takes pending versions into the indexes."""

    def __init__(
        self,
        store: Store,
        vectors: VectorIndex,
        lexical: LexicalIndex,
        embedder: Embedder,
        encoder: SentenceEncoder,
        *,
        tables: TableStore | None,
        gate: Gate | None,
        clock: Callable[[], datetime],
        batch_size: int = EMBED_BATCH,
    ) -> None:
        self._store = store
        self._vectors = vectors
        self._lexical = lexical
        self._embedder = embedder
        self._encoder = encoder
        self._tables = tables
        self._gate = gate
        self._clock = clock
        self._batch_size = batch_size

    def pending(self) -> list[Pending]:
        """Return the versions that wait for an index and may be used, in the order of their ids."""
        version = DatasetVersion
        query = (
            select(
                DatasetSource.dataset_id,
                DatasetSource.version,
                version.chunks,
                case((DatasetSource.format == FORMAT, Dataset.active_version)),
                version.approval,
            )
            .join(Dataset, Dataset.id == DatasetSource.dataset_id)
            .join(version, (version.dataset_id == Dataset.id) & (version.version == DatasetSource.version))
            .where(Dataset.active_version.is_distinct_from(DatasetSource.version))
            .order_by(Dataset.id)
        )
        with self._store.read() as session:
            rows = session.execute(query).all()
        return [Pending(*row) for *row, approval in rows if self._gate is None or _is_approved(approval)]

    def index(self, pending: Sequence[Pending], writer: LexicalWriter, *, outcome: Outcome, report: Report) -> None:
        """Index and publish versions, a group at a time."""
        total, done = sum(each.chunks for each in pending), 0
        for group in _groups(pending, max_chunks=GROUP_BATCHES * self._batch_size):
            chunks = sum(each.chunks for each in group)
            self._index_group(group, writer, report=_from(report, group, done, total))
            done += chunks
            outcome.added += [each.dataset_id for each in group]
            outcome.chunks += chunks

    def clean(self, writer: LexicalWriter, dataset_ids: Sequence[str] | None = None) -> None:
        """Remove what belongs to versions that are neither active nor pending, from the indexes first."""
        with self._store.read() as session:
            stale = stale_versions(session, dataset_ids)
        if not stale:
            return
        for dataset_id, version in stale:
            self._vectors.remove(version)
            writer.remove(version)
            if self._tables is not None:
                self._tables.remove(dataset_id, version)
        writer.commit()
        with self._store.write() as session:
            delete_chunks(session, stale)

    def _index_group(
        self, group: Sequence[Pending], writer: LexicalWriter, *, report: Callable[[Stage, int], None]
    ) -> None:
        done = 0
        for each in group:
            writer.remove(each.version)  # what an interrupted ingest may have left
        active = {each.version: each.active for each in group if each.active is not None}
        for batch in self._batches(group):
            meant = [chunk for chunk, by_meaning in batch if by_meaning]
            self._add_vectors(meant, active, tick=partial(report, "embedded", done))
            writer.add([chunk for chunk, _ in batch])
            done += len(batch)
            report("embedded", done)
        writer.commit()
        self._check([each.version for each in group])
        report("indexed", done)
        self._publish({each.dataset_id: each.version for each in group})
        report("published", done)
        self.clean(writer, [each.dataset_id for each in group])
        report("done", done)

    def _publish(self, versions: Mapping[str, str]) -> None:
        now, changes = self._clock(), list[Change]()
        if self._gate is not None:
            with self._store.read() as session:
                changes = moves_to_index(session, versions)
            self._gate.record(changes)
        with self._store.write(lock="datasets") as session:
            apply_changes(session, changes, now=now)
            publish(session, versions, now)

    def _batches(self, group: Sequence[Pending]) -> Iterator[list[tuple[Chunk, bool]]]:
        """Yield the chunks of a group, a page at a time."""
        chunks = (chunk for each in group for chunk in self._chunks(each))
        while batch := list(islice(chunks, self._batch_size)):
            yield batch

    def _chunks(self, pending: Pending) -> Iterator[tuple[Chunk, bool]]:
        after = -1
        while True:
            query = (
                select(ChunkRow)
                .where(ChunkRow.dataset_id == pending.dataset_id, ChunkRow.version == pending.version)
                .where(ChunkRow.position > after)
                .order_by(ChunkRow.position)
                .limit(self._batch_size)
            )
            with self._store.read() as session:
                page = [(chunk_of(row), row.by_meaning) for row in session.scalars(query)]
            yield from page
            if len(page) < self._batch_size:
                return
            after = page[-1][0].position

    def _add_vectors(self, chunks: Sequence[Chunk], active: Mapping[str, str], *, tick: Callable[[], None]) -> None:
        """Give chunks their vectors; those of chunks that the active version holds too are taken from there."""
        there = {c.id: _same_in(c, active[c.version]) for c in chunks if c.version in active}
        vectors, sentences = self._held(list(there.values()))
        taken = [c for c in chunks if there.get(c.id) in vectors and there[c.id] in sentences]
        if taken:
            self._vectors.add(taken, vectors=np.stack([vectors[there[c.id]] for c in taken]))
            self._store_sentences({c.id: sentences[there[c.id]] for c in taken})
        known = {c.id for c in taken}
        self._make_vectors([c for c in chunks if c.id not in known], tick)

    def _held(self, ids: Sequence[str]) -> tuple[dict[str, Vectors], dict[str, bytes]]:
        """Return the vectors, and the sentence vectors, of those of these chunks that have any."""
        if not ids:
            return {}, {}
        query = select(ChunkRow.id, ChunkRow.sentence_vectors).where(ChunkRow.id.in_(ids))
        with self._store.read() as session:
            sentences = {chunk_id: held for chunk_id, held in session.execute(query) if held is not None}
        return self._vectors.vectors_of(ids), sentences

    def _make_vectors(self, chunks: Sequence[Chunk], tick: Callable[[], None]) -> None:
        if not chunks:
            return
        vectors, sentences = list[Vectors](), dict[str, bytes]()
        for start in range(0, len(chunks), SLICE):
            if start:
                tick()
            part = chunks[start : start + SLICE]
            vectors.append(self._embedder.embed([searchable_text(chunk) for chunk in part]))
            passages = [(sentence_heading(c.document, c.place), split_sentences(c.text)) for c in part]
            found = zip(part, self._encoder.passages(passages), strict=True)
            sentences |= {chunk.id: each.astype(np.float16).tobytes() for chunk, each in found}
        self._vectors.add(chunks, vectors=np.concatenate(vectors))
        self._store_sentences(sentences)

    def _store_sentences(self, vectors: Mapping[str, bytes]) -> None:
        with self._store.write() as session:
            session.execute(update(ChunkRow), [{"id": i, "sentence_vectors": held} for i, held in vectors.items()])

    def _check(self, versions: Sequence[str]) -> None:
        """Raise a RetrievalError unless both indexes hold all that the store does."""
        with self._store.read() as session:
            expected, by_meaning = count_chunks(session, versions)
        held = sum(map(self._vectors.count, versions)), sum(map(self._lexical.count, versions))
        if held != (by_meaning, expected):
            raise RetrievalError(
                f"The vector and lexical index hold {held[0]} of {by_meaning} and {held[1]} of {expected} chunks; "
                "ingest again."
            )


def _same_in(chunk: Chunk, version: str) -> str:
    """Return the id that the same text at the same place has in another version."""
    passage = Passage(chunk.document, chunk.place, chunk.text)
    return number_chunk(passage, 0, dataset_id=chunk.dataset_id, version=version).id


def _is_approved(approval: Mapping[str, str] | None) -> bool:
    return approval is not None and approval["outcome"] == "approved"


def _groups(pending: Sequence[Pending], *, max_chunks: int) -> Iterator[list[Pending]]:
    """Yield small datasets together, a large one alone."""
    group: list[Pending] = []
    for each in pending:
        full = len(group) == GROUP_DATASETS or sum(p.chunks for p in group) + each.chunks > max_chunks
        if group and full:
            yield group
            group = []
        group.append(each)
    if group:
        yield group


def _from(report: Report, group: Sequence[Pending], before: int, total: int) -> Callable[[Stage, int], None]:
    """Return a report of a group's chunks that counts those of all groups."""
    return lambda stage, done: report(Progress(group[-1].dataset_id, stage, before + done, total))
