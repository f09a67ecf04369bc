"""Checks of a dataset's quality, from the profiles of its tables and what its readers reported.

They say what a person should look at. None of them changes a cell, and none judges whether what a cell says is true.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import TypeAdapter

from core.datasets.column_profile import ColumnProfile, Places
from core.datasets.profile import TableProfile
from core.datasets.schema import Problem

MUCH_MISSING = 0.5
MIN_ROWS = 2
MAX_PROBLEMS = 100

Check = Literal[
    "empty-table",
    "empty-column",
    "much-missing",
    "constant-column",
    "repeated-rows",
    "repeated-column",
    "mixed-types",
    "decimal-commas",
    "garbled-text",
    "not-read",
]


@dataclass(frozen=True, slots=True)
class QualityFinding:
    """Something to look at.

    Attributes:
        count: How many cells, rows or places.
        table: The table's title; empty for the dataset as a whole.
        column: Empty for the table as a whole.
        places: The first places, such as "row 12".
        sentence: What was found, in plain words.
    """

    check: Check
    count: int
    sentence: str
    table: str = ""
    column: str = ""
    places: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Quality:
    """The result of all checks.

    Attributes:
        cells: Cells that were checked.
        missing: Cells among them that hold nothing.
        problems: What readers reported, at most 100 of them as text.
        problem_count: How much readers reported.
    """

    cells: int
    missing: int
    findings: tuple[QualityFinding, ...]
    problems: tuple[str, ...] = ()
    problem_count: int = 0

    @property
    def missing_share(self) -> float | None:
        """Return the share of cells that hold nothing; None without cells."""
        return self.missing / self.cells if self.cells else None

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-like values, `missing_share` included."""
        values: dict[str, Any] = _QUALITY.dump_python(self, mode="json")
        return values | {"missing_share": self.missing_share}


_QUALITY = TypeAdapter(Quality)


def read_quality(values: dict[str, Any]) -> Quality:
    """Return what `Quality.to_json` gave."""
    return _QUALITY.validate_python({name: value for name, value in values.items() if name != "missing_share"})


def check_quality(
    profiles: Sequence[TableProfile], problems: Sequence[Problem] = (), *, problem_count: int | None = None
) -> Quality:
    """Run every check.

    Args:
        profiles: A profile for each table.
        problems: What the readers reported and skipped, or the first of it.
        problem_count: How much they reported, where that is more than `problems`.
    """
    columns = [column for profile in profiles for column in profile.columns]
    count = len(problems) if problem_count is None else problem_count
    return Quality(
        cells=sum(column.present + column.missing for column in columns),
        missing=sum(column.missing for column in columns),
        findings=tuple(finding for profile in profiles for finding in _check_table(profile))
        + tuple(_check_problems(problems, count)),
        problems=tuple(str(problem) for problem in problems[:MAX_PROBLEMS]),
        problem_count=count,
    )


def _check_problems(problems: Sequence[Problem], count: int) -> Iterator[QualityFinding]:
    if count:
        places = tuple(str(problem) for problem in problems[:3])
        yield QualityFinding("not-read", count, f"{_n(count, 'place')} left out: it could not be read.", places=places)


def _check_table(profile: TableProfile) -> Iterator[QualityFinding]:
    title = profile.title or profile.file
    if not profile.rows:
        yield QualityFinding("empty-table", 1, "The table has no rows.", title)
        return
    if profile.repeated.count:
        among = "" if profile.compared == profile.rows else f" among the first {profile.compared:,}"
        yield QualityFinding(
            "repeated-rows",
            profile.repeated.count,
            f"{_n(profile.repeated.count, 'row')}{among} the same as an earlier one.",
            title,
            places=_rows(profile.repeated),
        )
    for column in profile.columns:
        for check in _COLUMN_CHECKS:
            found = check(column, profile.rows)
            if found is not None:
                name, count, sentence, places = found
                yield QualityFinding(name, count, sentence, title, column.name, places)


_Found = tuple[Check, int, str, tuple[str, ...]] | None


def _empty(column: ColumnProfile, rows: int) -> _Found:
    if column.present:
        return None
    return "empty-column", rows, "The column holds nothing.", ()


def _much_missing(column: ColumnProfile, rows: int) -> _Found:
    share = column.missing / rows
    if not column.present or share < MUCH_MISSING:
        return None
    return "much-missing", column.missing, f"{share:.0%} of its cells hold nothing.", ()


def _constant(column: ColumnProfile, rows: int) -> _Found:
    if column.distinct != 1 or column.missing or rows < MIN_ROWS:
        return None
    return "constant-column", rows, f"Every row holds the same: {column.top[0][0]!r}.", ()


def _copied(column: ColumnProfile, rows: int) -> _Found:
    if column.copy_of is None or rows < MIN_ROWS or column.distinct < MIN_ROWS:
        return None
    return "repeated-column", rows, f"It holds the same as the column {column.copy_of!r}.", ()


def _mixed(column: ColumnProfile, _: int) -> _Found:
    if not column.others.count:
        return None
    kinds = {"text": "a number or a day", "category": "a number or a day", "date": "not a day"}
    other = kinds.get(column.kind, "not a number")
    sentence = f"{_n(column.others.count, 'cell')} {other}, such as {', '.join(map(repr, column.others.examples))}."
    return "mixed-types", column.others.count, sentence, _rows(column.others)


def _commas(column: ColumnProfile, _: int) -> _Found:
    found = column.decimal_commas
    if not found.count:
        return None
    sentence = (
        f"{_n(found.count, 'cell')} written with a decimal comma, such as {found.examples[0]!r}, and read as text."
    )
    return "decimal-commas", found.count, sentence, _rows(found)


def _garbled(column: ColumnProfile, _: int) -> _Found:
    found = column.garbled
    if not found.count:
        return None
    sentence = f"{_n(found.count, 'cell')} damaged by a wrong encoding, such as {found.examples[0]!r}."
    return "garbled-text", found.count, sentence, _rows(found)


_COLUMN_CHECKS: tuple[Callable[[ColumnProfile, int], _Found], ...] = (
    _empty,
    _much_missing,
    _constant,
    _copied,
    _mixed,
    _commas,
    _garbled,
)


def _rows(places: Places) -> tuple[str, ...]:
    return tuple(f"row {row:,}" for row in places.rows)


def _n(count: int, noun: str) -> str:
    return f"1 {noun} is" if count == 1 else f"{count:,} {noun}s are"
