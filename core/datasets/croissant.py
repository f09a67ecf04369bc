"""Croissant 1.0 (MLCommons, http://mlcommons.org/croissant/1.0): a dataset's description as JSON-LD, out and in.

An export is a folder that stands alone: `croissant.json` beside a Parquet file for each table, or the passages of a
dataset without tables. Tier, labels, days of validity and what else Croissant has no sure word for go along as keywords
and come back, but for the tier, which only the one who takes data in can decide.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.datasets.card import DatasetCard
from core.datasets.catalog import DatasetView
from core.datasets.datapackage import DATAPACKAGE_NAME, load_description, read_datapackage
from core.datasets.described import build_card, first_text, mappings, texts
from core.errors import DatasetError
from core.schema import Chunk
from core.tables.schema import StoredTable

CROISSANT_NAME = "croissant.json"
CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
_TYPES = {"integer": "sc:Integer", "number": "sc:Float", "date": "sc:Date", "boolean": "sc:Boolean", "text": "sc:Text"}
_SPDX = re.compile(r"(?:CC0|CC-BY|MIT|Apache|BSD|GPL|LGPL|ODbL|PDDL|ODC|OGL|MPL)[\w.+-]*")
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{
        name: f"cr:{name}"
        for name in (
            "citeAs", "column", "extract", "field", "fileProperty", "fileObject", "fileSet", "format", "includes",
            "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex",
            "repeated", "replace", "separator", "source", "subField", "transform",
        )
    },
}  # fmt: skip


def export_croissant(
    folder: Path,
    dataset: DatasetView,
    *,
    tables: Sequence[StoredTable],
    chunks: Sequence[Chunk] = (),
    columns: Mapping[str, str] | None = None,
) -> Path:
    """Write a dataset and its description into a new folder; return the description's path.

    Args:
        folder: Must not exist.
        dataset: Its card.
        tables: Its kept tables.
        chunks: Its passages; written only where there is no table.
        columns: What columns mean, by name.

    Raises:
        DatasetError: The folder exists or can't be written.
    """
    try:
        folder.mkdir(parents=True)
        files: list[dict[str, Any]] = []
        records: list[dict[str, Any]] = []
        for number, table in enumerate(tables, start=1):
            target = folder / f"table-{number}.parquet"
            shutil.copyfile(table.path, target)
            files.append(_file(target, table.title, "application/x-parquet"))
            records.append(_table_records(number, target.name, table, columns or {}))
        if not tables:
            target = folder / "passages.jsonl"
            lines = (json.dumps({"document": c.document, "place": c.place, "text": c.text}) + "\n" for c in chunks)
            target.write_text("".join(lines), encoding="utf-8")
            files.append(_file(target, "The passages, in order.", "application/jsonlines"))
            records.append(_passage_records(target.name))
        path = folder / CROISSANT_NAME
        document = render_croissant(dataset, files=files, records=records)
        path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as exc:
        raise DatasetError(f"{folder} can't be written: {exc}. Name a folder that does not exist.") from exc
    return path


def render_croissant(
    dataset: DatasetView, *, files: Sequence[dict[str, Any]], records: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Return the description as JSON-LD."""
    about = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": dataset.id,
        "alternateName": dataset.title,
        "description": dataset.description,
        "license": _licence_address(dataset.licence),
        "url": dataset.source,
        "version": dataset.active_version,
        "dateModified": dataset.updated_at.isoformat(),
        "datePublished": dataset.updated_at.isoformat(),
        "citeAs": f"{dataset.title}. {dataset.source}",
        "keywords": _keywords(dataset),
        "distribution": list(files),
        "recordSet": list(records),
    }
    if dataset.owner:
        about["creator"] = {"@type": "sc:Organization", "name": dataset.owner}
    if dataset.valid_from or dataset.valid_until:
        about["temporalCoverage"] = f"{dataset.valid_from or '..'}/{dataset.valid_until or '..'}"
    return about


def read_croissant(path: Path) -> DatasetCard:
    """Return the card that a Croissant description gives.

    Raises:
        DatasetError: It can't be read, is no Croissant description, or names nothing.
    """
    document = load_description(path)
    if "croissant" not in json.dumps(document.get("conformsTo") or document.get("dct:conformsTo") or ""):
        raise DatasetError(f"{path} does not say that it conforms to Croissant; expected {CONFORMS_TO}.")
    people = [*mappings(document.get("creator")), *mappings(document.get("publisher"))]
    keywords = texts(document.get("keywords"))
    card = build_card(
        name=first_text(document.get("name"), path.parent.name),
        title=first_text(document.get("alternateName"), document.get("name")),
        description=first_text(document.get("description")),
        licence=first_text(document.get("license")),
        source=first_text(document.get("url"), document.get("citeAs")),
        owner=first_text(*(each.get("name") for each in people)),
        keywords=keywords,
        columns=_columns(mappings(document.get("recordSet"))),
    )
    return _with(_with(card, _validity(document)), _said_in_keywords(keywords))


