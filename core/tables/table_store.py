"""Keeps the tables of datasets as Parquet files, typed where a whole column can be read as more than text.

A table of more rows than one batch streams twice: first as text into a file that is thrown away, while the kind of
each column is found, then typed into the file that stays. It appears under its name only when it is whole, so a process
killed in mid-write leaves no table, and the next write of the version starts over. Memory holds two batches of rows.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from itertools import chain, islice
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from core.config import Settings
from core.errors import DatasetError
from core.store.sync import sync_file, sync_folder
from core.tables.cells import is_missing, read_boolean, read_date, read_integer, read_number
from core.tables.schema import Column, Kind, StoredTable

BATCH_ROWS = 2_048
BATCH_CHARACTERS = 8_000_000
FORMAT = 1
META = b"promethios.table"

Cell = int | float | date | bool | str | None
Texts = Sequence[Sequence[str]]  # the cells of a batch of rows, by column

READERS: dict[Kind, Callable[[str], Cell]] = {
    "integer": read_integer,
    "number": read_number,
    "date": read_date,
    "boolean": read_boolean,
}
TYPES: dict[Kind, pa.DataType] = {
    "integer": pa.int64(),
    "number": pa.float64(),
    "date": pa.date32(),
    "boolean": pa.bool_(),
    "text": pa.string(),
}


class TableStore:
    """The tables below a folder, by dataset and version."""

    def __init__(self, folder: Path) -> None:
        """Take the folder; it is made when something is written."""
        self.folder = folder

    def write(
        self,
        dataset_id: str,
        version: str,
        *,
        name: str,
        title: str,
        header: Sequence[str],
        rows: Iterable[Sequence[str]],
    ) -> StoredTable:
        """Keep a table; one of the same name in the same version is replaced, at once.

        Args:
            dataset_id: The dataset.
            version: The dataset's version.
            name: Tells it from the version's other tables.
            title: Names it for people.
            header: Column names, each different, at least one.
            rows: As many cells as the header has names; read once.

        Raises:
            DatasetError: The header or a row doesn't fit, or the file can't be written.
        """
        if not header or len(set(header)) != len(header):
            raise DatasetError(f"The table {title!r} needs at least one column, and names that differ: {list(header)}.")
        folder = self.folder / _key(dataset_id, version)
        path = folder / f"{_key(name)}.parquet"
        draft, text = (path.with_suffix(f".{uuid4().hex}.{end}") for end in ("draft", "text"))
        try:
            folder.mkdir(parents=True, exist_ok=True)
            kinds = _Kinds(len(header), title)
            batches = kinds.watch(_batches(rows))
            held = list(islice(batches, 2))
            if len(held) > 1:
                _spool(text, chain(held, batches), len(header))
            columns = _columns(header, kinds)
            meta = {
                "format": FORMAT,
                "dataset_id": dataset_id,
                "version": version,
                "name": name,
                "title": title,
                "columns": [[c.name, c.kind, c.stored, c.stored_text] for c in columns],
            }
            _type(_spooled(text) if len(held) > 1 else held, draft, columns, meta)
            draft.replace(path)
            sync_folder(folder)
        except (OSError, pa.ArrowException) as exc:
            raise DatasetError(f"The table {title!r} can't be kept in {self.folder}: {exc}.") from exc
        finally:
            draft.unlink(missing_ok=True)
            text.unlink(missing_ok=True)
        return StoredTable(dataset_id, version, name, title, columns, kinds.rows, path)

    def tables(self, dataset_id: str, version: str) -> list[StoredTable]:
        """Return the whole tables of a version, by name.

        Raises:
            DatasetError: A file can't be read.
        """
        paths = (self.folder / _key(dataset_id, version)).glob("*.parquet")
        return sorted((_load(path) for path in paths), key=lambda table: table.name)

    def remove(self, dataset_id: str, version: str) -> None:
        """Delete the tables of a version, and what a killed process left of it; nothing there is no error.

        Raises:
            DatasetError: A file can't be deleted.
        """
        try:
            shutil.rmtree(self.folder / _key(dataset_id, version))
        except FileNotFoundError:
            return
        except OSError as exc:
            raise DatasetError(f"The tables of {dataset_id!r} can't be deleted: {exc}.") from exc


def open_tables(settings: Settings) -> TableStore:
    """Open the tables in the data folder."""
    return TableStore(settings.data_folder / "tables")


def read_columns(table: StoredTable, stored: Sequence[str], *, limit: int | None = None) -> pa.Table:
    """Return columns of a kept table by their names in its file, the first `limit` rows of them.

    Raises:
        DatasetError: The file can't be read.
    """
    names = list(dict.fromkeys(stored))
    try:
        with pq.ParquetFile(table.path) as file:
            if limit is None:
                return file.read(columns=names)
            found, left = [], limit
            for batch in file.iter_batches(columns=names, batch_size=BATCH_ROWS):
                found.append(batch.slice(0, left))
                left -= found[-1].num_rows
                if not left:
                    break
            schema = pa.schema([file.schema_arrow.field(name) for name in names])
            return pa.Table.from_batches(found, schema=schema)
    except (OSError, KeyError, pa.ArrowException) as exc:
        raise DatasetError(f"The table {table.title!r} can't be read: {exc}.") from exc


def _key(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


class _Kinds:
    """Finds the kind of each column of a table, and whether typing changes how a cell reads, as batches pass by."""

    def __init__(self, width: int, title: str) -> None:
        self.rows = 0
        self._title = title
        self._possible: list[dict[Kind, bool]] = [dict.fromkeys(READERS, False) for _ in range(width)]
        self._filled = [False] * width

    def watch(self, batches: Iterable[Sequence[Sequence[str]]]) -> Iterator[Texts]:
        """Pass batches of rows on as columns."""
        width = len(self._filled)
        for batch in batches:
            for row in batch:
                self.rows += 1
                if len(row) != width:
                    raise DatasetError(
                        f"Row {self.rows} of {self._title!r} has {len(row)} cells; the header has {width}."
                    )
            cells = list(zip(*batch, strict=True))
            for candidates, column in zip(self._possible, cells, strict=True):
                _narrow(candidates, column)
            self._filled = [
                had or not all(map(is_missing, column)) for had, column in zip(self._filled, cells, strict=True)
            ]
            yield cells

    def found(self) -> list[tuple[Kind, bool]]:
        """Return kind and change of each column; one without a single value is text, as nothing says what it holds."""
        text: tuple[Kind, bool] = "text", False
        each = zip(self._possible, self._filled, strict=True)
        return [next(iter(possible.items()), text) if had else text for possible, had in each]


def _spool(path: Path, batches: Iterable[Texts], width: int) -> None:
    """Write columns as text."""
    schema = pa.schema([(f"c{n}", pa.string()) for n in range(width)])
    with pq.ParquetWriter(path, schema) as writer:
        for cells in batches:
            writer.write_batch(pa.record_batch([pa.array(c, pa.string()) for c in cells], schema=schema))


def _spooled(path: Path) -> Iterator[Texts]:
    """Yield what was written as text."""
    with pq.ParquetFile(path) as source:
        for batch in source.iter_batches(batch_size=BATCH_ROWS):
            yield [cells.to_pylist() for cells in batch.columns]


def _batches(rows: Iterable[Sequence[str]]) -> Iterator[list[Sequence[str]]]:
    """Yield rows in batches that are bounded in rows and in characters."""
    batch: list[Sequence[str]] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += sum(map(len, row))
        if len(batch) >= BATCH_ROWS or size >= BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _narrow(candidates: dict[Kind, bool], column: Sequence[str]) -> None:
    """Take out the kinds that a cell of the column can't be read as; note where the text would be changed."""
    for text in dict.fromkeys(column):
        missing = is_missing(text)
        for kind in tuple(candidates):
            value = None if missing else READERS[kind](text)
            if value is None and not missing:
                del candidates[kind]
            elif text != _written(value):
                candidates[kind] = True
        if not candidates:
            return


