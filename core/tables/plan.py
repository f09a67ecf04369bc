"""The plan language: one operation over the rows of one table that meet up to a few conditions.

A plan names columns and compares cells with values; it holds no code. Whoever proposes it, a parser or a model, goes
through `load_plan`, which refuses what the language doesn't have.
"""

from typing import Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from core.errors import DatasetError

Operation = Literal[
    "list",  # the column's cells
    "count",  # how many rows
    "count_different",  # how many different cells the column has
    "sum",
    "mean",
    "spread",  # the column's highest number less its lowest
    "top",  # the column's cell in the row where `by` is highest
    "bottom",
    "first",  # the column's cell in the first row
    "last",
    "next",  # the column's cell in the row after the last one that meets the conditions
    "previous",
    "most_common",  # the column's cell that the most rows have
    "least_common",
    "top_sum",  # the column's cell whose rows have the highest sum of `by`
    "difference",  # of the column's number, between the rows of two conditions
    "difference_of_counts",
    "difference_of_sums",
    "count_above",  # how many rows have a higher `by` than the rows that meet the conditions
    "count_below",
    "same",  # the column's cells in other rows that have the same `by`
]
Comparison = Literal["is", "is_not", "has", "<", "<=", ">", ">="]
View = Literal["plain", "number", "date", "year"]
Measure = Literal["number", "date"]
_config = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True, config=_config)
class Condition:
    """What a cell must be.

    Attributes:
        column: Name in the table's header.
        comparison: "is", "is_not" and "has" compare words, the others numbers.
        value: Words in plain form (`core.tables.words.plain`), or a number; a date as YYYYMMDD.
        view: As what the cell is read.
    """

    column: str
    comparison: Comparison
    value: str | float
    view: View = "plain"


@dataclass(frozen=True, slots=True, config=_config)
class Plan:
    """A question as one query.

    Attributes:
        column: What is shown or computed; None where rows are counted.
        by: What rows are ordered by; None for the order of the table.
        view: As what `by` is read, or `column` where it is computed.
        where: Conditions that must all be met.
        either: Conditions of which one must be met; the two sides where two things are compared.
    """

    operation: Operation
    column: str | None = None
    by: str | None = None
    view: Measure = "number"
    where: tuple[Condition, ...] = ()
    either: tuple[Condition, ...] = ()


_plans = TypeAdapter(Plan)


def load_plan(text: str) -> Plan:
    """Return the plan that a JSON text holds.

    Raises:
        DatasetError: It is none.
    """
    try:
        return _plans.validate_json(text)
    except ValidationError as exc:
        raise DatasetError(f"This is no plan for a table: {exc.errors()[0]['msg']}.") from exc
