"""What every table must be: named columns, each different, and rows that fit them."""

from collections.abc import Sequence

from core.datasets.readers.source import UNSAFE, Source, UnreadableError

MAX_COLUMNS = 1_000


def name_columns(source: Source, cells: Sequence[str], *, place: str) -> tuple[str, ...]:
    """Return a table's column names; those that are empty or repeat are reported and get a name.

    Raises:
        UnreadableError: There are none, or too many.
    """
    names = [" ".join(cell.split()) for cell in cells]
    if not any(names) or len(names) > MAX_COLUMNS:
        raise UnreadableError(f"expected 1 to {MAX_COLUMNS} different column names, found {len(names)}.", place=place)
    taken = {name for name in names if name}
    for number, name in enumerate(names, start=1):
        if not name:
            names[number - 1] = _free(f"Column {number}", taken)
            source.report(
                f"column {number} has no name; give it one, or it is called {names[number - 1]!r}.", place=place
            )
        elif names.index(name) < number - 1:
            names[number - 1] = _free(name, taken)
            source.report(
                f"column {number} is called {name!r} again; rename it, or it is {names[number - 1]!r}.", place=place
            )
        if UNSAFE.search(name):
            raise UnreadableError("a column's name holds a control character; expected text.", place=place)
    return tuple(names)


def _free(name: str, taken: set[str]) -> str:
    number = 2
    while name in taken:
        name, number = f"{name.removesuffix(f' ({number - 1})')} ({number})", number + 1
    taken.add(name)
    return name


def fit_row(source: Source, cells: Sequence[str], *, width: int, place: str) -> tuple[str, ...] | None:
    """Return a row with as many cells as the header has names, or None when it was reported or is empty."""
    text = "".join(cells)
    if not text or text.isspace():
        return None
    if (len(cells) != width and any(cell.strip() for cell in cells[width:])) or len(cells) < width:
        source.report(f"expected {width} cells as in the header, found {len(cells)}.", place=place)
        return None
    if UNSAFE.search(text):
        source.report("holds a control character; expected text.", place=place)
        return None
    return tuple(cells[:width])


def is_number(cell: str) -> bool:
    """Whether a cell reads as a number, such as "-1,234.5" or "12 %"."""
    text = cell.strip().rstrip("%").strip().replace(",", "")
    try:
        float(text)
    except ValueError:
        return False
    return text.lower().strip("+-") not in {"nan", "inf", "infinity"}


def is_headless(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row seems to be data: columns of numbers begin with one, none with a word.

    Whole numbers that only rise or fall, as years and positions do, may be names.
    """
    if len(rows) < 3 or not any(map(is_number, rows[0])):
        return False
    first, body = rows[0], rows[1:]
    columns = [[row[i] for row in body if i < len(row) and row[i].strip()] for i in range(len(first))]
    numeric = [i for i, cells in enumerate(columns) if cells and sum(map(is_number, cells)) > 0.8 * len(cells)]
    numbers = [first[i] for i in numeric if is_number(first[i])]
    words = [first[i] for i in numeric if not is_number(first[i])]
    return bool(numbers) and not words and not _are_labels(numbers)


def _are_labels(numbers: Sequence[str]) -> bool:
    whole = [number.strip() for number in numbers]
    if not all(number.isdecimal() for number in whole):
        return False
    values = [int(number) for number in whole]
    rising = values == sorted(set(values)) or values == sorted(set(values), reverse=True)
    return rising if len(values) > 1 else 1800 <= values[0] <= 2200
