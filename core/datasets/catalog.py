"""The catalog: what datasets there are and what their chunks say. Read-only; needs neither embedder nor indexes.

Only datasets with an active version that may be used are seen: one that is still being ingested for the first time,
waits for a reviewer, is quarantined or was removed, is not in the catalog. It does not decide who may see a dataset;
callers do, by tier.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row, Select, and_, func, select

from core.datasets.states import RETRIEVABLE
from core.errors import DatasetError
from core.schema import Chunk
from core.store.database import Store
from core.store.tables import ChunkRow, Dataset, DatasetVersion

MAX_PAGE = 500


@dataclass(frozen=True, slots=True)
class DatasetView:
    """A dataset as the rest of the system sees it.

    Attributes:
        tier: Who may use it: "public", "internal" or "restricted".
        labels: What to know before use, such as "contains-pii" or "planted-injection".
        active_version: `sha256:<hex>` of the content that queries see.
        bytes: Size of the source files.
        owner: Who answers for it; None where the card does not say.
        purposes: What it may be used for; none means every purpose.
        jurisdiction: Whose law it falls under; None where the card does not say.
        legal_basis: Why personal data in it may be used; None where the card does not say.
        valid_from: The first day that its data holds for; None where the card does not say.
        valid_until: The last one; None where the card does not say.
    """

    id: str
    title: str
    description: str
    category: str
    licence: str
    source: str
    tier: str
    labels: tuple[str, ...]
    active_version: str
    documents: int
    chunks: int
    bytes: int
    updated_at: datetime
    owner: str | None = None
    purposes: tuple[str, ...] = ()
    jurisdiction: str | None = None
    legal_basis: str | None = None
    valid_from: str | None = None
    valid_until: str | None = None


def list_datasets(store: Store) -> list[DatasetView]:
    """Return every dataset, by title."""
    return _views(store, _active())


def count_datasets(store: Store) -> int:
    """Return how many datasets there are."""
    with store.read() as session:
        return session.scalar(select(func.count()).select_from(_active().order_by(None).subquery())) or 0


def get_datasets(store: Store, dataset_ids: Sequence[str]) -> list[DatasetView]:
    """Return the datasets with these ids, in their order; those that are not in the catalog are left out."""
    found = {view.id: view for view in _views(store, _active().where(Dataset.id.in_(dataset_ids)))}
    return [found[each] for each in dataset_ids if each in found]


def get_dataset(store: Store, dataset_id: str) -> DatasetView:
    """Return one dataset.

    Raises:
        DatasetError: No active dataset has this id.
    """
    found = _views(store, _active().where(Dataset.id == dataset_id))
    if not found:
        raise DatasetError(f"No dataset is called {dataset_id!r}. `promethios datasets list` shows what there is.")
    return found[0]


def list_chunks(store: Store, dataset_id: str, *, offset: int = 0, limit: int = 50) -> list[Chunk]:
    """Return a page of the active version's chunks, in order; `limit` is 1 to MAX_PAGE.

    Raises:
        DatasetError: No active dataset has this id, or the page is out of bounds.
    """
    if offset < 0 or not 1 <= limit <= MAX_PAGE:
        raise DatasetError(f"offset is at least 0 and limit 1 to {MAX_PAGE}; found offset {offset}, limit {limit}.")
    version = get_dataset(store, dataset_id).active_version
    query = (
        select(ChunkRow)
        .where(ChunkRow.dataset_id == dataset_id, ChunkRow.version == version)
        .order_by(ChunkRow.position)
        .offset(offset)
        .limit(limit)
    )
    with store.read() as session:
        return [chunk_of(row) for row in session.scalars(query)]


def get_chunk(store: Store, chunk_id: str) -> Chunk:
    """Return one chunk of an active version.

    Raises:
        DatasetError: No active version holds it.
    """
    active = and_(Dataset.id == ChunkRow.dataset_id, Dataset.active_version == ChunkRow.version)
    with store.read() as session:
        query = select(ChunkRow).join(Dataset, active).where(Dataset.state == RETRIEVABLE)
        row = session.scalar(query.where(ChunkRow.id == chunk_id))
        if row is None:
            raise DatasetError(f"No active dataset holds chunk {chunk_id!r}; a newer version may have replaced it.")
        return chunk_of(row)


def chunk_of(row: ChunkRow) -> Chunk:
    """Return a chunk from its row."""
    return Chunk(row.id, row.dataset_id, row.version, row.document, row.place, row.position, row.text)


def _active() -> Select[Dataset, DatasetVersion]:
    active = and_(DatasetVersion.dataset_id == Dataset.id, DatasetVersion.version == Dataset.active_version)
    usable = select(Dataset, DatasetVersion).where(Dataset.state == RETRIEVABLE)
    return usable.join(DatasetVersion, active).order_by(func.lower(Dataset.title), Dataset.id)


def _views(store: Store, query: Select[Dataset, DatasetVersion]) -> list[DatasetView]:
    with store.read() as session:
        return [_view(row) for row in session.execute(query)]


def _view(row: Row[Dataset, DatasetVersion]) -> DatasetView:
    dataset, version = row
    return DatasetView(
        id=dataset.id,
        title=dataset.title,
        description=dataset.description,
        category=dataset.category,
        licence=dataset.licence,
        source=dataset.source,
        tier=dataset.tier,
        labels=tuple(dataset.labels),
        active_version=version.version,
        documents=version.documents,
        chunks=version.chunks,
        bytes=version.bytes,
        updated_at=dataset.updated_at,
        owner=dataset.owner,
        purposes=tuple(dataset.purposes),
        jurisdiction=dataset.jurisdiction,
        legal_basis=dataset.legal_basis,
        valid_from=dataset.valid_from,
        valid_until=dataset.valid_until,
    )
