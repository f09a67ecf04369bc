"""What a Word document holds, in order: {"level": 1, "text": ...} for a heading, {"text": ...} for a line of text."""

import re
from collections.abc import Iterator
from typing import Any

import docx
from docx.table import Table, _Cell
from docx.text.paragraph import Paragraph

from core.datasets.extractors.serving import serve

MAX_DEPTH = 8


def read(path: str) -> Iterator[dict[str, Any]]:
    """Yield headings, paragraphs, list items and table rows."""
    yield from _blocks(docx.Document(path), depth=0)


def _blocks(container: Any, *, depth: int) -> Iterator[dict[str, Any]]:
    for block in container.iter_inner_content():
        if isinstance(block, Paragraph):
            yield from _paragraph(block)
        elif depth < MAX_DEPTH:
            yield from _table(block, depth=depth)


def _paragraph(paragraph: Paragraph) -> Iterator[dict[str, Any]]:
    text = " ".join(paragraph.text.split())
    if text:
        level = _level(paragraph.style.name or "" if paragraph.style is not None else "")
        yield {"level": level, "text": text} if level else {"text": text}


def _level(style: str) -> int:
    if style == "Title":
        return 1
    found = re.fullmatch(r"[Hh]eading (\d)", style)
    return min(int(found.group(1)), 6) if found else 0


def _table(table: Table, *, depth: int) -> Iterator[dict[str, Any]]:
    """Yield a line per row, "Item: Saw | Price: 12"; a table within a cell follows its row."""
    header: list[str] = []
    for row in table.rows:
        cells = list(dict.fromkeys(row.cells))
        texts = [" ".join(cell.text.split()) for cell in cells]
        if len(table.columns) == 1:
            yield from ({"text": text} for text in texts if text)
        elif not header:
            header = texts
        else:
            names = [*header, *[""] * len(texts)]
            pairs = zip(names, texts, strict=False)
            yield {"text": " | ".join(f"{name}: {text}" if name else text for name, text in pairs if text)}
        for cell in cells:
            yield from _nested(cell, depth=depth)


def _nested(cell: _Cell, *, depth: int) -> Iterator[dict[str, Any]]:
    for table in cell.tables:
        if depth + 1 < MAX_DEPTH:
            yield from _table(table, depth=depth + 1)


if __name__ == "__main__":
    serve(read)