def _written(value: Cell) -> str:
    """Return how a value reads when it is written from its type."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _columns(header: Sequence[str], kinds: _Kinds) -> tuple[Column, ...]:
    taken, columns = set(header), []
    for name, (kind, differs) in zip(header, kinds.found(), strict=True):
        text_name = name
        if kind != "text" and differs:
            text_name = f"{name} (as written)"
            while text_name in taken:
                text_name += "'"
            taken.add(text_name)
        columns.append(Column(name, kind, name, text_name))
    return tuple(columns)


def _type(batches: Iterable[Texts], draft: Path, columns: Sequence[Column], meta: dict[str, object]) -> None:
    """Write columns of text as typed ones, and make the file durable."""
    fields = []
    for column in columns:
        fields.append(pa.field(column.stored, TYPES[column.kind]))
        if column.stored_text != column.stored:
            fields.append(pa.field(column.stored_text, pa.string()))
    schema = pa.schema(fields, metadata={META: json.dumps(meta).encode()})
    with pq.ParquetWriter(draft, schema, compression="zstd") as writer:
        for batch in batches:
            arrays = []
            for column, texts in zip(columns, batch, strict=True):
                if column.kind != "text":
                    read = READERS[column.kind]
                    known = {cell: None if is_missing(cell) else read(cell) for cell in set(texts)}
                    arrays.append(pa.array([known[cell] for cell in texts], TYPES[column.kind]))
                if column.kind == "text" or column.stored_text != column.stored:
                    arrays.append(pa.array(texts, pa.string()))
            writer.write_batch(pa.record_batch(arrays, schema=schema))
    sync_file(draft)


def _load(path: Path) -> StoredTable:
    try:
        with pq.ParquetFile(path) as file:
            meta = json.loads(file.schema_arrow.metadata[META])
            columns = tuple(Column(*each) for each in meta["columns"])
            rows = file.metadata.num_rows
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as exc:
        raise DatasetError(f"{path} is not a table that was kept here: {exc}; ingest its dataset again.") from exc
    return StoredTable(meta["dataset_id"], meta["version"], meta["name"], meta["title"], columns, rows, path)
