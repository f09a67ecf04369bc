"""Writes a plan as SQL and runs it in DuckDB, in memory, with no way out and within limits.

Column names come from the table's header and are quoted; values go in as parameters. Only the columns that a plan names
are loaded, each as the plan reads it: as written, in plain form, as a number, as a date (YYYYMMDD) or its year.
"""

import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from core.errors import DatasetError
from core.tables.frame import FrameColumn
from core.tables.plan import Condition, Plan
from core.tables.schema import StoredTable
from core.tables.table_store import read_columns

MEMORY = "256MB"
MOST_ROWS_SHOWN = 200
CELLS_PER_CHECK = 20_000

Parameter = str | float
_PLACE = re.compile("\0(\\d+)\0")
_SHOWN_AS = {"number": "number", "date": "date as yyyymmdd", "year": "year", "plain": "plain"}


@dataclass(frozen=True, slots=True)
class Query:
    """SQL with its parameters.

    Attributes:
        rows_sql: Yields the rows that the result comes from; None where the query itself does.
        shown: The SQL with the parameters written in, for people.
    """

    sql: str
    parameters: tuple[Parameter, ...]
    rows_sql: str | None
    shown: str


@dataclass(frozen=True, slots=True)
class Result:
    """What a query yields.

    Attributes:
        values: Cells as written, or one number.
        rows: Rows that the values come from, counted from 1; the first `MOST_ROWS_SHOWN` of them.
    """

    values: tuple[str | float, ...]
    rows: tuple[int, ...]


class _Names:
    """Gives every column that a plan reads a name that DuckDB tells from the others, whatever the header holds."""

    def __init__(self, plan: Plan) -> None:
        self._taken: set[str] = set()
        self.row = self._free("row")
        self._names: dict[tuple[str, str], str] = {}
        for column, view in _columns_read(plan):
            name = column if view == "text" else f"{column} ({_SHOWN_AS[view]})"
            self._names[column, view] = self._free(name)

    def _free(self, name: str) -> str:
        name = name.replace("\0", "") or "column"
        while name.casefold() in self._taken:
            name += "'"
        self._taken.add(name.casefold())
        return name

    def __getitem__(self, key: tuple[str, str]) -> str:
        return _quoted(self._names[key])

    def items(self) -> list[tuple[tuple[str, str], str]]:
        """Return ((column, view), name in the query)."""
        return list(self._names.items())


def build_query(plan: Plan, *, title: str, names: _Names | None = None) -> Query:
    """Return a plan as SQL."""
    writer = _Writer(plan, names or _Names(plan), _quoted(title.replace("\0", "") or "table"))
    sql, rows_sql = writer.write()
    return Query(
        _with_places(sql),
        tuple(writer.parameters),
        None if rows_sql is None else _with_places(rows_sql),
        _with_values(sql, writer.parameters),
    )


def run_plan(plan: Plan, table: StoredTable, *, time_limit_s: float) -> tuple[Query, Result | None]:
    """Run a plan over a kept table; a result of None says that no row meets it.

    Raises:
        DatasetError: The plan doesn't fit the table, or it can't be run within the limits.
    """
    known = {column.name for column in table.columns}
    wanted = {column for column, _ in _columns_read(plan)}
    if not wanted <= known:
        raise DatasetError(f"The table {table.title!r} has no column {', '.join(sorted(wanted - known))!r}.")
    ends = time.monotonic() + time_limit_s
    names = _Names(plan)
    query = build_query(plan, title=table.title, names=names)
    try:
        data = _load(table, names, ends=ends)
        with _limited(ends) as connection:
            connection.register(table.title.replace("\0", "") or "table", data)
            found = connection.execute(query.sql, query.parameters).fetchall()
            rows = connection.execute(query.rows_sql, query.parameters).fetchall() if query.rows_sql else found
    except (duckdb.Error, TimeoutError) as exc:
        if time.monotonic() >= ends:
            raise DatasetError(
                f"The table {table.title!r} of {table.rows} rows couldn't be asked within {time_limit_s:g} s."
            ) from exc
        raise DatasetError(f"The table {table.title!r} couldn't be asked: {exc}.") from exc
    values = tuple(row[0] for row in found if row[0] is not None)
    places = tuple(sorted({int(row[-1]) for row in rows}))[:MOST_ROWS_SHOWN] if values else ()
    return query, Result(values, places) if values else None


