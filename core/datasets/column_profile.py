"""Profiles one column: exact while it has few different values, from sketches (Apache DataSketches) beyond."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from datasketches import frequent_items_error_type, frequent_strings_sketch, hll_sketch

from core.datasets.spread import QUANTILES, Histogram, Spread
from core.tables.cells import MISSING, read_boolean, read_date, read_integer, read_number

MAX_PLACES = 3
TOP = 10
CATEGORY_VALUES = 50
ID_ROWS = 10
NEARLY_ALL = 0.9  # this share of cells decides a column's kind; the others are reported
SHOWN = 80
KEPT = 200  # characters of a value that are kept; what is longer is told apart by its hash
SPILL_CELLS = 1_000_000

Kind = Literal["integer", "number", "date", "boolean", "category", "text", "id", "empty"]

_DECIMAL_COMMA = re.compile(r"[+-]?\d{1,3}(?:\.\d{3})*,\d+|[+-]?\d+,\d+")
_GARBLED = re.compile("[ÂÃ][\u0080-\u00bf]|Ã[ŒœŸšžƒ‡ˆ‰Š‹‘’“”•–—˜™›]|â€.|\ufffd|ï¿½")
_ID_NAME = re.compile(
    r"(?:.*[\s_.-])?(?:id|key|code|uuid|guid|index|no|nr|rownames?|row names)|.*[a-z]I[dD]", re.DOTALL
)
_CURRENCY = "$€£¥"
_TIME = re.compile(r"[T ]\d{2}:\d{2}[\d:.,+Z -]*")
_NUMERIC = ("integer", "number")


@dataclass(frozen=True, slots=True)
class Places:
    """Cells or rows: how many, and where the first are (rows count from 1, without the header)."""

    count: int = 0
    rows: tuple[int, ...] = ()
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """What a column holds.

    Attributes:
        present: Cells that hold something.
        distinct: Different values among them, estimated when not `exact`.
        minimum: A number, or a day in ISO 8601; as the next ones None where the kind has none.
        quantiles: Share -> value, such as "0.5" -> the median.
        unit: "%" or a currency sign where all its numbers carry it.
        top: Most frequent values with their counts, cut to 80 characters.
        others: Cells that hold something else than the kind says.
        decimal_commas: Cells that look like numbers with a decimal comma; they are taken for text.
        garbled: Cells whose encoding was damaged before they came here.
        exact: Whether distinct, quantiles, histogram and top values are exact; the rest always is.
        copy_of: An earlier column with the same cells.
    """

    name: str
    kind: Kind
    present: int
    missing: int
    distinct: int
    minimum: float | str | None = None
    maximum: float | str | None = None
    mean: float | None = None
    std: float | None = None
    quantiles: dict[str, float | str] = field(default_factory=dict)
    histogram: Histogram | None = None
    unit: str = ""
    top: tuple[tuple[str, int], ...] = ()
    others: Places = Places()
    decimal_commas: Places = Places()
    garbled: Places = Places()
    exact: bool = True
    copy_of: str | None = None


class ColumnProfiler:
    """Profiles one column, batch by batch."""

    def __init__(self, name: str, *, is_first: bool, max_distinct: int) -> None:
        self._name = name
        self._is_first = is_first
        self._max_distinct = max_distinct
        self._counts: dict[str, int] = {}
        self._first: dict[str, int] = {}
        self._garbled = _Finds()
        self._readings = _Readings()
        self._sketches: tuple[hll_sketch, frequent_strings_sketch] | None = None
        self._since_spill = 0

    def add(self, cells: Sequence[str], *, start: int, is_ascii: bool) -> None:
        """Take in cells of consecutive rows, the first of them row `start`."""
        counts, first = self._counts, self._first
        for row, cell in enumerate(cells, start):
            value = cell if len(cell) <= KEPT else f"{cell[:KEPT]}\x00{hash(cell)}"
            if value in counts:
                counts[value] += 1
            else:
                counts[value], first[value] = 1, row
        if not is_ascii:
            for row, cell in enumerate(cells, start):
                if not cell.isascii() and _GARBLED.search(cell):
                    self._garbled.add(cell, 1, row)
        self._since_spill += len(cells)
        if len(counts) > self._max_distinct or (self._sketches and self._since_spill >= SPILL_CELLS):
            self._spill()

    def result(self) -> ColumnProfile:
        """Return the profile; to be called once, at the end."""
        if self._sketches is not None:
            self._spill()
            distinct, top = round(self._sketches[0].get_estimate()), _frequent(self._sketches[1])
        else:
            present = self._readings.take(self._counts, self._first, sketch=False)
            distinct, top = len(present), Counter(present).most_common(TOP)
        return self._describe(distinct, [(_shown(value), count) for value, count in top])

    def _spill(self) -> None:
        if self._sketches is None:
            self._sketches = hll_sketch(14), frequent_strings_sketch(12)
        distinct, frequent = self._sketches
        for value, count in self._readings.take(self._counts, self._first, sketch=True).items():
            distinct.update(value)
            frequent.update(value, count)
        self._counts, self._first, self._since_spill = {}, {}, 0

    def _describe(self, distinct: int, top: list[tuple[str, int]]) -> ColumnProfile:
        found, exact = self._readings, self._sketches is None
        kind = self._kind(distinct)
        spread = {"integer": found.numbers, "number": found.numbers, "id": found.numbers, "date": found.days}.get(kind)
        describes = spread is not None and spread.n > 0
        return ColumnProfile(
            name=self._name,
            kind=kind,
            present=found.present,
            missing=found.missing,
            distinct=distinct,
            **(_spread_fields(spread, kind) if describes and spread is not None else {}),
            unit=next(iter(found.units)) if kind in _NUMERIC and len(found.units) == 1 else "",
            top=tuple(top),
            others=found.others(kind),
            decimal_commas=found.finds["decimal comma"].places(),
            garbled=self._garbled.places(),
            exact=exact,
        )

    def _kind(self, distinct: int) -> Kind:
        found, present = self._readings, self._readings.present
        held = {name: finds.count for name, finds in found.finds.items()}
        if not present:
            return "empty"
        if held["boolean"] == present:
            return "boolean"
        kind: Kind = "text"
        if held["integer"] + held["number"] >= NEARLY_ALL * present:
            kind = "number" if held["number"] else "integer"
        elif held["date"] >= NEARLY_ALL * present:
            return "date"
        if kind != "number" and self._is_id(distinct, whole=held["integer"] == present):
            return "id"
        if kind == "text" and self._sketches is None and distinct <= min(CATEGORY_VALUES, present // 2):
            return "category"
        return kind

    def _is_id(self, distinct: int, *, whole: bool) -> bool:
        found = self._readings
        if found.missing or distinct < found.present or distinct < ID_ROWS or self._sketches is not None:
            return False
        numbers = found.numbers
        counts_rows = whole and numbers.minimum in (0, 1) and numbers.maximum - numbers.minimum + 1 == distinct
        return _ID_NAME.fullmatch(self._name.strip()) is not None or (self._is_first and counts_rows)


@dataclass(slots=True)
class _Finds:
    """Counts cells and remembers the first."""

    count: int = 0
    first: list[tuple[int, str]] = field(default_factory=list)

    def add(self, value: str, count: int, row: int) -> None:
        self.count += count
        if len(self.first) < MAX_PLACES:
            self.first.append((row, _shown(value)))

    def places(self) -> Places:
        return Places(self.count, tuple(row for row, _ in self.first), tuple(value for _, value in self.first))


class _Readings:
    """What the different values of a column were read as."""

    def __init__(self) -> None:
        self.missing = self.present = 0
        self.numbers, self.days = Spread(), Spread()
        self.units: set[str] = set()
        self.finds = {name: _Finds() for name in ("integer", "number", "date", "boolean", "decimal comma", "text")}

    def take(self, counts: Mapping[str, int], first: Mapping[str, int], *, sketch: bool) -> dict[str, int]:
        """Read each value once; return those that hold something."""
        present: dict[str, int] = {}
        read: dict[str, tuple[list[float], list[int]]] = {"numbers": ([], []), "days": ([], [])}
        for value, count in counts.items():
            text = value.strip()
            if text.lower() in MISSING:
                self.missing += count
                continue
            present[value] = count
            kind, number = _read(text)
            self.finds[kind].add(value, count, first[value])
            if number is not None:
                values, weights = read["days" if kind == "date" else "numbers"]
                values.append(number)
                weights.append(count)
                if kind != "date":
                    self.units.add(_unit(text) if kind == "number" else "")
        self.present += sum(present.values())
        self.numbers.add(*read["numbers"], sketch=sketch)
        self.days.add(*read["days"], sketch=sketch)
        return present

    def others(self, kind: Kind) -> Places:
        """Return the cells that a column of this kind should not hold; a few numbers among texts are fine."""
        if kind in ("empty", "boolean", "id"):
            return Places()
        own = {"integer": _NUMERIC, "number": _NUMERIC, "date": ("date",)}.get(
            kind, ("text", "decimal comma", "boolean")
        )
        other = [finds for name, finds in self.finds.items() if name not in own and finds.count]
        count = sum(finds.count for finds in other)
        if kind in ("text", "category") and count < (1 - NEARLY_ALL) * self.present:
            return Places()
        first = sorted(place for finds in other for place in finds.first)[:MAX_PLACES]
        return Places(count, tuple(row for row, _ in first), tuple(value for _, value in first))


def _read(text: str) -> tuple[str, float | None]:
    """Return what a cell was read as, and its number or day."""
    if text.isdecimal() and text.isascii() and len(text) < 16 and (text[0] != "0" or text == "0"):
        return "integer", float(text)
    if text[0].isalpha():
        if read_boolean(text) is not None:
            return "boolean", None
    else:
        number = read_number(text)
        if number is not None:
            return "integer" if read_integer(text) is not None else "number", number
        if _DECIMAL_COMMA.fullmatch(text):
            return "decimal comma", None
    day = read_date(text[:10] if _TIME.fullmatch(text, 10) else text)
    return ("text", None) if day is None else ("date", float(day.toordinal()))


def _unit(text: str) -> str:
    return "%" if text.endswith("%") else next((sign for sign in _CURRENCY if sign in text[:4]), "")


def _spread_fields(spread: Spread, kind: Kind) -> dict[str, Any]:
    say: Callable[[float], float | str] = _day if kind == "date" else float
    whole = kind != "number"
    histogram = spread.histogram(whole=whole)
    return {
        "minimum": say(spread.minimum),
        "maximum": say(spread.maximum),
        "mean": None if kind == "date" else spread.mean,
        "std": None if kind == "date" else spread.std,
        "quantiles": {f"{q:g}": say(value) for q, value in zip(QUANTILES, spread.quantiles(), strict=True)},
        "histogram": histogram and Histogram(tuple(say(float(e)) for e in histogram.edges), histogram.counts),
    }


def _day(ordinal: float) -> str:
    return date.fromordinal(min(int(ordinal), date.max.toordinal())).isoformat()


def _frequent(sketch: frequent_strings_sketch) -> list[tuple[str, int]]:
    """Return the values that are surely frequent, with the estimate of how often each occurs."""
    found = sketch.get_frequent_items(frequent_items_error_type.NO_FALSE_POSITIVES)
    return [(str(value), int(estimate)) for value, estimate, *_ in found[:TOP]]


def _shown(value: str) -> str:
    text = value.partition("\x00")[0]
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
