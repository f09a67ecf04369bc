"""Erases what names a person from datasets: lines of chunks, rows of tables, and what was computed from them.

Looks for the given texts as they stand, whatever their case; what speaks of the person in other words stays, and so do
the files that the dataset came from, which are refused until the texts are out of them.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import pyarrow.parquet as pq
from sqlalchemy import select, update
from sqlalchemy.orm import Session, undefer

from core.datasets.catalog import chunk_of
from core.datasets.ingest.reading import Cut
from core.datasets.ingest.registry import add_chunks
from core.datasets.profile import TableProfile, TableProfiler
from core.datasets.quality import check_quality
from core.datasets.states import Approval
from core.rag.chunking import FORMAT, Passage, is_about, number_chunk
from core.store.database import Store
from core.store.tables import ChunkRow, Dataset, DatasetSource, DatasetVersion
from core.tables.schema import StoredTable
from core.tables.table_store import TableStore

PAGE = 1_000
LEAST_CELL_CHARS = 4  # shorter cells name nobody and stand in every description
_IN_USE = Approval("approved", "It was in use before something was erased from it.", rule="erasure")


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased from a dataset.

    Attributes:
        version: The version that holds the texts no more; empty when nothing was left of the dataset.
        chunks: Chunks that were shortened or removed.
        rows: Rows removed from its tables.
        path: Its files, which hold the texts still; empty when it is not known.
        in_card: Whether the card, which its owner writes, holds one of the texts.
    """

    dataset_id: str
    version: str
    chunks: int
    rows: int
    path: str
    in_card: bool


