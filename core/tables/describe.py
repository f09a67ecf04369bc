"""Says in plain words what a plan asked and what came out."""

from collections.abc import Mapping, Sequence

from core.tables.evaluate import meets
from core.tables.frame import Frame
from core.tables.plan import Condition, Plan

_FORMS: Mapping[str, str] = {
    "list": "{column} of {table}{where}",
    "count": "Count of rows of {table}{where}",
    "count_different": "Count of different {column} of {table}{where}",
    "sum": "Sum of {column} of {table}{where}",
    "mean": "Mean of {column} of {table}{where}",
    "spread": "Highest less lowest {column} of {table}{where}",
    "top": "{column} of {table} with the {high} {by}{where}",
    "bottom": "{column} of {table} with the {low} {by}{where}",
    "first": "First {column} of {table}{where}",
    "last": "Last {column} of {table}{where}",
    "next": "{column} of {table} in the row after that{where}",
    "previous": "{column} of {table} in the row before that{where}",
    "most_common": "Most common {column} of {table}{where}",
    "least_common": "Least common {column} of {table}{where}",
    "top_sum": "{column} of {table} with the highest sum of {by}{where}",
    "difference": "Difference in {column} of {table} between {sides}{where}",
    "difference_of_counts": "Difference in count of rows of {table} between {sides}{where}",
    "difference_of_sums": "Difference in sum of {column} of {table} between {sides}{where}",
    "count_above": "Count of rows of {table} whose {by} is above that{where}",
    "count_below": "Count of rows of {table} whose {by} is below that{where}",
    "same": "{column} of {table} with the same {by} as{where}",
}
_COMPARED = {
    "is": "is",
    "is_not": "is not",
    "has": "has",
    "<": "is below",
    "<=": "is at most",
    ">": "is above",
    ">=": "is at least",
}


def describe(plan: Plan, frame: Frame, values: Sequence[str | float], *, of_table: bool = True) -> str:
    """Return one sentence: what was asked of the table, by its title unless `of_table` is off, and the values."""
    sides = [_condition(c, frame) for c in plan.either]
    conditions = [_condition(c, frame) for c in plan.where]
    compares = plan.operation.startswith("difference")
    if sides and not compares:
        conditions.append(" or ".join(sides))
    form = _FORMS[plan.operation]
    text = (form if of_table else form.replace(" of {table}", "")).format(
        table=frame.title,
        column=_name(plan.column or ""),
        by=_name(plan.by or ""),
        where=f" where {' and '.join(conditions)}" if conditions else "",
        sides=" and ".join(sides),
        high="latest" if plan.view == "date" else "highest",
        low="earliest" if plan.view == "date" else "lowest",
    )
    return f"{text[:1].upper()}{text[1:]}: {', '.join(write_value(value) for value in values)}."


def write_value(value: str | float) -> str:
    """Return a value as text; a number without needless digits."""
    return _line(value) if isinstance(value, str) else f"{value:.10g}"


def _condition(condition: Condition, frame: Frame) -> str:
    value = condition.value if isinstance(condition.value, str) else f"{condition.value:.15g}"
    column = frame.by_name[condition.column]
    if condition.comparison in ("is", "is_not"):
        rows = meets(frame, Condition(condition.column, "is", condition.value))
        value = _line(column.texts[rows[0]]) if rows else value
    elif condition.comparison == "has":
        value = f"“{value}”"
    return f"{_name(condition.column)} {_COMPARED[condition.comparison]} {value}"


def _name(column: str) -> str:
    return _line(column.replace("_", " "))


def _line(text: str) -> str:
    return " ".join(text.split())
