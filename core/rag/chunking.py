"""Cuts documents into chunks: by structure first (headings, table rows, records), then by sentences. Pure.

A chunk's text is plain: Markdown's marks are taken off, a table's row reads "Item: Laser cutter | Price: 1,200 USD".
A sentence or list item is never split over two chunks, and a row only where a cell alone is too long for one: then
between the cell's sentences, whose name each piece repeats. A row of many short cells stays whole, as its cells are
looked for together.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from core.rag.sentences import CELLS, split_sentences
from core.schema import Chunk, digest_of

MAX_WORDS = 160
ROW_WORDS = 120
ABOUT = "About this table"
_ABOUT = re.compile(rf"{ABOUT}(, part \d+)?$")
FORMAT = 6  # raise it when the same file gives other chunks, vectors or cards: every dataset is then ingested again


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk's text and where it stands, before it belongs to a version."""

    document: str
    place: str
    text: str


def is_about(place: str) -> bool:
    """Say whether the chunk at a place describes a table, as a whole or in parts."""
    return _ABOUT.search(place) is not None


def number_chunks(passages: Iterable[Passage], *, dataset_id: str, version: str) -> list[Chunk]:
    """Return the passages as chunks of a version, in order; the same passage at the same place appears once."""
    unique = dict.fromkeys(passages)
    return [number_chunk(p, position, dataset_id=dataset_id, version=version) for position, p in enumerate(unique)]


def number_chunk(passage: Passage, position: int, *, dataset_id: str, version: str) -> Chunk:
    """Return a passage as a chunk of a version. Its id depends on all but the position."""
    parts = [dataset_id, version, passage.document, passage.place, passage.text]
    chunk_id = digest_of(parts).removeprefix("sha256:")
    return Chunk(chunk_id, dataset_id, version, passage.document, passage.place, position, passage.text)


def chunk_markdown(text: str, *, title: str) -> list[Passage]:
    """Return the passages of a Markdown document, which `title` names when it has no level-1 heading."""
    return chunk_sections([(path, _plain_lines(lines)) for path, lines in _sections(text)], title=title)


def chunk_sections(sections: Sequence[tuple[Sequence[str], Sequence[str]]], *, title: str) -> list[Passage]:
    """Return the passages of a document with headings.

    Args:
        sections: The headings that a section stands under, level 1 first ("" where a level is left out), and its
            lines: a paragraph, list item or table row each.
        title: Names the document when it has no level-1 heading.
    """
    document = next((path[0] for path, _ in sections if path[0]), title)
    passages = []
    for path, lines in sections:
        below = [heading for heading in path[1:] if heading]
        top = [path[0]] if path[0] and path[0] != document else []
        passages += _pack(lines, document=document, place=" > ".join(top + below) or "Introduction")
    return passages


def chunk_text(text: str, *, title: str, place: str = "Text") -> list[Passage]:
    """Return the passages of plain text; blank lines part paragraphs."""
    paragraphs = (" ".join(block.split()) for block in re.split(r"\n\s*\n", text))
    return _pack([p for p in paragraphs if p], document=title, place=place)


def chunk_table_card(
    header: Sequence[str],
    *,
    rows: int,
    title: str,
    description: str = "",
    columns: Sequence[str] = (),
    prefix: str = "",
) -> list[Passage]:
    """Return what a table is about: its description, size and columns; in several passages when that is long.

    Args:
        header: Column names.
        rows: How many rows it has.
        title: Names the table.
        description: What its owner says of it.
        columns: A sentence for each column that there is more to say about, such as its range.
        prefix: Stands before the place, such as a sheet's name.
    """
    names = ", ".join(map(_label, header))
    about = [*description.split("\n"), f"The table {title} has {rows} rows. Its columns are {names}."]
    return _pack([line for line in [*about, *columns] if line.strip()], document=title, place=f"{prefix}{ABOUT}")


def chunk_rows(
    header: Sequence[str], rows: Iterable[Sequence[str]], *, title: str, prefix: str = ""
) -> Iterator[Passage]:
    """Yield rows in groups, as they come; every row repeats the header."""
    groups = RowGroups(header, title=title, prefix=prefix)
    for row in rows:
        yield from groups.add(row)
    yield from groups.rest()