def read_description(folder: Path) -> DatasetCard | None:
    """Return the card that a folder's Croissant or Frictionless description gives; None where there is neither.

    Raises:
        DatasetError: The description can't be used.
    """
    if (folder / CROISSANT_NAME).is_file():
        return read_croissant(folder / CROISSANT_NAME)
    if (folder / DATAPACKAGE_NAME).is_file():
        return read_datapackage(folder / DATAPACKAGE_NAME)
    return None


def _validity(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return from when until when data holds, as `temporalCoverage` has it (ISO 8601, ".." for an open end).

    An end before the day of publication says which years the data is about, not until when it holds: it is left out.
    """
    start, _, end = first_text(document.get("temporalCoverage")).partition("/")
    until = _day(end, rest="-12-31")
    published = _day(first_text(document.get("datePublished"), document.get("dateModified")), rest="-12-31")
    holds = until is not None and published is not None and until >= published
    return {"valid_from": _day(start, rest="-01-01"), "valid_until": until if holds else None}


def _day(text: str, *, rest: str) -> str | None:
    """Return the day that a text starts with; of a year alone that with this `rest`."""
    found = re.match(r"\s*(\d{4})(-\d\d-\d\d|\s*$)", text)
    return found[1] + (found[2].strip() or rest) if found else None


def _with(card: DatasetCard, fields: Mapping[str, Any]) -> DatasetCard:
    """Return the card with other fields, where they fit a card."""
    try:
        return DatasetCard.model_validate({**card.model_dump(), **fields})
    except ValueError:
        return card


def _said_in_keywords(keywords: Sequence[str]) -> dict[str, Any]:
    """Return what an export put into keywords."""
    said: dict[str, list[str]] = {}
    for keyword in keywords:
        name, found, value = keyword.partition(":")
        if found:
            said.setdefault(name, []).append(value)
    fields: dict[str, Any] = {"labels": said.get("label", []), "purposes": said.get("purpose", [])}
    fields["jurisdiction"] = next(iter(said.get("jurisdiction", [])), None)
    fields["legal_basis"] = next(iter(said.get("legal-basis", [])), None)
    days = {"valid_from": said.get("valid-from"), "valid_until": said.get("valid-until")}
    return fields | {field: values[0] for field, values in days.items() if values}


def _columns(record_sets: Sequence[dict[str, Any]]) -> dict[str, str]:
    columns: dict[str, str] = {}
    for records in record_sets:
        for each in mappings(records.get("field")):
            name, meaning = first_text(each.get("name")).rpartition("/")[2], first_text(each.get("description"))
            if name and meaning and meaning != name:
                columns.setdefault(name, meaning)
    return columns


def _keywords(dataset: DatasetView) -> list[str]:
    return [
        dataset.category,
        f"tier:{dataset.tier}",
        *(f"label:{label}" for label in dataset.labels),
        *(f"purpose:{purpose}" for purpose in dataset.purposes),
        *([f"jurisdiction:{dataset.jurisdiction}"] if dataset.jurisdiction else []),
        *([f"legal-basis:{dataset.legal_basis}"] if dataset.legal_basis else []),
        *([f"valid-from:{dataset.valid_from}"] if dataset.valid_from else []),
        *([f"valid-until:{dataset.valid_until}"] if dataset.valid_until else []),
    ]


def _licence_address(licence: str) -> str:
    return f"https://spdx.org/licenses/{licence}.html" if _SPDX.fullmatch(licence) else licence


def _file(path: Path, description: str, encoding: str) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "@type": "cr:FileObject",
        "@id": path.name,
        "name": path.name,
        "description": description,
        "contentUrl": path.name,
        "contentSize": f"{path.stat().st_size} B",
        "encodingFormat": encoding,
        "sha256": digest,
    }


def _table_records(number: int, file: str, table: StoredTable, meanings: Mapping[str, str]) -> dict[str, Any]:
    name = f"table-{number}"
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": f"{table.title}, {table.rows} rows.",
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{name}/{column.stored}",
                "name": column.name,
                "description": meanings.get(column.name, column.name),
                "dataType": _TYPES[column.kind],
                "source": {"fileObject": {"@id": file}, "extract": {"column": column.stored}},
            }
            for column in table.columns
        ],
    }


def _passage_records(file: str) -> dict[str, Any]:
    meanings = {"document": "The document it stands in.", "place": "Where in the document.", "text": "What it says."}
    return {
        "@type": "cr:RecordSet",
        "@id": "passages",
        "name": "passages",
        "description": "Passages of the documents, in order.",
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"passages/{name}",
                "name": name,
                "description": meaning,
                "dataType": "sc:Text",
                "source": {"fileObject": {"@id": file}, "extract": {"column": name}},
            }
            for name, meaning in meanings.items()
        ],
    }
