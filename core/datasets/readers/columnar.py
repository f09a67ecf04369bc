"""Reads Parquet, and Arrow as Hugging Face's `datasets` leaves it on disk, in batches.

Columns of bytes, such as pictures, are reported and left out.
"""

import json
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from core.datasets.readers.records import scalar_text
from core.datasets.readers.source import Source, UnreadableError
from core.datasets.readers.tabular import fit_row, name_columns
from core.datasets.schema import TablePart

BATCH_ROWS = 1_000
MAX_GROUP_BYTES = 1_000_000_000
_ERRORS = (pa.ArrowException, OSError, ValueError, OverflowError)


def read_parquet(source: Source) -> Iterator[TablePart]:
    """Yield the table of a Parquet file and its shards."""
    yield from _read(source, _parquet_batches)


def read_arrow(source: Source) -> Iterator[TablePart]:
    """Yield the table of an Arrow file and its shards."""
    yield from _read(source, _arrow_batches)


def _read(source: Source, batches: Any) -> Iterator[TablePart]:
    schema, _ = _open(batches, source.path)
    kept = [i for i, field in enumerate(schema) if not _holds_bytes(field.type)]
    for i in sorted(set(range(len(schema))) - set(kept)):
        source.report(f"column {schema[i].name!r} holds bytes, not text or numbers; it is left out.", place="columns")
    header = name_columns(source, [schema[i].name for i in kept], place="columns")
    yield TablePart(source.file, source.title, header, source.guard(_rows(source, batches, schema, kept)))


def _rows(source: Source, batches: Any, schema: pa.Schema, kept: list[int]) -> Iterator[tuple[str, ...]]:
    number = 0
    for path in (source.path, *source.shards):
        found, reader = _open(batches, path)
        if found.names != schema.names:
            source.report("has other columns than the first of these files.", place=path.name)
            continue
        try:
            for batch in reader:
                batch.validate(full=True)  # offsets that lie would else be followed out of the file
                columns = [batch.column(i).to_pylist() for i in kept]
                for values in zip(*columns, strict=True):
                    number += 1
                    cells = [cell_text(value) for value in values]
                    row = fit_row(source, cells, width=len(cells), place=f"row {number}")
                    if row is not None:
                        yield row
        except _ERRORS as exc:
            raise UnreadableError(f"damaged: {exc}", place=f"after row {number}") from exc


def _open(batches: Any, path: Path) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    try:
        schema, reader = batches(path)
    except _ERRORS as exc:
        raise UnreadableError(f"no complete file of this format: {exc}") from exc
    return schema, reader


def _parquet_batches(path: Path) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    file = pq.ParquetFile(path)
    meta = file.metadata
    largest = max((meta.row_group(i).total_byte_size for i in range(meta.num_row_groups)), default=0)
    if largest > MAX_GROUP_BYTES:
        raise UnreadableError(f"has a row group of {largest} bytes; at most {MAX_GROUP_BYTES} are read at once.")
    return file.schema_arrow, file.iter_batches(batch_size=BATCH_ROWS)


def _arrow_batches(path: Path) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    source = pa.memory_map(str(path))
    try:
        stream = pa.ipc.open_stream(source)
        return stream.schema, (part for batch in stream for part in _slices(batch))
    except pa.ArrowInvalid:
        file = pa.ipc.open_file(source)
        batches = (file.get_batch(i) for i in range(file.num_record_batches))
        return file.schema, (part for batch in batches for part in _slices(batch))


def _slices(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    for start in range(0, batch.num_rows, BATCH_ROWS):
        yield batch.slice(start, BATCH_ROWS)


def _holds_bytes(kind: pa.DataType) -> bool:
    if isinstance(kind, pa.BaseExtensionType):
        return _holds_bytes(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return _holds_bytes(kind.value_type)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return True
    return any(_holds_bytes(kind.field(i).type) for i in range(kind.num_fields))


def cell_text(value: Any) -> str:
    """Return a typed value as people read it: whole numbers without ".0", a day without midnight."""
    match value:
        case datetime():
            midnight = value.time() == time() and value.tzinfo is None
            return value.date().isoformat() if midnight else value.isoformat(sep=" ", timespec="seconds")
        case date() | time():
            return value.isoformat()
        case float():
            return "" if value != value else f"{value:.15g}"
        case Decimal():
            return f"{value:f}"
        case dict():
            return json.dumps(value, ensure_ascii=False, default=str)
        case list() if any(isinstance(item, dict | list | tuple) for item in value):
            return json.dumps(value, ensure_ascii=False, default=str)
        case list():
            return ", ".join(filter(None, map(cell_text, value)))
        case _:
            return scalar_text(value)
