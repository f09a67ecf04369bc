"""The rows of a workbook's sheets: [number of the sheet, its name, number of the row, cells as people read them]."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

from python_calamine import CalamineWorkbook

from core.datasets.extractors.serving import serve

Row = list[Any]


def read(path: str) -> Iterator[Row]:
    """Yield every row that holds something."""
    workbook = CalamineWorkbook.from_path(path)
    for number, name in enumerate(workbook.sheet_names):
        sheet = workbook.get_sheet_by_name(name)
        for row, cells in enumerate(sheet.iter_rows(), start=1):
            texts = [_text(cell) for cell in cells]
            if any(texts):
                yield [number, name, row, texts]


def _text(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.15g}"
        case datetime() if value.time() == time():
            return value.date().isoformat()
        case datetime():
            return value.isoformat(sep=" ", timespec="seconds")
        case date() | time():
            return value.isoformat()
        case timedelta():
            return str(value)
        case _:
            return str(value).strip()


if __name__ == "__main__":
    serve(read)
