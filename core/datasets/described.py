"""Cards from descriptions that others wrote: what they say is fitted to the form of a card, the rest is left out.

A description never decides who may use data: the tier is internal until somebody says otherwise in a `dataset.yaml`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from core.datasets.card import Category, DatasetCard, id_of
from core.errors import DatasetError

MAX_COLUMNS = 500
UNSTATED = "unknown"
CATEGORIES: tuple[Category, ...] = get_args(Category)


def build_card(
    *,
    name: str,
    title: str = "",
    description: str = "",
    licence: str = "",
    source: str = "",
    owner: str = "",
    keywords: Sequence[str] = (),
    columns: Mapping[str, str] | None = None,
) -> DatasetCard:
    """Return a card.

    Args:
        name: Gives the id.
        title: The name when empty.
        description: The title when empty.
        licence: Its name or address; "unknown" when empty.
        source: Where the data comes from; the name when empty.
        owner: Who published it.
        keywords: One that is the name of a category sets it.
        columns: What columns mean, by name.

    Raises:
        DatasetError: There is no name.
    """
    slug = id_of(name) or id_of(title)
    if not slug:
        raise DatasetError(f"The description gives no name to make an id of; found {name[:80]!r}.")
    heading = _line(title or name, 200)
    category: Category = next((each for each in CATEGORIES if each in keywords), "General Knowledge")
    return DatasetCard(
        id=slug,
        title=heading,
        description=_text(description) or f"{heading}.",
        category=category,
        licence=_line(licence_name(licence), 80) or UNSTATED,
        source=_text(source) or _line(name, 200),
        tier="internal",
        labels=[],
        owner=_line(owner, 200) or None,
        columns={
            _line(key, 200): _text(value)
            for key, value in list((columns or {}).items())[:MAX_COLUMNS]
            if _line(key, 200) and _text(value)
        },
    )


def licence_name(licence: str) -> str:
    """Return the short name of a licence given by an address of SPDX or Creative Commons; others stay as they are."""
    spdx = re.fullmatch(r"https?://spdx\.org/licenses/([\w.+-]+?)(?:\.html|\.json)?/?", licence.strip())
    if spdx:
        return spdx[1]
    found = re.match(r"https?://creativecommons\.org/(licenses|publicdomain)/([a-z-]+)/([\d.]+)", licence.strip())
    if found:
        return f"CC0-{found[3]}" if found[2] == "zero" else f"CC-{found[2].upper()}-{found[3]}"
    return licence.strip()


def texts(value: Any) -> list[str]:
    """Return the texts in a value that may be one text or a list of them."""
    values = value if isinstance(value, list) else [value]
    return [each.strip() for each in values if isinstance(each, str) and each.strip()]


def first_text(*values: Any) -> str:
    """Return the first of these that is a text and not empty."""
    return next((each for value in values for each in texts(value)), "")


def mappings(value: Any) -> list[dict[str, Any]]:
    """Return the objects in a value that may be one object or a list of them."""
    values = value if isinstance(value, list) else [value]
    return [each for each in values if isinstance(each, dict)]


def _line(text: str, most: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def _text(text: str, most: int = 4000) -> str:
    text = text.strip()
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
