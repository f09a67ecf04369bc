"""Reads a dataset's files into passages: Markdown, plain text, CSV, TSV, JSONL, JSON. UTF-8 only.

A file that is too large, binary or malformed is refused as a whole, with the line; nothing is guessed or skipped.
"""

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.errors import DatasetError
from core.rag.chunking import Passage, chunk_markdown, chunk_record, chunk_table, chunk_text

MAX_FILE_BYTES = 64_000_000
MAX_FILES = 5_000
MAX_COLUMNS = 200
MAX_DEPTH = 8
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_NAMES = ("id", "name", "title", "key", "number")

Fields = list[tuple[str, str]]


def list_files(folder: Path) -> list[Path]:
    """Return a dataset's files in a fixed order, hidden ones and the card left out.

    Raises:
        DatasetError: There is none, there are too many, or one is a link.
    """
    found = sorted(p for p in folder.rglob("*") if not _is_hidden(p.relative_to(folder)) and not p.is_dir())
    links = [str(p.relative_to(folder)) for p in found if p.is_symlink()]
    if links:
        raise DatasetError(f"{folder} holds links ({', '.join(links[:5])}); put the files themselves there.")
    if not found or len(found) > MAX_FILES:
        raise DatasetError(f"{folder} holds {len(found)} files beside its card; expected 1 to {MAX_FILES}.")
    return found


def read_file(path: Path, *, description: str = "") -> list[Passage]:
    """Return the passages of one file.

    Args:
        path: Its suffix says the format; its name is the document's title where the content has none.
        description: Said in the card chunk of a table.

    Raises:
        DatasetError: The format is not known, or the file is too large, not UTF-8 text, or malformed.
    """
    text = _read_text(path) if path.suffix.lower() in _FORMATS else ""
    title = _title(path)
    match path.suffix.lower():
        case ".md" | ".markdown":
            return chunk_markdown(text, title=title)
        case ".txt":
            return chunk_text(text, title=title)
        case ".csv" | ".tsv":
            header, rows = _read_table(path, text)
            return chunk_table(header, rows, title=title, description=description)
        case ".jsonl":
            return _records(_read_jsonl(path, text), title=title)
        case ".json":
            return _records(_read_json(path, text), title=title)
    raise DatasetError(f"{path} is not a known format; known are {', '.join(_FORMATS)}.")


_FORMATS = (".md", ".markdown", ".txt", ".csv", ".tsv", ".jsonl", ".json")


def _is_hidden(relative: Path) -> bool:
    return any(part.startswith(".") for part in relative.parts) or relative == Path("dataset.yaml")


def _title(path: Path) -> str:
    words = re.sub(r"[-_\s]+", " ", path.stem).strip()
    return words[:1].upper() + words[1:]


def _read_text(path: Path) -> str:
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise DatasetError(f"{path} has {size} bytes; a file has at most {MAX_FILE_BYTES}. Split it.")
        data = path.read_bytes()
    except OSError as exc:
        raise DatasetError(f"{path} can't be read: {exc}") from exc
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        raise DatasetError(f"{path}, line {line}: not UTF-8 text ({exc.reason}). Save the file as UTF-8.") from exc
    control = _CONTROL.search(text)
    if control is not None:
        line = text.count("\n", 0, control.start()) + 1
        raise DatasetError(f"{path}, line {line}: holds the control character {control.group()!r}; expected text.")
    return text


def _read_table(path: Path, text: str) -> tuple[list[str], list[list[str]]]:
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_header(path, header)
        return header, list(_rows(path, reader, width=len(header)))
    except csv.Error as exc:
        raise DatasetError(f"{path}, line {reader.line_num}: {exc}") from exc


def _check_header(path: Path, header: list[str]) -> None:
    if not header or not all(header) or len(set(header)) < len(header) or len(header) > MAX_COLUMNS:
        raise DatasetError(
            f"{path}, line 1: expected 1 to {MAX_COLUMNS} different column names, none empty; found {header[:10]}."
        )


def _rows(path: Path, reader: Any, *, width: int) -> Iterator[list[str]]:
    for row in reader:
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != width:
            raise DatasetError(
                f"{path}, line {reader.line_num}: expected {width} cells as in line 1, found {len(row)}."
            )
        yield row


def _read_jsonl(path: Path, text: str) -> Iterator[Fields]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield _fields(_parse(line, where=f"{path}, line {number}"), where=f"{path}, line {number}")


def _read_json(path: Path, text: str) -> Iterator[Fields]:
    value = _parse(text, where=str(path))
    for number, record in enumerate(value if isinstance(value, list) else [value], start=1):
        yield _fields(record, where=f"{path}, record {number}")


def _parse(text: str, *, where: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as exc:
        raise DatasetError(f"{where}: not valid JSON ({exc}).") from exc


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _fields(record: Any, *, where: str) -> Fields:
    if not isinstance(record, dict):
        raise DatasetError(f"{where}: expected an object of fields, found {type(record).__name__}.")
    return list(_flatten(record, prefix="", depth=0, where=where))


def _flatten(value: Any, *, prefix: str, depth: int, where: str) -> Iterator[tuple[str, str]]:
    if depth > MAX_DEPTH:
        raise DatasetError(f"{where}: nested more than {MAX_DEPTH} levels deep.")
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flatten(inner, prefix=f"{prefix} {name}".strip(), depth=depth + 1, where=where)
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        for number, item in enumerate(value, start=1):
            yield from _flatten(item, prefix=f"{prefix} {number}".strip(), depth=depth + 1, where=where)
    elif text := _scalar_text(value):
        yield prefix, text


def _scalar_text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(filter(None, map(_scalar_text, value)))
        case _:
            return str(value).strip()


def _records(records: Iterator[Fields], *, title: str) -> list[Passage]:
    passages: list[Passage] = []
    for number, fields in enumerate(records, start=1):
        passages += chunk_record(fields, title=title, place=_place(fields, number))
    return passages


def _place(fields: Fields, number: int) -> str:
    named = {name.lower(): value for name, value in reversed(fields)}
    name = next((named[key] for key in _NAMES if key in named), "")
    return name if 0 < len(name) <= 80 else f"Record {number}"
