"""Reads what a Frictionless `datapackage.json` says of its data into a card; the data itself is read as any file."""

import json
from pathlib import Path
from typing import Any

from core.datasets.card import DatasetCard
from core.datasets.described import build_card, first_text, mappings, texts
from core.errors import DatasetError

DATAPACKAGE_NAME = "datapackage.json"
MAX_BYTES = 8_000_000


def read_datapackage(path: Path) -> DatasetCard:
    """Return the card that a `datapackage.json` describes.

    Raises:
        DatasetError: It can't be read, is no JSON object, or names nothing.
    """
    package = load_description(path)
    resources = mappings(package.get("resources"))
    licences = mappings(package.get("licenses")) or [each for r in resources for each in mappings(r.get("licenses"))]
    sources = [
        first_text(each.get("title"), each.get("name"), each.get("path"), each.get("link"), each.get("url"))
        for each in mappings(package.get("sources"))
    ]
    people = mappings(package.get("contributors")) or mappings(package.get("maintainers"))
    return build_card(
        name=first_text(package.get("name"), package.get("title"), path.parent.name),
        title=first_text(package.get("title"), package.get("name")),
        description=first_text(package.get("description"), *(r.get("description") for r in resources)),
        licence=first_text(*(v for each in licences for v in (each.get("name"), each.get("path"), each.get("title")))),
        source="; ".join(dict.fromkeys(filter(None, sources))) or first_text(package.get("homepage")),
        owner=first_text(*(each.get("title") or each.get("name") for each in people)),
        keywords=texts(package.get("keywords")),
        columns=_columns(resources),
    )


def load_description(path: Path) -> dict[str, Any]:
    """Return the JSON object of a file.

    Raises:
        DatasetError: It can't be read, is too large, or is no JSON object.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DatasetError(f"{path} has more than {MAX_BYTES} bytes; a description has fewer.")
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as exc:
        raise DatasetError(f"{path} can't be read: {exc}") from exc
    except (ValueError, RecursionError) as exc:
        raise DatasetError(f"{path} is not valid JSON: {exc}") from exc
    if not isinstance(value, dict):
        raise DatasetError(f"{path} holds no JSON object; expected a description of a dataset.")
    return value


def _columns(resources: list[dict[str, Any]]) -> dict[str, str]:
    columns: dict[str, str] = {}
    for resource in resources:
        schema = resource.get("schema")
        for each in mappings(schema.get("fields")) if isinstance(schema, dict) else ():
            name, meaning = first_text(each.get("name")), first_text(each.get("description"), each.get("title"))
            if name and meaning and meaning != name:
                columns.setdefault(name, meaning)
    return columns
