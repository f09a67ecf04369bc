"""Rows that the guard model learns from and is measured on, and the names of its heads.

A head that a row says nothing of is masked: it neither teaches nor counts.
"""

import gzip
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import TrainingError

HAZARDS = (
    "violent_crimes",
    "non_violent_crimes",
    "sex_related_crimes",
    "child_exploitation",
    "defamation",
    "specialised_advice",
    "privacy",
    "intellectual_property",
    "indiscriminate_weapons",
    "hate",
    "self_harm",
    "sexual_content",
    "elections",
    "code_abuse",
)
MAIN = ("injection", "harm", "toxicity", "hate_speech")
LABELS = (*MAIN, *HAZARDS)
ENTITIES = ("PERSON", "LOCATION", "ORGANISATION", "DATE")
TAGS = ("O", *(f"{prefix}-{entity}" for entity in ENTITIES for prefix in "BI"))
CLEAN: Mapping[str, int] = dict.fromkeys(LABELS, 0)


@dataclass(frozen=True, slots=True)
class Row:
    """A text and what is known of it.

    Attributes:
        source: Where it comes from; splits and figures go by it.
        labels: 0 or 1 by name of `LABELS`; names that are missing are unknown.
        spans: Start, end and entity; None when nobody marked them.
        entities: Which entities its annotators marked; others are unknown.
    """

    text: str
    source: str
    labels: Mapping[str, int] = field(default_factory=dict)
    spans: tuple[tuple[int, int, str], ...] | None = None
    entities: tuple[str, ...] = ENTITIES


def clean(text: str, source: str) -> Row:
    """Return a row of a harmless text."""
    return Row(text, source, CLEAN)


def attack(text: str, source: str) -> Row:
    """Return a row of an injection; what else it asks for is unknown."""
    return Row(text, source, {"injection": 1, "toxicity": 0, "hate_speech": 0})


def harmful(text: str, source: str, *hazards: str) -> Row:
    """Return a row of a harmful request; hazards beyond those named are unknown, and all are when none is."""
    return Row(text, source, {"harm": 1, "injection": 0, **dict.fromkeys(hazards, 1)})


def write_rows(path: Path, rows: Iterable[Row]) -> int:
    """Write rows as gzipped JSON Lines; the same rows give the same bytes. Returns how many."""
    count = 0
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as file:
        for row in rows:
            file.write((json.dumps(_pack(row), ensure_ascii=False) + "\n").encode())
            count += 1
    return count


def read_rows(path: Path) -> list[Row]:
    """Read what `write_rows` wrote.

    Raises:
        TrainingError: It is missing or broken.
    """
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            return [_unpack(json.loads(line)) for line in file]
    except (OSError, ValueError, KeyError, IndexError, TypeError) as exc:
        raise TrainingError(f"The rows at {path} can't be read: {exc}. Build them again.") from exc


def _pack(row: Row) -> dict[str, Any]:
    packed: dict[str, Any] = {"t": row.text, "s": row.source}
    if row.labels:
        packed["l"] = "".join(str(row.labels.get(name, "-")) for name in LABELS)
    if row.spans is not None:
        packed["e"] = row.spans
        packed["k"] = [ENTITIES.index(each) for each in row.entities]
    return packed


def _unpack(packed: dict[str, Any]) -> Row:
    labels = {n: int(v) for n, v in zip(LABELS, packed["l"], strict=True) if v != "-"} if "l" in packed else {}
    if "e" not in packed:
        return Row(packed["t"], packed["s"], labels)
    spans = tuple((int(a), int(b), str(kind)) for a, b, kind in packed["e"])
    return Row(packed["t"], packed["s"], labels, spans, tuple(ENTITIES[i] for i in packed["k"]))
