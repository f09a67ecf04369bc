"""A page of the datasets that match a search and facets, with how many each choice of a facet would leave."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from apps.chat.frames import Sent
from core.datasets.catalog import DatasetView, list_datasets, search_datasets
from core.store.database import Store

PAGE_SIZE = 24
FACETS = ("category", "tier", "licence")


@dataclass(frozen=True, slots=True)
class Facet:
    """A way to narrow the list: its values with their counts, the most frequent first."""

    name: str
    chosen: str
    values: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """What the list shows.

    Attributes:
        links: The addresses of the page before and the page after; empty where there is none.
    """

    datasets: tuple[DatasetView, ...]
    total: int
    first: int
    facets: tuple[Facet, ...]
    links: tuple[str, str]
    is_narrowed: bool


def read_listing(store: Store, sent: Sent, *, size: int = PAGE_SIZE) -> Listing:
    """Return the page that was asked for, of `size` datasets."""
    found = search_datasets(store, sent.text) if sent.text.strip() else list_datasets(store)
    chosen = {name: getattr(sent, name) for name in FACETS}
    matching = [each for each in found if _matches(each, chosen)]
    start = (sent.page - 1) * size
    wanted = {"text": sent.text.strip(), **chosen}
    return Listing(
        datasets=tuple(matching[start : start + size]),
        total=len(matching),
        first=start + 1,
        facets=tuple(_facet(name, chosen, found) for name in FACETS),
        links=(
            _address(wanted, sent.page - 1) if sent.page > 1 else "",
            _address(wanted, sent.page + 1) if start + size < len(matching) else "",
        ),
        is_narrowed=any(wanted.values()),
    )


def _matches(dataset: DatasetView, chosen: dict[str, str]) -> bool:
    return all(not value or getattr(dataset, name) == value for name, value in chosen.items())


def _facet(name: str, chosen: dict[str, str], found: Sequence[DatasetView]) -> Facet:
    others = {other: value for other, value in chosen.items() if other != name}
    counts = Counter(str(getattr(each, name)) for each in found if _matches(each, others))
    return Facet(name, chosen[name], tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0]))))


def _address(wanted: dict[str, str], page: int) -> str:
    return "#datasets?" + urlencode({name: value for name, value in wanted.items() if value} | {"page": page})
