"""Reads CSV and TSV, row by row in bounded memory.

The suffix says the delimiter, unless another one parts the first rows into more columns of equal number. Lines before
the header that begin with "# " are comments. Rows are numbered in reports by the line that they begin in.
"""

import csv
import re
from collections.abc import Iterator
from itertools import chain

from core.datasets.readers.source import Source, UnreadableError
from core.datasets.readers.tabular import fit_row, is_headless, name_columns
from core.datasets.readers.text import Lines, encoding_of
from core.datasets.schema import TablePart

SAMPLE_ROWS = 50
SAMPLE_CHARACTERS = 64_000
SAME_WIDTH = 0.5  # of the first rows, where the usual delimiter is kept
_COMMENT = re.compile(r"#(#|!| +\w|\s*$)")

Row = tuple[int, list[str]]


def read_delimited(source: Source) -> Iterator[TablePart]:
    """Yield a file's table."""
    encoding = encoding_of(source)
    sample = _sample(Lines(source.silenced(), encoding))
    delimiter = _delimiter(sample, usual="\t" if source.suffix == ".tsv" else ",")
    rows = _rows(source, Lines(source, encoding), delimiter=delimiter)
    number, cells = next(rows, (1, []))
    place = f"line {number}"
    if not cells:
        raise UnreadableError("expected a line of column names; the file holds none.", place=place)
    if is_headless(_parse(sample, delimiter)):
        source.report(
            "expected column names, found data; add a line of names, or columns are called by their number.",
            place=place,
        )
        header = tuple(f"Column {n}" for n in range(1, len(cells) + 1))
        rows = chain([(number, cells)], rows)
    else:
        header = name_columns(source, cells, place=place)
    yield TablePart(source.file, source.title, header, source.guard(_fit(source, rows, len(header))))


def _fit(source: Source, rows: Iterator[Row], width: int) -> Iterator[tuple[str, ...]]:
    for number, cells in rows:
        if width > 1 and len(cells) == 1 and _COMMENT.match(cells[0]):
            continue
        row = fit_row(source, cells, width=width, place=f"line {number}")
        if row is not None:
            yield row


def _rows(source: Source, lines: Lines, *, delimiter: str) -> Iterator[Row]:
    """Yield the line that a row begins in, and its cells; blank lines and first comments are left out."""
    reader = csv.reader(_without_comments(lines), delimiter=delimiter, strict=True)
    while True:
        before = lines.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as exc:
            number = max(before, 1)
            end = f", read on to line {lines.number}" if lines.number > number else ""
            source.report(f"{exc}{end}.", place=f"line {number}")
            continue
        text = "".join(cells)
        if text and not text.isspace():
            yield before if "\n" in text else lines.number, cells


def _without_comments(lines: Lines) -> Iterator[str]:
    started = False
    for line in lines:
        if started or not _COMMENT.match(line):
            started = started or bool(line.strip())
            yield line


def _sample(lines: Lines) -> list[str]:
    taken: list[str] = []
    size = 0
    for line in _without_comments(lines):
        taken.append(line)
        size += len(line)
        if len(taken) >= SAMPLE_ROWS or size >= SAMPLE_CHARACTERS:
            break
    return taken


def _delimiter(sample: list[str], *, usual: str) -> str:
    best, most = usual, _columns(sample, usual)[0]
    for delimiter in ",;\t|":
        columns, share = _columns(sample, delimiter)
        if columns > most and (share == 1 or not most):
            best, most = delimiter, columns
    return best


def _columns(sample: list[str], delimiter: str) -> tuple[int, float]:
    """Return how many columns a delimiter gives (0: no table), and the share of rows that has so many."""
    widths = [len(row) for row in _parse(sample, delimiter)]
    share = widths.count(widths[0]) / len(widths) if widths else 0.0
    return (widths[0], share) if share >= SAME_WIDTH and widths[0] > 1 else (0, share)


def _parse(sample: list[str], delimiter: str) -> list[list[str]]:
    """Return the sample's rows; the last may be cut off."""
    try:
        return [row for row in csv.reader(sample, delimiter=delimiter) if any(cell.strip() for cell in row)]
    except csv.Error:
        return []