@contextmanager
def _limited(ends: float) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database in memory that can reach nothing, and is interrupted when its time is over."""
    connection = duckdb.connect(
        ":memory:", config={"threads": 1, "memory_limit": MEMORY, "enable_external_access": False, "temp_directory": ""}
    )
    watch = threading.Timer(max(0.0, ends - time.monotonic()), connection.interrupt)
    watch.daemon = True
    watch.start()
    try:
        connection.execute("SET lock_configuration = true")
        yield connection
    finally:
        watch.cancel()
        watch.join()
        connection.close()


def _load(table: StoredTable, names: _Names, *, ends: float) -> pa.Table:
    by_name = {column.name: column for column in table.columns}
    raw = read_columns(table, [by_name[column].stored_text for (column, _), _ in names.items()])
    loaded: dict[str, pa.Array] = {names.row: pa.array(range(1, table.rows + 1), pa.int64())}
    frames: dict[str, FrameColumn] = {}
    for (column, view), name in names.items():
        if column not in frames:
            frames[column] = FrameColumn(column, tuple(_texts(raw[by_name[column].stored_text], ends=ends)))
        if view == "text":
            loaded[name] = pa.array(frames[column].texts, pa.string())
            continue
        kind = pa.string() if view == "plain" else pa.float64()
        loaded[name] = pa.array(_checked(frames[column], view, ends=ends), kind)
    return pa.table(loaded)


def _texts(cells: pa.ChunkedArray, *, ends: float) -> Iterator[str]:
    for chunk in cells.chunks:
        if time.monotonic() >= ends:
            raise TimeoutError
        yield from ("" if cell is None else written(cell) for cell in chunk.to_pylist())


def written(cell: object) -> str:
    """Return a kept cell as it was written."""
    return str(cell).lower() if isinstance(cell, bool) else str(cell)


def _checked(column: FrameColumn, view: str, *, ends: float) -> list[Parameter | None]:
    """Read a column's cells in one view, a part at a time, until time is over."""
    found: list[Parameter | None] = []
    for start in range(0, len(column.texts), CELLS_PER_CHECK):
        if time.monotonic() >= ends:
            raise TimeoutError
        found.extend(getattr(FrameColumn(column.name, column.texts[start : start + CELLS_PER_CHECK]), view))
    return found


def _columns_read(plan: Plan) -> list[tuple[str, str]]:
    """Return each column that a plan reads, with the view; "text" is the cell as written."""
    found: list[tuple[str, str]] = []
    if plan.column is not None:
        if plan.operation in ("sum", "mean", "spread", "difference", "difference_of_sums"):
            found.append((plan.column, "number"))
        else:
            found += [(plan.column, "text"), (plan.column, "plain")]
    if plan.by is not None:
        found.append((plan.by, "plain" if plan.operation == "same" else plan.view))
    found += [(c.column, c.view) for c in (*plan.where, *plan.either)]
    return list(dict.fromkeys(found))


