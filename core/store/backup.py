"""Backup and restore: all rows, the vectors, the datasets' own tables, and on request the keys, in one file.

Either database can be filled from it. A backup is taken while the product runs: all rows come from one snapshot, and
vectors of chunks that this snapshot does not hold are left out. A restore needs the product stopped; rows change all or
not at all, the vector index and files have no such promise. Without the keys of its installation, restored content
can't be decrypted.
"""

import io
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, delete, func, select, text
from sqlalchemy.exc import DBAPIError

from core import VERSION
from core.errors import StoreError
from core.store.archive import ArchiveReader, ArchiveWriter, BackupManifest, read_archive, write_archive
from core.store.database import Store
from core.store.migrate import head_revision
from core.store.private_file import write_private
from core.store.rows import dump_rows, load_rows
from core.store.tables import Base, ChunkRow

VectorBatch = tuple[Sequence[str], NDArray[np.float32], Sequence[Mapping[str, Any]]]
TABLES = Base.metadata.sorted_tables  # what is referred to comes first
IDS_PER_QUERY = 500


class VectorExport(Protocol):
    """A vector index that can give out and take in all it holds, in batches of (ids, vectors, metadatas)."""

    def export_all(self) -> Iterator[VectorBatch]:
        """Yield everything; vectors have shape (len(ids), dimensions)."""

    def import_all(self, batches: Iterable[VectorBatch]) -> None:
        """Replace everything by these batches."""


def backup(
    store: Store,
    target: Path,
    *,
    vectors: VectorExport | None,
    keys: Path | None,
    clock: Callable[[], datetime],
    parquet: Path | None = None,
) -> BackupManifest:
    """Write a backup to a new file and return what it holds.

    Args:
        store: The database; it may be in use.
        target: The file to make.
        vectors: The index to include; None leaves it out.
        keys: The folder of keys to include; None leaves them out, and then keep them somewhere else.
        clock: Tells when the backup was taken.
        parquet: The folder of the datasets' own tables to include.

    Raises:
        StoreError: The database can't be read, or the file exists or can't be written.
    """
    now = clock()
    with store.read() as session, write_archive(target, at=now) as writer:
        connection = session.connection()
        rows = _write_tables(writer, connection)
        total = None if vectors is None else _write_vectors(writer, vectors, connection)
        if keys is not None:
            _write_keys(writer, keys)
        if parquet is not None:
            _write_parquet(writer, parquet)
        manifest = BackupManifest(
            created_at=now,
            revision=head_revision(),
            database="sqlite" if store.is_sqlite else "postgresql",
            versions={name: version(name) for name in ("sqlalchemy", "alembic")} | {"promethios-workbench": VERSION},
            rows=rows,
            vectors=total,
            digests=writer.digests,
        )
        writer.finish(manifest)
    return manifest


def restore(
    source: Path,
    store: Store,
    *,
    vectors: VectorExport | None = None,
    keys: Path | None = None,
    parquet: Path | None = None,
    replace: bool = False,
) -> BackupManifest:
    """Fill a database from a backup, after checking all of the file, and return what it holds.

    Args:
        source: The file that `backup` made.
        store: The database to fill.
        vectors: The index to fill; needed when the backup holds vectors.
        keys: The folder to write the backup's keys to; None leaves them in the file.
        parquet: The folder to write the datasets' own tables to; None leaves them in the file.
        replace: Delete what the database, the index and the folder of keys hold now.

    Raises:
        StoreError: The file is damaged, of another schema, or lacks what was asked for; or the target is not empty.
    """
    with read_archive(source) as reader:
        _refuse_unusable(reader.manifest, vectors=vectors, keys=keys)
        try:
            with store.write(lock="restore") as session:
                _restore_tables(reader, session.connection(), replace=replace)
                if keys is not None:
                    _restore_keys(reader, keys, replace=replace)
                if parquet is not None:
                    _restore_parquet(reader, parquet)
                if vectors is not None:
                    vectors.import_all(_read_vectors(reader))
        except DBAPIError as exc:
            raise StoreError(f"this database does not accept the backup's rows: {exc.orig}") from exc
        return reader.manifest


def _write_tables(writer: ArchiveWriter, connection: Connection) -> dict[str, int]:
    rows = {}
    for table in TABLES:
        count = 0
        with writer.member(f"tables/{table.name}.jsonl") as append:
            for count, line in enumerate(dump_rows(connection, table), start=1):  # noqa: B007
                append(line)
        rows[table.name] = count
    return rows


def _write_vectors(writer: ArchiveWriter, index: VectorExport, connection: Connection) -> int:
    total = 0
    for number, (ids, vectors, metadatas) in enumerate(index.export_all()):
        known = _known_chunks(connection, ids)
        kept = [position for position, chunk_id in enumerate(ids) if chunk_id in known]
        file = io.BytesIO()
        np.savez(
            file,
            ids=np.array([ids[i] for i in kept], dtype=np.str_),
            vectors=np.asarray(vectors, dtype=np.float32)[kept],
            metadatas=np.array([json.dumps(dict(metadatas[i])) for i in kept], dtype=np.str_),
        )
        with writer.member(f"vectors/{number:06d}.npz") as append:
            append(file.getvalue())
        total += len(kept)
    return total


