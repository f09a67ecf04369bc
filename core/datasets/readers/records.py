"""Reads JSON and JSONL. Flat records that share their fields are a table; others are a passage or more each.

A table's values are short: where a record's longest has more than LONG_VALUE characters on average, records are text,
as tickets and letters are. JSONL streams, twice, since the last line too says what the file is; JSON is read whole.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from core.datasets.readers.source import UNSAFE, Source, UnreadableError
from core.datasets.readers.tabular import MAX_COLUMNS, fit_row, name_columns
from core.datasets.readers.text import Lines
from core.datasets.schema import TablePart, TextPart
from core.rag.chunking import Passage, chunk_record

MAX_DEPTH = 8
LONG_VALUE = 80
SHARED = 0.8
BATCH = 500
_NAMES = ("id", "name", "title", "key", "number")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)  # one for all lines: making it costs more than a line

Fields = list[tuple[str, str]]
Record = tuple[str, Any]  # where it stands, and the value


def read_jsonl(source: Source) -> Iterator[TextPart | TablePart]:
    """Yield a file's table, or its records as text."""
    yield from _read(source, lambda of: _lines(of))


def read_json(source: Source) -> Iterator[TextPart | TablePart]:
    """Yield a file's table, or its records as text."""
    try:
        text = source.read_bytes().decode("utf-8-sig")
        value = _DECODER.decode(text)
    except (ValueError, RecursionError) as exc:
        raise UnreadableError(f"not valid JSON ({exc}).") from exc
    values = value if isinstance(value, list) else [value]
    yield from _read(source, lambda _: ((f"record {n}", item) for n, item in enumerate(values, start=1)))


def _read(source: Source, records: Callable[[Source], Iterator[Record]]) -> Iterator[TextPart | TablePart]:
    header = _shared_fields(records(source.silenced()))
    if header:
        names = name_columns(source, header, place="fields")
        yield TablePart(source.file, source.title, names, source.guard(_rows(source, records(source), header)))
        return
    passages = _passages(source, records(source))
    while batch := tuple(islice(passages, BATCH)):
        yield TextPart(source.file, batch)


def _lines(source: Source) -> Iterator[Record]:
    lines = Lines(source, "utf-8-sig")
    try:
        for line in lines:
            if line.strip():
                place = f"line {lines.number}"
                try:
                    yield place, _DECODER.decode(line)
                except (ValueError, RecursionError) as exc:
                    source.report(f"not valid JSON ({exc}).", place=place)
    except UnicodeDecodeError as exc:
        raise UnreadableError(f"not UTF-8 text ({exc.reason}), as JSON is.", place=f"line {lines.number + 1}") from exc


def _shared_fields(records: Iterator[Record]) -> list[str]:
    """Return the fields of a table, or nothing when the records are none."""
    fields: dict[str, None] = {}
    count = present = longest = 0
    for _, value in records:
        if not isinstance(value, dict) or not all(map(_is_flat, value.values())):
            return []
        fields.update(dict.fromkeys(value))
        count, present = count + 1, present + len(value)
        longest += max((len(v) for v in value.values() if isinstance(v, str)), default=0)
        if len(fields) > MAX_COLUMNS:
            return []
    is_table = count > 1 and present >= SHARED * count * len(fields) and longest <= LONG_VALUE * count
    return list(fields) if is_table and all(name.strip() for name in fields) else []


def _is_flat(value: Any) -> bool:
    return not isinstance(value, dict) and not (
        isinstance(value, list) and any(isinstance(v, dict | list) for v in value)
    )


def _rows(source: Source, records: Iterator[Record], header: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for place, value in records:
        row = fit_row(source, [scalar_text(value.get(name)) for name in header], width=len(header), place=place)
        if row is not None:
            yield row


def _passages(source: Source, records: Iterator[Record]) -> Iterator[Passage]:
    for number, (place, value) in enumerate(records, start=1):
        try:
            fields = _fields(value)
        except UnreadableError as exc:
            source.report(exc.reason, place=place)
            continue
        yield from chunk_record(fields, title=source.title, place=_name(fields, number))


def _fields(record: Any) -> Fields:
    if not isinstance(record, dict):
        raise UnreadableError(f"expected an object of fields, found {type(record).__name__}.")
    fields = list(_flatten(record, prefix="", depth=0))
    if any(UNSAFE.search(name + value) for name, value in fields):
        raise UnreadableError("holds a control character; expected text.")
    return fields


def _flatten(value: Any, *, prefix: str, depth: int) -> Iterator[tuple[str, str]]:
    if depth > MAX_DEPTH:
        raise UnreadableError(f"nested more than {MAX_DEPTH} levels deep.")
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flatten(inner, prefix=f"{prefix} {name}".strip(), depth=depth + 1)
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        for number, item in enumerate(value, start=1):
            yield from _flatten(item, prefix=f"{prefix} {number}".strip(), depth=depth + 1)
    elif text := scalar_text(value):
        yield prefix, text


def scalar_text(value: Any) -> str:
    """Return a value as people read it: yes or no, members joined by commas, nothing for null."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(filter(None, map(scalar_text, value)))
        case _:
            return str(value).strip()


def _name(fields: Fields, number: int) -> str:
    """Return the place of a record: its name, where it has a short one."""
    named = {name.lower(): value for name, value in reversed(fields)}
    name = next((named[key] for key in _NAMES if key in named), "")
    return name if 0 < len(name) <= 80 else f"Record {number}"
