"""Runs a plan over a frame in Python, to compare many plans quickly; the answer given is always the query's own."""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from core.tables.frame import Frame, FrameColumn
from core.tables.plan import Condition, Plan
from core.tables.words import plain

Value = str | float
Numbers = Sequence[float | None]
_PASSES: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a plan yields: values, and the places of the rows that they come from."""

    values: tuple[Value, ...]
    rows: tuple[int, ...]


@dataclass(frozen=True)
class Selection:
    """Rows of a frame, with what several plans over them need."""

    frame: Frame
    rows: Sequence[int]

    @cached_property
    def _ends(self) -> dict[tuple[str, str], tuple[list[int], list[int]]]:
        return {}

    @cached_property
    def _groups(self) -> dict[str, dict[str, list[int]]]:
        return {}

    @cached_property
    def others(self) -> list[int]:
        """The frame's other rows."""
        held = set(self.rows)
        return [n for n in range(self.frame.rows) if n not in held]

    def ends(self, by: FrameColumn, view: str) -> tuple[list[int], list[int]]:
        """Return the rows with the highest and with the lowest value of a column; none where it has no values."""
        if (by.name, view) not in self._ends:
            numbers: Numbers = getattr(by, view)
            held = [(x, n) for n in self.rows if (x := numbers[n]) is not None]
            values = [x for x, _ in held]
            high, low = max(values, default=0.0), min(values, default=0.0)
            self._ends[by.name, view] = [n for x, n in held if x == high], [n for x, n in held if x == low]
        return self._ends[by.name, view]

    def groups(self, column: FrameColumn) -> dict[str, list[int]]:
        """Return the rows of each different cell of a column that holds something."""
        if column.name not in self._groups:
            groups: dict[str, list[int]] = {}
            for n in self.rows:
                if column.plain[n]:
                    groups.setdefault(column.plain[n], []).append(n)
            self._groups[column.name] = groups
        return self._groups[column.name]


def distinct(values: Sequence[Value]) -> tuple[Value, ...]:
    """Return values in order, those that read alike once."""
    found: dict[str, Value] = {}
    for value in values:
        found.setdefault(plain(value) if isinstance(value, str) else f"{value:.9g}", value)
    return tuple(found.values())


def meets(frame: Frame, condition: Condition) -> list[int]:
    """Return the rows that meet a condition."""
    column = frame.by_name[condition.column]
    value = condition.value
    match condition.comparison:
        case "is":
            return [n for n, cell in enumerate(column.plain) if cell == value]
        case "is_not":
            return [n for n, cell in enumerate(column.plain) if cell != value]
        case "has":
            return [n for n, cell in enumerate(column.plain) if f" {value} " in f" {cell} "]
    numbers: Numbers = getattr(column, condition.view)
    limit = float(value)
    passes = _PASSES[condition.comparison]
    return [n for n, x in enumerate(numbers) if x is not None and passes(x, limit)]


def select_rows(frame: Frame, where: Sequence[Condition], either: Sequence[Condition] = ()) -> list[int]:
    """Return the rows that meet all of `where`, and one of `either` where there is any, in order."""
    rows = set(range(frame.rows))
    for condition in where:
        rows &= set(meets(frame, condition))
    if either:
        rows &= {n for condition in either for n in meets(frame, condition)}
    return sorted(rows)


def evaluate(plan: Plan, frame: Frame) -> Outcome | None:
    """Return what a plan yields, or None where it yields nothing."""
    if plan.operation.startswith("difference"):
        return _difference(plan, frame)
    return evaluate_rows(plan, Selection(frame, select_rows(frame, plan.where, plan.either)))


def evaluate_rows(plan: Plan, selection: Selection) -> Outcome | None:
    """Return what a plan yields from the rows that meet its conditions."""
    operation, frame, rows = plan.operation, selection.frame, selection.rows
    if operation == "count":
        return Outcome((float(len(rows)),), tuple(rows))
    if not rows:
        return None
    if operation in ("count_above", "count_below"):
        return _count_beside(plan, frame, rows)
    column = frame.by_name[plan.column or ""]
    if operation in ("sum", "mean", "spread"):
        return _compute(plan, column, rows)
    return _pick(plan, selection, column)