class RowGroups:
    """Packs the rows of a table into passages, one row at a time."""

    def __init__(self, header: Sequence[str], *, title: str, prefix: str = "") -> None:
        """Take the column names, the table's title, and what stands before each place, such as a sheet's name."""
        self._names = [_label(name) for name in header]
        self._title, self._prefix = title, prefix
        self._start = 1
        self._lines: list[str] = []
        self._words = 0

    def add(self, row: Sequence[str]) -> list[Passage]:
        """Take in a row; return the passage before it when the row no longer fits there, and a long row's own."""
        cells = _cells(self._names, row)
        line = CELLS.join(cells)
        words = _words(line)
        done = self.rest() if self._lines and self._words + words > ROW_WORDS else []
        if words > MAX_WORDS and any(_words(cell) > MAX_WORDS for cell in cells):
            return [*done, *self._cut(cells)]
        self._lines.append(line)
        self._words += words
        return done

    def rest(self) -> list[Passage]:
        """Return the passage of the rows that wait, if any."""
        if not self._lines:
            return []
        end = self._start + len(self._lines) - 1
        place = f"Row {end}" if len(self._lines) == 1 else f"Rows {self._start}-{end}"
        done = Passage(self._title, f"{self._prefix}{place}", "\n".join(self._lines))
        self._start, self._lines, self._words = end + 1, [], 0
        return [done]

    def _cut(self, cells: Sequence[str]) -> list[Passage]:
        """Return the parts of a row with a cell that is too long for one passage."""
        lines: list[str] = []
        for piece in (piece for cell in cells for piece in _pieces(cell)):
            if lines and _words(lines[-1]) + _words(piece) <= MAX_WORDS:
                lines[-1] += f" | {piece}"
            else:
                lines.append(piece)
        place = f"{self._prefix}Row {self._start}"
        self._start += 1
        return [Passage(self._title, f"{place}, part {n}", line) for n, line in enumerate(lines, start=1)]


def chunk_record(fields: Sequence[tuple[str, str]], *, title: str, place: str) -> list[Passage]:
    """Return the passages of one record, a line "Field: value" each."""
    return _pack([f"{_label(name)}: {' '.join(value.split())}" for name, value in fields], document=title, place=place)


def searchable_text(chunk: Chunk) -> str:
    """Return what is embedded for a chunk: its text under its headings."""
    return f"{sentence_heading(chunk.document, chunk.place)}\n{chunk.text}"


def sentence_heading(document: str, place: str) -> str:
    """Return the headings that a chunk's sentences are read under."""
    return f"{document} > {place}"


def _label(name: str) -> str:
    words = " ".join(name.replace("_", " ").split())
    return words[:1].upper() + words[1:]


def _cells(names: Sequence[str], row: Sequence[str]) -> list[str]:
    return [f"{name}: {' '.join(value.split())}" for name, value in zip(names, row, strict=True) if value.strip()]


def _pieces(cell: str) -> list[str]:
    """Return a cell in pieces of at most MAX_WORDS words that all begin with its column's name."""
    if _words(cell) <= MAX_WORDS:
        return [cell]
    name, _, value = cell.partition(": ")
    pieces: list[str] = []
    for unit in split_sentences(value):
        if pieces and _words(pieces[-1]) + _words(unit) <= MAX_WORDS:
            pieces[-1] += f" {unit}"
        else:
            pieces.append(f"{name}: {unit}")
    return pieces


def _words(text: str) -> int:
    return len(text.split())


_HEADING = re.compile(r"(#{1,6})\s+(.*?)\s*#*\s*")
_FENCE = re.compile(r"\s*(```|~~~)")
_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


def _sections(text: str) -> Iterator[tuple[list[str], list[str]]]:
    """Yield (headings by level, lines) in order."""
    path, lines, fenced = ["", "", "", "", "", ""], [], False
    for line in _COMMENT.sub("", _FRONT_MATTER.sub("", text)).splitlines():
        fenced ^= _FENCE.match(line) is not None
        heading = None if fenced else _HEADING.fullmatch(line)
        if heading is None:
            lines.append(line)
            continue
        yield path, lines
        level = len(heading.group(1))
        path, lines = [*path[: level - 1], _unmark(heading.group(2)), *[""] * (6 - level)], []
    yield path, lines


