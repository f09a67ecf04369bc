"""A page of the datasets that match a search and facets, with how many each choice of a facet would leave."""

from dataclasses import dataclass
from urllib.parse import urlencode

from apps.chat.frames import Sent
from core.datasets.catalog import DatasetView
from core.datasets.search import Facet, search_catalog
from core.store.database import Store

PAGE_SIZE = 24
SHOWN: tuple[Facet, ...] = ("category", "tier", "licence")


@dataclass(frozen=True, slots=True)
class Choice:
    """A way to narrow the list: its values with their counts, the most frequent first."""

    name: str
    chosen: str
    values: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """What the list shows.

    Attributes:
        first: Number of the first dataset shown, from 1.
        links: The addresses of the page before and the page after; empty where there is none.
    """

    datasets: tuple[DatasetView, ...]
    total: int
    first: int
    choices: tuple[Choice, ...]
    links: tuple[str, str]
    is_narrowed: bool


def read_listing(store: Store, sent: Sent, *, size: int = PAGE_SIZE) -> Listing:
    """Return the page that was asked for, of `size` datasets."""
    chosen: dict[Facet, str] = {"category": sent.category, "tier": sent.tier, "licence": sent.licence}
    start = (sent.page - 1) * size
    facets = {name: [value] for name, value in chosen.items() if value}
    page = search_catalog(store, sent.text, facets=facets, offset=start, limit=size)
    wanted: dict[str, str] = {"text": sent.text.strip()} | {str(name): value for name, value in chosen.items()}
    return Listing(
        datasets=page.datasets,
        total=page.total,
        first=start + 1,
        choices=tuple(Choice(name, chosen[name], tuple(page.counts[name].items())) for name in SHOWN),
        links=(
            _address(wanted, sent.page - 1) if sent.page > 1 else "",
            _address(wanted, sent.page + 1) if start + size < page.total else "",
        ),
        is_narrowed=any(wanted.values()),
    )


def _address(wanted: dict[str, str], page: int) -> str:
    return "#datasets?" + urlencode({name: value for name, value in wanted.items() if value} | {"page": page})