class _Writer:
    """Writes one plan; a parameter's place stands between two NULs, which no name has, until all is written."""

    def __init__(self, plan: Plan, names: _Names, source: str) -> None:
        self.plan, self.names, self.source = plan, names, source
        self.parameters: list[Parameter] = []
        self.row = _quoted(names.row)
        self.where = self._where(plan.where, () if plan.operation.startswith("difference") else plan.either)

    def write(self) -> tuple[str, str | None]:
        """Return the query, and the one for the rows behind it."""
        plan = self.plan
        if plan.operation.startswith("difference"):
            return self._difference()
        kept = f"FROM {self.source}{self.where}"
        rows = f"SELECT {self.row} {kept} ORDER BY {self.row} LIMIT {MOST_ROWS_SHOWN}"
        if plan.operation == "count":
            return f"SELECT count(*) {kept}", rows
        if plan.operation in ("count_above", "count_below"):
            return self._beside(kept)
        column = plan.column or ""
        if plan.operation in ("sum", "mean", "spread"):
            x = self.names[column, "number"]
            how = {"sum": f"sum({x})", "mean": f"avg({x})", "spread": f"max({x}) - min({x})"}[plan.operation]
            held = f"{kept}{' AND' if self.where else ' WHERE'} {x} IS NOT NULL"
            return f"SELECT {how} {kept}", f"SELECT {self.row} {held} ORDER BY {self.row} LIMIT {MOST_ROWS_SHOWN}"
        if plan.operation == "count_different":
            return f"SELECT count(DISTINCT {self.names[column, 'plain']}) {kept} HAVING count(*) > 0", rows
        return self._cells(column, kept), None

    def _cells(self, column: str, kept: str) -> str:
        plan, row = self.plan, self.row
        cell = self.names[column, "plain"]
        show = f"SELECT {self.names[column, 'text']}, {row}"
        everything = f"FROM {self.source}"
        match plan.operation:
            case "list":
                return f"{show} {kept} ORDER BY {row}"
            case "first":
                return f"{show} {kept} ORDER BY {row} LIMIT 1"
            case "last":
                return f"{show} {kept} ORDER BY {row} DESC LIMIT 1"
            case "next":
                return f"{show} {everything} WHERE {row} = (SELECT max({row}) + 1 {kept})"
            case "previous":
                return f"{show} {everything} WHERE {row} = (SELECT min({row}) - 1 {kept})"
            case "most_common" | "least_common":
                best = "max" if plan.operation == "most_common" else "min"
                return self._groups(cell, show, kept, measure="count(*)", only=f"{cell} <> ''", best=best)
        if plan.operation == "same":
            other = self.names[plan.by or "", "plain"]
            return (
                f"WITH kept AS (SELECT * {kept}) {show} {everything} WHERE {other} IN (SELECT {other} FROM kept) "
                f"AND {row} NOT IN (SELECT {row} FROM kept) ORDER BY {row}"
            )
        by = self.names[plan.by or "", plan.view]
        if plan.operation == "top_sum":
            only = f"{cell} <> '' AND {by} IS NOT NULL"
            return self._groups(cell, show, kept, measure=f"sum({by})", only=only, best="max")
        best = "max" if plan.operation == "top" else "min"
        return (
            f"WITH kept AS (SELECT * {kept}) {show} FROM kept "
            f"WHERE {by} = (SELECT {best}({by}) FROM kept) ORDER BY {row}"
        )

    def _groups(self, cell: str, show: str, kept: str, *, measure: str, only: str, best: str) -> str:
        return (
            f"WITH kept AS (SELECT * {kept}), good AS (SELECT * FROM kept WHERE {only}), "
            f"sized AS (SELECT {cell} AS cell, {measure} AS size FROM good GROUP BY ALL) "
            f"{show} FROM good WHERE {cell} IN (SELECT cell FROM sized WHERE size = (SELECT {best}(size) FROM sized)) "
            f"ORDER BY {self.row}"
        )

    def _beside(self, kept: str) -> tuple[str, str]:
        x = self.names[self.plan.by or "", self.plan.view]
        above = self.plan.operation == "count_above"
        edge = f"(SELECT {'max' if above else 'min'}({x}) {kept})"
        beyond = f"FROM {self.source} WHERE {x} {'>' if above else '<'} {edge}"
        rows = f"SELECT {self.row} {beyond} ORDER BY {self.row} LIMIT {MOST_ROWS_SHOWN}"
        return f"SELECT count(*) {beyond} HAVING {edge} IS NOT NULL", rows

    def _difference(self) -> tuple[str, str]:
        plan = self.plan
        if len(plan.either) != 2:
            raise DatasetError(f"A plan that compares needs two conditions; it has {len(plan.either)}.")
        sides = [f"(SELECT * FROM {self.source}{self._where((*plan.where, side), ())})" for side in plan.either]
        both = f"WITH one AS {sides[0]}, other AS {sides[1]} "
        rows = f"{both}SELECT {self.row} FROM one UNION SELECT {self.row} FROM other ORDER BY 1 LIMIT {MOST_ROWS_SHOWN}"
        if plan.operation == "difference_of_counts":
            a, b = ("(SELECT count(*) FROM one)", "(SELECT count(*) FROM other)")
            return f"{both}SELECT abs({a} - {b}) WHERE {a} > 0 AND {b} > 0", rows
        x = self.names[plan.column or "", "number"]
        how = "sum" if plan.operation == "difference_of_sums" else "max"
        sql = f"{both}SELECT abs((SELECT {how}({x}) FROM one) - (SELECT {how}({x}) FROM other))"
        if plan.operation == "difference":
            alone = " AND ".join(f"(SELECT count(DISTINCT {x}) FROM {side}) = 1" for side in ("one", "other"))
            sql += f" WHERE {alone}"
        return sql, rows

    def _where(self, where: Sequence[Condition], either: Sequence[Condition]) -> str:
        parts = [self._condition(c) for c in where]
        if either:
            parts.append("(" + " OR ".join(self._condition(c) for c in either) + ")")
        return f" WHERE {' AND '.join(parts)}" if parts else ""

    def _condition(self, condition: Condition) -> str:
        name = self.names[condition.column, condition.view]
        if condition.comparison == "has":
            return f"contains(' ' || {name} || ' ', {self._parameter(f' {condition.value} ')})"
        sign = {"is": "=", "is_not": "<>"}.get(condition.comparison, condition.comparison)
        value = str(condition.value) if condition.view == "plain" else float(condition.value)
        return f"{name} {sign} {self._parameter(value)}"

    def _parameter(self, value: Parameter) -> str:
        self.parameters.append(value)
        return f"\0{len(self.parameters) - 1}\0"


def _with_places(sql: str) -> str:
    """Return SQL with $1, $2 for the parameters."""
    return _PLACE.sub(lambda found: f"${int(found[1]) + 1}", sql)


def _with_values(sql: str, parameters: Sequence[Parameter]) -> str:
    """Return SQL with the parameters written in."""
    return _PLACE.sub(lambda found: _literal(parameters[int(found[1])]), sql)


def _literal(value: Parameter) -> str:
    return f"{value:.15g}" if isinstance(value, float) else "'" + value.replace("'", "''") + "'"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