_ITEM = re.compile(r"\s*(?:[-*+]|(\d+[.)]))\s+(.*)")
_RULE = re.compile(r"\s*([-*_=]\s*){3,}")
_DELIMITER = re.compile(r"\s*\|?(\s*:?-+:?\s*\|)+\s*(:?-+:?)?\s*")
_MARKS = (
    (re.compile(r"!\[([^\]]*)\]\([^)]*\)"), r"\1"),
    (re.compile(r"\[([^\]]+)\]\([^)]*\)"), r"\1"),
    (re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1"), r"\2"),
    (re.compile(r"(?<![\w*])\*(?=[^\s*])([^*]+?)(?<=\S)\*(?![\w*])"), r"\1"),
    (re.compile(r"(?<!\w)_(?=[^\s_])([^_]+?)(?<=\S)_(?!\w)"), r"\1"),
    (re.compile(r"`([^`]+)`"), r"\1"),
    (re.compile(r"\\([\\`*_{}\[\]()#+.!|>-])"), r"\1"),
)


def _unmark(text: str) -> str:
    for pattern, replacement in _MARKS:
        text = pattern.sub(replacement, text)
    return text.strip()


def _plain_lines(lines: Sequence[str]) -> list[str]:
    """Return one line per paragraph, list item, table row or line of code, without Markdown's marks."""
    plain: list[str] = []
    header: list[str] = []
    fenced = open_paragraph = False
    for index, line in enumerate(lines):
        if _FENCE.match(line):
            fenced, open_paragraph = not fenced, False
        elif fenced:
            plain.append(line.rstrip())
        elif header or _is_header(lines, index):
            header, row = _read_row(header, line)
            plain += row
            open_paragraph = False
        elif not line.strip() or _RULE.fullmatch(line):
            open_paragraph = False
        elif item := _ITEM.fullmatch(line):
            plain.append(" ".join(filter(None, (item.group(1), _unmark(item.group(2))))))
            open_paragraph = True
        elif open_paragraph:
            plain[-1] += " " + _unmark(line.lstrip("> "))
        else:
            plain.append(_unmark(line.lstrip("> ")))
            open_paragraph = True
    return [line for line in plain if line.strip()]


def _is_header(lines: Sequence[str], index: int) -> bool:
    return "|" in lines[index] and index + 1 < len(lines) and _DELIMITER.fullmatch(lines[index + 1]) is not None


def _read_row(header: list[str], line: str) -> tuple[list[str], list[str]]:
    """Return the header that is still in force and the rendered row, if this line is one."""
    if "|" not in line:
        return [], [_unmark(line)] if line.strip() else []
    if _DELIMITER.fullmatch(line):
        return header, []
    cells = [_unmark(cell) for cell in re.split(r"(?<!\\)\|", line.strip().removeprefix("|").removesuffix("|"))]
    if not header:
        return [_label(cell) for cell in cells], []
    width = max(len(header), len(cells))
    names, values = [*header, *[""] * width][:width], [*cells, *[""] * width][:width]
    return header, [CELLS.join(f"{n}: {v}" if n else v for n, v in zip(names, values, strict=True) if v)]


def _pack(lines: Sequence[str], *, document: str, place: str) -> list[Passage]:
    """Return the lines in as few chunks of about equal size as MAX_WORDS allows."""
    units = [(unit, i == 0) for line in lines for i, unit in enumerate(split_sentences(line))]
    total = sum(_words(unit) for unit, _ in units)
    parts = -(-total // MAX_WORDS)
    texts: dict[int, str] = {}
    done = 0
    for unit, starts_line in units:
        part = int((done + _words(unit) / 2) * parts / total)
        before = texts[part] + ("\n" if starts_line else " ") if part in texts else ""
        texts[part] = before + unit
        done += _words(unit)
    places = [place] if len(texts) == 1 else [f"{place}, part {n}" for n in range(1, len(texts) + 1)]
    return [Passage(document, name, text) for name, text in zip(places, texts.values(), strict=True)]
