"""Finds datasets by words and facets, a page at a time, with how many each value of a facet would leave.

It reads no profile and no chunk, so that thousands of datasets are searched at once. It knows words, not meanings:
every word of the text has to stand somewhere in a dataset's card, as a part of a longer word too. A plural finds the
singular, and words as "of" and "the" are passed over. Where no card holds every word, those that hold most of them are
found, if that is more than half.
"""

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sqlalchemy import ColumnElement, Text, case, cast, func, literal, or_, select

from core.datasets.catalog import MAX_PAGE, DatasetView, get_datasets
from core.datasets.states import RETRIEVABLE
from core.errors import DatasetError
from core.rag.lexical import STOP_WORDS
from core.store.database import Store
from core.store.tables import Dataset

Facet = Literal["category", "licence", "tier", "owner", "jurisdiction", "legal_basis", "purposes", "labels"]
FACETS: tuple[Facet, ...] = get_args(Facet)
LISTS: tuple[Facet, ...] = ("purposes", "labels")  # a dataset has several of them
MAX_WORDS = 20
Sort = Literal["best", "title", "newest"]

_ES = ("ches", "oes", "shes", "sses", "xes")  # endings of which a plural loses two letters
_WEIGHTS = ((Dataset.title, 8), (Dataset.id, 4), (Dataset.category, 2), (Dataset.description, 1))
_ALSO = (Dataset.owner, Dataset.source, cast(Dataset.labels, Text), cast(Dataset.columns, Text))


@dataclass(frozen=True, slots=True)
class CatalogPage:
    """A page of what was found.

    Attributes:
        total: Datasets that match text and facets, on all pages.
        counts: For each facet, its values with how many datasets match when that value is chosen in it, the other
            facets staying as they are; most frequent first.
    """

    datasets: tuple[DatasetView, ...]
    total: int
    offset: int
    counts: dict[Facet, dict[str, int]]


def search_catalog(
    store: Store,
    text: str = "",
    *,
    facets: Mapping[Facet, Collection[str]] | None = None,
    sort: Sort = "best",
    offset: int = 0,
    limit: int = 50,
) -> CatalogPage:
    """Return a page of the datasets that hold every word of a text, or most, and have a value chosen in each facet.

    Args:
        store: The database.
        text: Words; those in a title count more than those in a description. None finds all.
        facets: Values that are chosen; a facet without values does not narrow.
        sort: "best" is by title where there is no text.
        offset: Datasets to leave out.
        limit: 1 to MAX_PAGE.

    Raises:
        DatasetError: The page is out of bounds, or a facet is not known.
    """
    if offset < 0 or not 1 <= limit <= MAX_PAGE:
        raise DatasetError(f"offset is at least 0 and limit 1 to {MAX_PAGE}; found offset {offset}, limit {limit}.")
    chosen = {name: frozenset(values) for name, values in (facets or {}).items() if values}
    unknown = sorted(set(chosen) - set(FACETS))
    if unknown:
        raise DatasetError(f"There is no facet {', '.join(unknown)}; known are {', '.join(FACETS)}.")
    rows = _read(store, _words(text), sort)
    counts: dict[Facet, Counter[str]] = {name: Counter() for name in FACETS}
    matching = set()
    for raw, n in Counter(raw for _, raw in rows).items():  # few cards differ in all of these
        values = _values(raw)
        failed = [name for name, wanted in chosen.items() if wanted.isdisjoint(values[name])]
        if not failed:
            matching.add(raw)
        for name in FACETS if not failed else failed if len(failed) == 1 else ():
            for value in values[name]:
                counts[name][value] += n
    ids = [dataset_id for dataset_id, raw in rows if raw in matching]
    page = get_datasets(store, ids[offset : offset + limit])
    ordered = {
        name: dict(sorted(found.items(), key=lambda item: (-item[1], item[0]))) for name, found in counts.items()
    }
    return CatalogPage(tuple(page), len(ids), offset, ordered)


def _words(text: str) -> list[tuple[str, ...]]:
    """Return the words that a card has to hold, each in the forms of which one will do."""
    said = [word for word in (word.strip("?!,.;:\"'()") for word in text.split()) if word]
    telling = [word for word in said if len(word) > 1 and (word.isupper() or word.lower() not in STOP_WORDS)]
    return [_forms(word) for word in (telling or said)[:MAX_WORDS]]


def _forms(word: str) -> tuple[str, ...]:
    """Return what a word is found by, as a part of a longer word too: of a plural what its singular begins with."""
    ending = word.lower()
    if len(word) < 4 or not ending.endswith("s") or ending.endswith("ss"):
        return (word,)
    if ending.endswith("ies"):
        return word[:-1], word[:-3] + "y"
    return (word[:-2] if ending.endswith(_ES) else word[:-1],)


def _read(store: Store, words: Sequence[tuple[str, ...]], sort: Sort) -> list[tuple[str, tuple[str | None, ...]]]:
    """Return the datasets that hold every word, or most, best first, with their values of each facet in the store."""
    columns = [cast(getattr(Dataset, name), Text) if name in LISTS else getattr(Dataset, name) for name in FACETS]
    query = select(Dataset.id, *columns).where(Dataset.state == RETRIEVABLE, Dataset.active_version.is_not(None))
    order: list[ColumnElement[Any]] = [func.lower(Dataset.title), Dataset.id.expression]
    if sort == "newest":
        order = [Dataset.updated_at.desc(), *order]
    elif sort == "best" and words:
        order = [_rank(words).desc(), *order]
    with store.read() as session:
        rows = [tuple(row) for row in session.execute(query.where(*map(_holds, words)).order_by(*order))]
        if not rows and len(words) > 2:
            held = _held(words)
            counted = session.execute(query.add_columns(held).where(held > len(words) // 2).order_by(*order)).all()
            most = max((row[-1] for row in counted), default=0)
            rows = [tuple(row[:-1]) for row in counted if row[-1] == most]
    return [(row[0], row[1:]) for row in rows]


def _values(raw: Sequence[str | None]) -> dict[Facet, tuple[str, ...]]:
    values: dict[Facet, tuple[str, ...]] = {}
    for name, value in zip(FACETS, raw, strict=True):
        if value is None:
            values[name] = ()
        else:
            values[name] = tuple(json.loads(value)) if name in LISTS else (value,)
    return values


def _stands_in(column: Any, word: tuple[str, ...]) -> ColumnElement[bool]:
    return or_(*(column.icontains(form, autoescape=True) for form in word))


def _holds(word: tuple[str, ...]) -> ColumnElement[bool]:
    return or_(*(_stands_in(column, word) for column in (*(column for column, _ in _WEIGHTS), *_ALSO)))


def _held(words: Sequence[tuple[str, ...]]) -> ColumnElement[int]:
    total: ColumnElement[int] = literal(0)
    for word in words:
        total = total + case((_holds(word), 1), else_=0)
    return total


def _rank(words: Sequence[tuple[str, ...]]) -> ColumnElement[int]:
    total: ColumnElement[int] = literal(0)
    for word in words:
        for column, weight in _WEIGHTS:
            total = total + case((_stands_in(column, word), weight), else_=0)
    return total
