"""Reads workbooks (.xlsx, .xlsm, .xlsb, .xls, .ods): a table per sheet. Formulas come as the values last computed.

A sheet's table begins with the first row that has more than one cell; single cells above it join the table's title.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from core.datasets.readers.archive import check_container
from core.datasets.readers.isolation import extract
from core.datasets.readers.source import UNSAFE, Source
from core.datasets.readers.tabular import fit_row, name_columns
from core.datasets.schema import TablePart

CAPTION_ROWS = 5

Row = tuple[int, list[str]]


def read_spreadsheet(source: Source) -> Iterator[TablePart]:
    """Yield a table per sheet that holds one."""
    if source.suffix == ".xls":
        source.check_size()
    else:
        check_container(source)
    for (_, name), records in groupby(extract(source, "spreadsheet"), key=lambda record: tuple(record[:2])):
        yield from _sheet(source, UNSAFE.sub(" ", name), ((row, cells) for _, _, row, cells in records))


def _sheet(source: Source, name: str, rows: Iterator[Row]) -> Iterator[TablePart]:
    captions, start = _captions(rows)
    if start is None:
        return
    number, cells = start
    width = max(i for i, cell in enumerate(cells, start=1) if cell)
    place = f"{name}, row {number}"
    header = name_columns(source, cells[:width], place=place)
    title = " - ".join([source.title, *captions])
    yield TablePart(source.file, title, header, source.guard(_rows(source, name, rows, width)), f"{name} > ")


def _captions(rows: Iterator[Row]) -> tuple[list[str], Row | None]:
    """Return the single cells above a sheet's table, and its first row."""
    above: list[Row] = []
    for row in rows:
        if sum(map(bool, row[1])) > 1 or len(row[1]) == 1:
            return [UNSAFE.sub(" ", "".join(cells)) for _, cells in above], row
        above.append(row)
        if len(above) > CAPTION_ROWS:
            break
    return [], (above[0] if above else None)


def _rows(source: Source, name: str, rows: Iterator[Row], width: int) -> Iterator[tuple[str, ...]]:
    for number, cells in rows:
        padded: list[Any] = [*cells, *[""] * (width - len(cells))]
        row = fit_row(source, padded, width=width, place=f"{name}, row {number}")
        if row is not None:
            yield row
