"""Profiles a table in one pass and bounded memory: what each column holds, how much is missing, how it is spread.

Up to a number of different values, everything is exact. Beyond it, distinct counts, most frequent values, quantiles and
histograms come from sketches, and the profile says so; counts, means, least and greatest values stay exact. A number is
what `core.tables.cells` reads as one: 1,234.5, $3, 12 %, (45). What can't be told apart, such as 1.234,5 or 3/4/2001,
stays text. NA means missing, even where it is a code.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import TypeAdapter

from core.datasets.column_profile import MAX_PLACES, ColumnProfile, ColumnProfiler, Places

BATCH = 1_024
MAX_DISTINCT = 10_000
TABLE_DISTINCT = 200_000  # different values kept of all columns of a table together
MAX_COMPARED = 200_000


@dataclass(frozen=True, slots=True)
class TableProfile:
    """What a table holds.

    Attributes:
        repeated: Rows that are the same as an earlier one, among the first `compared` rows.
    """

    rows: int
    columns: tuple[ColumnProfile, ...]
    repeated: Places
    compared: int
    file: str = ""
    title: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-like values."""
        values: dict[str, Any] = _PROFILE.dump_python(self, mode="json")
        return values


_PROFILE = TypeAdapter(TableProfile)


def read_profile(values: object) -> TableProfile:
    """Return a profile from what `TableProfile.to_json` gave."""
    return _PROFILE.validate_python(values)


class TableProfiler:
    """Profiles one table, row by row."""

    def __init__(self, header: Sequence[str], *, file: str = "", title: str = "") -> None:
        bound = max(500, min(MAX_DISTINCT, TABLE_DISTINCT // max(1, len(header))))
        self._columns = [
            ColumnProfiler(name, is_first=number == 0, max_distinct=bound) for number, name in enumerate(header)
        ]
        self._digests = [0] * len(header)
        self._batch: list[Sequence[str]] = []
        self._rows = 0
        self._seen: set[int] = set()
        self._repeated, self._repeated_rows = 0, list[int]()
        self._file, self._title = file, title

    def add(self, row: Sequence[str]) -> None:
        """Take in a row with as many cells as the header has names."""
        self._batch.append(row)
        if len(self._batch) == BATCH:
            self._flush()

    def result(self) -> TableProfile:
        """Return the profile of the rows so far."""
        self._flush()
        earlier: dict[int, str] = {}
        columns = []
        for column, digest in zip(self._columns, self._digests, strict=True):
            found = column.result()
            copy_of = earlier.setdefault(digest, found.name)
            columns.append(replace(found, copy_of=copy_of) if copy_of != found.name and found.present else found)
        repeated = Places(self._repeated, tuple(self._repeated_rows))
        return TableProfile(
            self._rows, tuple(columns), repeated, min(self._rows, MAX_COMPARED), self._file, self._title
        )

    def _flush(self) -> None:
        if not self._batch:
            return
        for number, cells in enumerate(zip(*self._batch, strict=True)):
            joined = "\x1f".join(cells)
            self._digests[number] = hash((self._digests[number], joined))
            self._columns[number].add(cells, start=self._rows + 1, is_ascii=joined.isascii())
        for row in self._batch:
            self._rows += 1
            if self._rows <= MAX_COMPARED:
                self._compare(hash(tuple(row)))
        self._batch = []

    def _compare(self, digest: int) -> None:
        if digest not in self._seen:
            self._seen.add(digest)
            return
        self._repeated += 1
        if len(self._repeated_rows) < MAX_PLACES:
            self._repeated_rows.append(self._rows)
