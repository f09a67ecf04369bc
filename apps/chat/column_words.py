"""A table's columns as their page draws them: kind, range or values, what is missing, a small histogram."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.datasets.column_profile import ColumnProfile
from core.datasets.profile import TableProfile
from core.datasets.profile_words import say_number

BAR_WIDTH, HEIGHT, GAP = 6, 28, 1
MAX_COLUMNS = 60
MAX_VALUES = 3


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a histogram, in pixels, with what it stands for."""

    x: int
    y: float
    height: float
    words: str


@dataclass(frozen=True, slots=True)
class ColumnWords:
    """A column, described.

    Attributes:
        meaning: What the card says of it; empty where it says nothing.
        missing: Share of cells that hold nothing, in words; empty where none.
        bars: Its histogram; empty where it has none.
    """

    name: str
    kind: str
    meaning: str
    holds: str
    missing: str
    bars: tuple[Bar, ...]
    width: int


def describe_columns(table: TableProfile, meanings: Mapping[str, str]) -> list[ColumnWords]:
    """Return a table's first columns in words."""
    return [
        ColumnWords(
            name=column.name,
            kind=f"{column.kind}, {column.unit}" if column.unit else column.kind,
            meaning=meanings.get(column.name, ""),
            holds=_holds(column),
            missing=_missing(column, table.rows),
            bars=bars_of(column),
            width=len(bars_of(column)) * (BAR_WIDTH + GAP),
        )
        for column in table.columns[:MAX_COLUMNS]
    ]


def bars_of(column: ColumnProfile) -> tuple[Bar, ...]:
    """Return a column's histogram: its bins, or else its most frequent values."""
    if column.histogram is not None:
        edges = [say_number(edge) for edge in column.histogram.edges]
        counted = [
            (f"{low} to {high}", n) for low, high, n in zip(edges, edges[1:], column.histogram.counts, strict=False)
        ]
    elif column.kind in ("category", "boolean"):
        counted = list(column.top)
    else:
        return ()
    most = max((n for _, n in counted), default=0)
    if not most:
        return ()
    return tuple(
        Bar(place * (BAR_WIDTH + GAP), HEIGHT - HEIGHT * n / most, HEIGHT * n / most, f"{words}: {n:,}")
        for place, (words, n) in enumerate(counted)
    )


def _holds(column: ColumnProfile) -> str:
    if not column.present:
        return "Nothing"
    about = "" if column.exact else "about "
    if column.minimum is not None and column.maximum is not None:
        mean = f", mean {say_number(column.mean)}" if column.mean is not None and column.kind != "id" else ""
        return f"{say_number(column.minimum)} to {say_number(column.maximum)}{mean}"
    values = ", ".join(value for value, _ in column.top[:MAX_VALUES])
    different = f"{about}{column.distinct:,} different"
    return f"{different}: {values}{', …' if column.distinct > MAX_VALUES else ''}" if values else different


def _missing(column: ColumnProfile, rows: int) -> str:
    if not column.missing or not rows:
        return ""
    share = column.missing / rows
    return f"{column.missing:,} missing ({share:.0%})" if share >= 0.005 else f"{column.missing:,} missing"