class Eraser:
    """Writes versions without given texts, as pending versions that no query sees yet."""

    def __init__(
        self, store: Store, texts: Sequence[str], *, tables: TableStore | None, clock: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._needles = tuple(map(_plain, texts))
        self._tables = tables
        self._clock = clock

    def holding(self, dataset_ids: Sequence[str] | None) -> list[tuple[str, str]]:
        """Return (dataset, version) of what holds a text, of these datasets or of all; versions in use come last."""
        query = select(ChunkRow).order_by(ChunkRow.dataset_id, ChunkRow.version)
        if dataset_ids is not None:
            query = query.where(ChunkRow.dataset_id.in_(dataset_ids))
        found: dict[tuple[str, str], None] = {}
        with self._store.read() as session:
            for row in session.scalars(query.execution_options(yield_per=PAGE)):
                if self._holds(f"{row.document}\n{row.place}") or any(map(self._holds, row.text.split("\n"))):
                    found[row.dataset_id, row.version] = None
            in_use = set(session.scalars(select(Dataset.active_version)))
        return sorted(found, key=lambda each: (each[1] in in_use, each))

    def rewrite(self, dataset_id: str, version: str) -> Erased:
        """Write a version without the texts, which takes the place of what was read last."""
        with self._store.read() as session:
            dataset, source = session.get_one(Dataset, dataset_id), session.get(DatasetSource, dataset_id)
            path = "" if source is None else source.path
            in_card = self._holds(f"{dataset.title} {dataset.description} {dataset.source}")
        digest, kept, changed = hashlib.sha256(f"{FORMAT} {dataset_id} {version}".encode()), 0, 0
        for row, passage in self._passages(dataset_id, version):
            changed += passage is None or passage.text != row.text
            if passage is not None:
                kept += 1
                digest.update(repr((passage.document, passage.place, passage.text)).encode())
        if not kept:
            return Erased(dataset_id, "", changed, 0, path, in_card)
        new = f"sha256:{digest.hexdigest()}"
        self._write_chunks(dataset_id, version, new)
        profiles, rows = self._write_tables(dataset_id, version, new)
        with self._store.write() as session:
            self._write_version(session, dataset_id, version, new, chunks=kept, profiles=profiles)
        return Erased(dataset_id, new, changed, rows, path, in_card)

    def _cells_gone(self, dataset_id: str, version: str) -> set[str]:
        """Return what stands in rows that hold a text and in no other row, such as the person's address."""
        gone, kept = set[str](), set[str]()
        for table in self._tables.tables(dataset_id, version) if self._tables is not None else ():
            held = [{_plain(cell) for cell in row} for row in _rows(table) if any(map(self._holds, row))]
            here = {cell for cells in held for cell in cells if len(cell) >= LEAST_CELL_CHARS}
            if here:
                others = (row for row in _rows(table) if not any(map(self._holds, row)))
                kept.update(cell for row in others for cell in map(_plain, row) if cell in here)
            gone |= here
        return gone - kept

    def _holds(self, text: str) -> bool:
        line = _plain(text)
        return any(needle in line for needle in self._needles)

    def _passages(self, dataset_id: str, version: str) -> Iterator[tuple[ChunkRow, Passage | None]]:
        """Yield each chunk with what is left of it, if anything is; of a table's description also no cell that went."""
        cells = self._cells_gone(dataset_id, version)
        query = select(ChunkRow).where(ChunkRow.dataset_id == dataset_id, ChunkRow.version == version)
        with self._store.read() as session:
            rows = session.scalars(query.order_by(ChunkRow.position).execution_options(yield_per=PAGE))
            for row in rows:
                lines = [line for line in row.text.split("\n") if not self._holds(line)]
                if is_about(row.place):
                    lines = [line for line in lines if not any(cell in _plain(line) for cell in cells)]
                gone = not lines or self._holds(f"{row.document}\n{row.place}")
                yield row, None if gone else Passage(row.document, row.place, "\n".join(lines))

    def _write_chunks(self, dataset_id: str, version: str, new: str) -> None:
        cuts: list[Cut] = []
        for row, passage in self._passages(dataset_id, version):
            if passage is not None:
                chunk = number_chunk(passage, chunk_of(row).position, dataset_id=dataset_id, version=new)
                cuts.append(Cut(chunk, row.by_meaning))
        for start in range(0, len(cuts), PAGE):
            with self._store.write() as session:
                add_chunks(session, cuts[start : start + PAGE])

    def _write_tables(self, dataset_id: str, version: str, new: str) -> tuple[list[TableProfile], int]:
        """Keep the tables without the rows that hold a text; return their profiles and how many rows went."""
        profiles, gone = [], 0
        for table in self._tables.tables(dataset_id, version) if self._tables is not None else ():
            header = [column.name for column in table.columns]
            profiler = TableProfiler(header, file=table.name.split(" > ")[0], title=table.title)
            rows = self._kept_rows(table, profiler)
            if self._tables is not None:
                written = self._tables.write(
                    dataset_id, new, name=table.name, title=table.title, header=header, rows=rows
                )
                gone += table.rows - written.rows
            profiles.append(profiler.result())
        return profiles, gone

    def _kept_rows(self, table: StoredTable, profiler: TableProfiler) -> Iterator[tuple[str, ...]]:
        for row in _rows(table):
            if not any(map(self._holds, row)):
                profiler.add(row)
                yield row

    def _write_version(
        self, session: Session, dataset_id: str, version: str, new: str, *, chunks: int, profiles: list[TableProfile]
    ) -> None:
        everything = undefer(DatasetVersion.scan), undefer(DatasetVersion.approval)
        old = session.get_one(DatasetVersion, (dataset_id, version), options=everything)
        session.merge(
            DatasetVersion(
                dataset_id=dataset_id,
                version=new,
                documents=old.documents,
                chunks=chunks,
                bytes=old.bytes,
                created_at=self._clock(),
                profile={"tables": [profile.to_json() for profile in profiles]},
                quality=check_quality(profiles).to_json(),
                scan=old.scan,
                approval=old.approval or asdict(_IN_USE),
            )
        )
        history = update(DatasetVersion).where(DatasetVersion.dataset_id == dataset_id, DatasetVersion.version != new)
        session.execute(history.values(profile=None, quality=None))
        source = session.get(DatasetSource, dataset_id)
        if source is None:
            dataset = session.get_one(Dataset, dataset_id)
            card = {"title": dataset.title, "description": dataset.description}
            source = DatasetSource(dataset_id=dataset_id, path="", stamp="", version="", format=FORMAT, card=card)
            source.erased = []
            session.add(source)
        source.erased = sorted({*source.erased, version})
        source.stamp, source.version = "", new


def _rows(table: StoredTable) -> Iterator[tuple[str, ...]]:
    with pq.ParquetFile(table.path) as file:
        for batch in file.iter_batches(columns=[c.stored_text for c in table.columns], batch_size=PAGE):
            columns = [batch.column(c.stored_text).to_pylist() for c in table.columns]
            for cells in zip(*columns, strict=True):
                yield tuple("" if cell is None else _written(cell) for cell in cells)


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _written(cell: object) -> str:
    return str(cell).lower() if isinstance(cell, bool) else str(cell)
