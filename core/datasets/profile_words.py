"""The words for a column and a table that people, and the search for datasets, read."""

from core.datasets.column_profile import ColumnProfile
from core.datasets.profile import TableProfile

MAX_EXAMPLES = 5
MAX_EXAMPLE_CHARS = 40


def render_column_line(column: ColumnProfile, *, meaning: str = "") -> str:
    """Return one line on a column: its name, kind, what it means, range or example values, and what is missing.

    Args:
        column: Its profile.
        meaning: What the dataset's card says of it.
    """
    unit = f" in {column.unit}" if column.unit else ""
    head = f"{column.name} ({column.kind}{unit})"
    said = [meaning.strip().rstrip(".") if meaning else "", _range(column), _examples(column), _missing(column)]
    return f"{head}: {'; '.join(each for each in said if each)}."


def render_table_lines(profile: TableProfile, *, meanings: dict[str, str] | None = None) -> list[str]:
    """Return a line on a table's size, then one on each column."""
    known = meanings or {}
    columns = len(profile.columns)
    size = f"{profile.rows:,} rows, {columns} column{'s' if columns > 1 else ''}."
    return [size, *(render_column_line(column, meaning=known.get(column.name, "")) for column in profile.columns)]


def say_number(value: float | str) -> str:
    """Return a number as people write it, a day as it is."""
    if isinstance(value, str):
        return value
    if value.is_integer() and abs(value) < 1e15:
        return f"{int(value):,}" if abs(value) >= 10_000 else str(int(value))
    return f"{value:.4g}" if abs(value) < 1_000 else f"{value:,.0f}"


def _range(column: ColumnProfile) -> str:
    if column.minimum is None or column.maximum is None:
        return ""
    mean = f", mean {say_number(column.mean)}" if column.mean is not None and column.kind != "id" else ""
    return f"{say_number(column.minimum)} to {say_number(column.maximum)}{mean}"


def _examples(column: ColumnProfile) -> str:
    if column.kind not in ("text", "category", "boolean", "id") or column.minimum is not None:
        return ""
    values = [value if len(value) <= MAX_EXAMPLE_CHARS else value[:MAX_EXAMPLE_CHARS] + "…" for value, _ in column.top]
    words = ", ".join(values[:MAX_EXAMPLES])
    about = "" if column.exact else "about "
    if column.kind == "boolean" or column.distinct <= min(len(values), MAX_EXAMPLES):
        return words
    return f"{about}{column.distinct:,} values, such as {words}" if words else f"{about}{column.distinct:,} values"


def _missing(column: ColumnProfile) -> str:
    if not column.present:
        return "no values"
    return f"{column.missing:,} missing" if column.missing else ""