def _known_chunks(connection: Connection, ids: Sequence[str]) -> set[str]:
    known: set[str] = set()
    for start in range(0, len(ids), IDS_PER_QUERY):
        query = select(ChunkRow.id).where(ChunkRow.id.in_(ids[start : start + IDS_PER_QUERY]))
        known.update(connection.scalars(query))
    return known


def _write_keys(writer: ArchiveWriter, keys: Path) -> None:
    if not keys.is_dir():
        raise StoreError(f"the folder of keys {keys} does not exist; leave the keys out or name the right one.")
    for path in sorted(path for path in keys.rglob("*") if path.is_file()):
        with writer.member(f"keys/{path.relative_to(keys).as_posix()}") as append:
            append(path.read_bytes())


def _write_parquet(writer: ArchiveWriter, folder: Path) -> None:
    """Write the files that are whole; one that vanishes meanwhile was of a version that is no longer in use."""
    for path in sorted(folder.glob("*/*.parquet")):
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            continue
        with writer.member(f"parquet/{path.relative_to(folder).as_posix()}") as append:
            append(data)


def _refuse_unusable(manifest: BackupManifest, *, vectors: VectorExport | None, keys: Path | None) -> None:
    if manifest.revision != head_revision():
        raise StoreError(
            f"the backup is of schema {manifest.revision}, this release writes {head_revision()}. Restore it with "
            f"release {manifest.versions.get('promethios-workbench', 'unknown')}, then start this one on that database."
        )
    if manifest.vectors is not None and vectors is None:
        raise StoreError(f"the backup holds {manifest.vectors} vectors; give the vector index that takes them.")
    if manifest.vectors is None and vectors is not None:
        raise StoreError("the backup holds no vectors; restore without the index, then ingest or re-index.")
    if keys is not None and not manifest.members("keys"):
        raise StoreError(
            "the backup holds no keys; restore without them and copy the key folder from where it is kept."
        )
    expected = [f"tables/{name}.jsonl" for name in sorted(manifest.rows)]
    if sorted(manifest.rows) != sorted(table.name for table in TABLES) or manifest.members("tables") != sorted(
        expected
    ):
        raise StoreError("the backup's tables are not those of its schema; take another copy of it.")


def _restore_tables(reader: ArchiveReader, connection: Connection, *, replace: bool) -> None:
    if connection.dialect.name == "postgresql":  # on SQLite this is the only writer already
        connection.execute(text(f"LOCK TABLE {', '.join(table.name for table in TABLES)} IN EXCLUSIVE MODE"))
    filled = [table.name for table in TABLES if connection.scalar(select(func.count()).select_from(table))]
    if filled and not replace:
        raise StoreError(f"the database is not empty ({', '.join(filled)}). Restore to a new one, or ask to replace.")
    for table in reversed(TABLES):
        connection.execute(delete(table))
    for table in TABLES:
        count = load_rows(connection, table, reader.lines(f"tables/{table.name}.jsonl"))
        if count != reader.manifest.rows[table.name]:
            raise StoreError(f"the backup holds {count} rows of {table.name}, its manifest says otherwise.")


def _read_vectors(reader: ArchiveReader) -> Iterator[VectorBatch]:
    for name in reader.manifest.members("vectors"):
        try:
            with np.load(io.BytesIO(reader.content(name)), allow_pickle=False) as batch:
                metadatas = [json.loads(line) for line in batch["metadatas"]]
                yield batch["ids"].tolist(), batch["vectors"].astype(np.float32), metadatas
        except (ValueError, KeyError, zipfile.BadZipFile) as exc:
            raise StoreError(f"the backup's {name} does not hold vectors: {exc}") from exc


def _restore_keys(reader: ArchiveReader, folder: Path, *, replace: bool) -> None:
    contents = {folder / _path_of(name, "keys"): reader.content(name) for name in reader.manifest.members("keys")}
    differing = [path for path, data in contents.items() if path.exists() and path.read_bytes() != data]
    if differing and not replace:
        raise StoreError(f"{differing[0]} holds another key. Restore to an empty folder, or ask to replace.")
    try:
        for path, data in contents.items():
            write_private(path, data, replace=True)
    except OSError as exc:
        raise StoreError(f"the keys can't be written to {folder}: {exc.strerror}.") from exc


def _restore_parquet(reader: ArchiveReader, folder: Path) -> None:
    try:
        for name in reader.manifest.members("parquet"):
            write_private(folder / _path_of(name, "parquet"), reader.content(name), replace=True)
    except OSError as exc:
        raise StoreError(f"the datasets' tables can't be written to {folder}: {exc.strerror}.") from exc


def _path_of(name: str, folder: str) -> PurePosixPath:
    path = PurePosixPath(name).relative_to(folder)
    if path.is_absolute() or ".." in path.parts:
        raise StoreError(f"the backup names a file outside its folder: {name}. Don't use this file.")
    return path
