"""A table as plans see it: each cell as written, in plain form, as a number, as a date."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from core.tables.cells import is_missing
from core.tables.words import date_in, has_month, number_in, plain, stem

ENOUGH = 0.6  # of the cells that aren't empty: a column of numbers or dates has as many


@dataclass(frozen=True)
class FrameColumn:
    """A column, cell by cell."""

    name: str
    texts: tuple[str, ...]

    @cached_property
    def plain(self) -> tuple[str, ...]:
        """The cells in plain form."""
        return tuple(plain(text) for text in self.texts)

    @cached_property
    def number(self) -> tuple[float | None, ...]:
        """The first number of each cell."""
        return tuple(None if is_missing(text) else number_in(text) for text in self.texts)

    @cached_property
    def date(self) -> tuple[float | None, ...]:
        """The first date of each cell, as YYYYMMDD."""
        return tuple(None if is_missing(text) else date_in(text) for text in self.texts)

    @cached_property
    def year(self) -> tuple[float | None, ...]:
        """The year of each cell's date."""
        return tuple(None if d is None or d < 10_000 else float(d // 10_000) for d in self.date)

    @cached_property
    def filled(self) -> tuple[str, ...]:
        """The cells that hold something."""
        return tuple(text for text in self.texts if not is_missing(text))

    @cached_property
    def is_date(self) -> bool:
        """Whether most cells give a date with its month."""
        return sum(map(has_month, self.filled)) >= ENOUGH * max(len(self.filled), 1)

    @cached_property
    def is_number(self) -> bool:
        """Whether most cells are a number, with at most a few signs before it."""
        good = sum(number_in(text) is not None and _starts_as_number(text) for text in self.filled)
        return not self.is_date and good >= ENOUGH * max(len(self.filled), 1)

    @cached_property
    def is_year(self) -> bool:
        """Whether most cells are years."""
        years = sum(y is not None and 1000 <= y <= 2100 for y in self.number)
        return self.is_number and years >= 0.8 * max(len(self.filled), 1)

    @cached_property
    def kind(self) -> str:
        """What most cells are: a date, a year, a number or text."""
        if self.is_date:
            return "date"
        if self.is_year:
            return "year"
        return "number" if self.is_number else "text"

    @cached_property
    def stems(self) -> tuple[str, ...]:
        """The stems of the column's name."""
        return tuple(stem(word) for word in plain(self.name).split())

    @cached_property
    def shape(self) -> str:
        """What most cells look like: a place, a name, one word or many, words with digits; "mixed" where none leads."""
        counts = Counter(map(_shape, self.filled))
        shape, count = counts.most_common(1)[0] if counts else ("empty", 0)
        return shape if count >= 0.5 * max(len(self.filled), 1) else "mixed"

    @cached_property
    def different(self) -> int:
        """How many different cells there are."""
        return len(set(self.plain))


@dataclass(frozen=True)
class Frame:
    """The rows that a plan is made from."""

    title: str
    columns: tuple[FrameColumn, ...]

    @cached_property
    def by_name(self) -> dict[str, FrameColumn]:
        """The columns by name."""
        return {column.name: column for column in self.columns}

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.columns[0].texts) if self.columns else 0


def build_frame(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Frame:
    """Return the frame of rows of text."""
    cells = list(zip(*rows, strict=True)) if rows else [()] * len(header)
    return Frame(title, tuple(FrameColumn(name, tuple(column)) for name, column in zip(header, cells, strict=True)))


def _starts_as_number(text: str) -> bool:
    """Return whether at most a sign, a currency or such stands before the first digit."""
    before = re.split(r"\d", text.strip(), maxsplit=1)[0].strip()
    return (len(before) <= 2 and not any(c.isalpha() for c in before)) or before.lower() in ("us$", "no", "no.", "t")


def _shape(text: str) -> str:
    words = text.split()
    if any(c.isdigit() for c in text):
        return "number" if _starts_as_number(text) else "digits"
    if text[:1] in "\"'“":
        return "quoted"
    if ", " in text:
        return "place"
    if len(words) == 1:
        return "word"
    capitals = sum(word[:1].isupper() for word in words)
    return "name" if capitals == len(words) <= 3 else "words" if len(words) <= 4 else "sentence"