def _pick(plan: Plan, selection: Selection, column: FrameColumn) -> Outcome | None:
    frame, rows = selection.frame, selection.rows
    match plan.operation:
        case "list":
            return _cells(column, rows)
        case "count_different":
            return Outcome((float(len({column.plain[n] for n in rows})),), tuple(rows))
        case "first":
            return _cells(column, rows[:1])
        case "last":
            return _cells(column, rows[-1:])
        case "next":
            return _cells(column, [rows[-1] + 1] if rows[-1] + 1 < frame.rows else [])
        case "previous":
            return _cells(column, [rows[0] - 1] if rows[0] else [])
        case "most_common" | "least_common":
            return _common(column, selection.groups(column), most=plan.operation == "most_common")
    by = frame.by_name[plan.by or ""]
    match plan.operation:
        case "same":
            cells = {by.plain[n] for n in rows}
            return _cells(column, [n for n in selection.others if by.plain[n] in cells])
        case "top_sum":
            return _top_sum(column, by, selection.groups(column))
    return _cells(column, selection.ends(by, plan.view)[plan.operation == "bottom"])


def _cells(column: FrameColumn, rows: Sequence[int]) -> Outcome | None:
    """Return the different cells of rows, in order."""
    found: dict[str, Value] = {}
    for n in rows:
        found.setdefault(column.plain[n], column.texts[n])
    return Outcome(tuple(found.values()), tuple(rows)) if rows else None


def _compute(plan: Plan, column: FrameColumn, rows: Sequence[int]) -> Outcome | None:
    held = [(x, n) for n in rows if (x := column.number[n]) is not None]
    if not held:
        return None
    numbers = [x for x, _ in held]
    match plan.operation:
        case "sum":
            value = sum(numbers)
        case "mean":
            value = sum(numbers) / len(numbers)
        case _:
            value = max(numbers) - min(numbers)
    return Outcome((value,), tuple(n for _, n in held))


def _common(column: FrameColumn, groups: Mapping[str, list[int]], *, most: bool) -> Outcome | None:
    if not groups:
        return None
    sizes = [len(places) for places in groups.values()]
    best = max(sizes) if most else min(sizes)
    return _groups_of(column, [places for places in groups.values() if len(places) == best])


def _top_sum(column: FrameColumn, by: FrameColumn, groups: Mapping[str, list[int]]) -> Outcome | None:
    numbers = by.number
    held = [[n for n in places if numbers[n] is not None] for places in groups.values()]
    sums = [(sum(numbers[n] or 0.0 for n in places), places) for places in held if places]
    if not sums:
        return None
    best = max(total for total, _ in sums)
    return _groups_of(column, [places for total, places in sums if total == best])


def _groups_of(column: FrameColumn, groups: Sequence[Sequence[int]]) -> Outcome:
    return Outcome(tuple(column.texts[places[0]] for places in groups), tuple(n for places in groups for n in places))


def _count_beside(plan: Plan, frame: Frame, rows: Sequence[int]) -> Outcome | None:
    numbers: Numbers = getattr(frame.by_name[plan.by or ""], plan.view)
    held = [x for n in rows if (x := numbers[n]) is not None]
    if not held:
        return None
    above = plan.operation == "count_above"
    found = [n for n, x in enumerate(numbers) if x is not None and (x > max(held) if above else x < min(held))]
    return Outcome((float(len(found)),), tuple(found))


def _difference(plan: Plan, frame: Frame) -> Outcome | None:
    if len(plan.either) != 2:
        return None
    sides = [select_rows(frame, (*plan.where, condition)) for condition in plan.either]
    return difference_of(plan, frame, sides)


def difference_of(plan: Plan, frame: Frame, sides: Sequence[Sequence[int]]) -> Outcome | None:
    """Return the difference between two groups of rows, never below 0."""
    if not all(sides):
        return None
    rows = tuple(sorted({n for side in sides for n in side}))
    if plan.operation == "difference_of_counts":
        return Outcome((float(abs(len(sides[0]) - len(sides[1]))),), rows)
    numbers = frame.by_name[plan.column or ""].number
    held = [[x for n in side if (x := numbers[n]) is not None] for side in sides]
    if not all(held):
        return None
    if plan.operation == "difference_of_sums":
        return Outcome((abs(sum(held[0]) - sum(held[1])),), rows)
    if any(len(set(side)) != 1 for side in held):
        return None
    return Outcome((abs(held[0][0] - held[1][0]),), rows)
