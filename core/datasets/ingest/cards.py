"""Makes the card that a dataset is found by from its chunks, so that it can be made again whenever they are there."""

import re
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.datasets.catalog import chunk_of
from core.datasets.ingest.progress import Progress, Report
from core.rag.card_index import MAX_CELLS, CardIndex, CardText
from core.rag.chunking import is_about
from core.rag.sentences import CELLS
from core.schema import Chunk
from core.store.database import Store
from core.store.tables import ChunkRow, Dataset, DatasetSource

MAX_COLUMNS = 500
PAGE = 32  # cards added together; a job that is cancelled waits for them
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
        size += sum(_note(columns, name, value) for name, value in _values(chunk, title))
        if size > MAX_CELLS:
            break
    if first is None:
        return None
    named: dict[str, Sequence[str]] = {name: tuple(values) for name, values in columns.items()}
    return CardText(first.dataset_id, first.version, title, description, named)


def _values(chunk: Chunk, title: str) -> Iterable[tuple[str, str]]:
    if is_about(chunk.place):  # of a table it says what title, description and columns say; a sheet has a name
        return [] if chunk.document == title else [(chunk.document, "")]
    if not _ROWS.search(chunk.place):
        return [(chunk.document, chunk.place)]
    cells = (cell.partition(": ") for line in chunk.text.split("\n") for cell in line.split(CELLS))
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


class CardMaker:
    """Adds cards in a thread of its own, so that other datasets are read meanwhile.

    As a context it ends with what was asked for; at an error it finishes no more than the page at hand.
    """

    def __init__(self, store: Store, cards: CardIndex) -> None:
        """Take the store that holds the chunks, and the index to fill."""
        self._store = store
        self._cards = cards
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="cards")
        self._asked: list[str] = []
        self._pages: list[Future[int]] = []

    def __enter__(self) -> "CardMaker":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._thread.shutdown(cancel_futures=kind is not None)

    def make(self, versions: Sequence[tuple[str, str]]) -> None:
        """Ask for the cards of versions whose chunks are in the store, given as (dataset, version)."""
        self._asked += [dataset_id for dataset_id, _ in versions]
        for start in range(0, len(versions), PAGE):
            self._pages.append(self._thread.submit(self._add, versions[start : start + PAGE]))

    def wait(self, report: Report) -> None:
        """Wait for the cards asked for, and report each page of them.

        Raises:
            RetrievalError: The index can't be written.
        """
        done = 0
        for page in self._pages:
            done += page.result()
            report(Progress(self._asked[done - 1], "carded", done, len(self._asked)))

    def _add(self, versions: Sequence[tuple[str, str]]) -> int:
        with self._store.read() as session:
            found = [_card(session, dataset_id, version) for dataset_id, version in versions]
        self._cards.add([card for card in found if card is not None])
        return len(versions)


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
