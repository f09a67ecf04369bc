"""Rows as lines of JSON and back, the same for both databases: times in ISO 8601, bytes in base64."""

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, LargeBinary, Table, func, insert, select, text

from core.errors import StoreError
from core.store.tables import UtcDateTime

BATCH = 1000
Row = dict[str, Any]


def dump_rows(connection: Connection, table: Table) -> Iterator[bytes]:
    """Yield every row of a table as one line."""
    order = [table.c.created_at] if "created_at" in table.c else []
    query = select(table).order_by(*order, *table.primary_key)
    for row in connection.execution_options(yield_per=BATCH).execute(query).mappings():
        yield json.dumps({name: _to_json(value) for name, value in row.items()}).encode() + b"\n"


def load_rows(connection: Connection, table: Table, lines: Iterable[bytes]) -> int:
    """Insert the rows of these lines and return how many there were.

    Raises:
        StoreError: A line is not a row of this table.
    """
    rows: Iterator[Row] = (_row(table, line) for line in lines)
    parent = next((key.parent.name for key in table.foreign_keys if key.column.table is table), None)
    if parent is not None:
        rows = _parents_first(rows, key=next(iter(table.primary_key)).name, parent=parent)
    count = sum(_insert(connection, table, batch) for batch in _batches(rows))
    _move_sequence(connection, table)
    return count


def _to_json(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _row(table: Table, line: bytes) -> Row:
    try:
        row = json.loads(line)
        if set(row) != {column.name for column in table.columns}:
            raise ValueError(f"its columns are {sorted(row)}")
        return {column.name: _from_json(column)(row[column.name]) for column in table.columns}
    except (ValueError, TypeError) as exc:
        raise StoreError(f"the backup holds a row that table {table.name} does not know: {exc}") from exc


def _from_json(column: Column[Any]) -> Callable[[Any], Any]:
    convert: Callable[[Any], Any] | None = None
    if isinstance(column.type, UtcDateTime):
        convert = datetime.fromisoformat
    elif isinstance(column.type, LargeBinary):
        convert = base64.b64decode
    return lambda value: value if value is None or convert is None else convert(value)


def _parents_first(rows: Iterable[Row], *, key: str, parent: str) -> Iterator[Row]:
    """Yield each row after the one it refers to. Rows whose parent never comes are last; the database refuses them."""
    seen: set[Any] = {None}
    waiting: dict[Any, list[Row]] = {}
    for row in rows:
        ready = [row] if row[parent] in seen else []
        if not ready:
            waiting.setdefault(row[parent], []).append(row)
        while ready:
            current = ready.pop()
            yield current
            seen.add(current[key])
            ready += waiting.pop(current[key], [])
    for orphans in waiting.values():
        yield from orphans


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    batch: list[Row] = []
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _insert(connection: Connection, table: Table, batch: list[Row]) -> int:
    connection.execute(insert(table), batch)
    return len(batch)


def _move_sequence(connection: Connection, table: Table) -> None:
    """Let PostgreSQL number new rows after the restored ones; SQLite does by itself."""
    numbered = table.autoincrement_column
    if numbered is None or connection.dialect.name == "sqlite":
        return
    last = connection.scalar(select(func.max(numbered)))
    if last is not None:
        statement = text("SELECT setval(pg_get_serial_sequence(:table, :column), :last)")
        connection.execute(statement, {"table": table.name, "column": numbered.name, "last": last})
