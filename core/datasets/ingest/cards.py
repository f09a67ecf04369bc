"""Makes the card that a dataset is found by from its chunks, so that it can be made again whenever they are there."""

import re
from collections.abc import Callable, Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.datasets.catalog import chunk_of
from core.rag.card_index import MAX_CELLS, CardIndex, CardText, card_text
from core.schema import Chunk
from core.store.database import Store
from core.store.tables import ChunkRow, Dataset, DatasetSource

MAX_COLUMNS = 500
PAGE = 64  # cards added together
ROWS = 100
_ROWS = re.compile(r"Rows? \d+(-\d+|, part \d+)?$")


def card_of(title: str, description: str, chunks: Iterable[Chunk]) -> CardText | None:
    """Return the card of a version: its columns with their different values, its headings where there is no table.

    Args:
        title: The dataset's title.
        description: What the dataset is.
        chunks: Of one version; None is returned when there is none.
    """
    columns: dict[str, dict[str, None]] = {}
    size, first = 0, None
    for chunk in chunks:
        first = first or chunk
        size += sum(_note(columns, name, value) for name, value in _values(chunk))
        if size > MAX_CELLS:
            break
    if first is None:
        return None
    named: dict[str, Sequence[str]] = {name: tuple(values) for name, values in columns.items()}
    return CardText(first.dataset_id, first.version, title, card_text(description=description, columns=named))


def _values(chunk: Chunk) -> Iterable[tuple[str, str]]:
    if not _ROWS.search(chunk.place):
        return [(chunk.document, chunk.place)]
    cells = (cell.partition(": ") for line in chunk.text.split("\n") for cell in line.split(" | "))
    return [(name, value) for name, _, value in cells if value]


def _note(columns: dict[str, dict[str, None]], name: str, value: str) -> int:
    """Note a value of a column; return how many characters are new."""
    if name not in columns and len(columns) >= MAX_COLUMNS:
        return 0
    values = columns.setdefault(name, {})
    if value in values:
        return 0
    values[value] = None
    return len(value)


def add_cards(
    store: Store, cards: CardIndex, versions: Sequence[tuple[str, str]], *, done: Callable[[int], None]
) -> None:
    """Add the cards of versions whose chunks are in the store.

    Args:
        store: Where the chunks are.
        cards: The index to fill.
        versions: As (dataset, version).
        done: Told how many versions have their card so far.

    Raises:
        RetrievalError: The index can't be written.
    """
    for start in range(0, len(versions), PAGE):
        page = versions[start : start + PAGE]
        with store.read() as session:
            found = [_card(session, dataset_id, version) for dataset_id, version in page]
        cards.add([card for card in found if card is not None])
        done(start + len(page))


def _card(session: Session, dataset_id: str, version: str) -> CardText | None:
    dataset, source = session.get_one(Dataset, dataset_id), session.get(DatasetSource, dataset_id)
    said = {"title": dataset.title, "description": dataset.description}
    if source is not None and source.version == version:
        said = source.card  # becomes the catalog's with the version
    query = (
        select(ChunkRow)
        .where(ChunkRow.dataset_id == dataset_id, ChunkRow.version == version)
        .order_by(ChunkRow.position)
        .execution_options(yield_per=ROWS)
    )
    return card_of(said["title"], said["description"], map(chunk_of, session.scalars(query)))
