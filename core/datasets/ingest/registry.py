"""What the store knows of datasets that are being ingested: their sources, and chunks that no query sees yet.

A source is written last, when all chunks of its version are there: such a version never needs to be read again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from core.datasets.ingest.reading import Cut, Reading
from core.datasets.ingest.sources import Source
from core.datasets.quality import check_quality
from core.datasets.states import Approval
from core.rag.chunking import FORMAT
from core.store.tables import ChunkRow, Dataset, DatasetSource, DatasetVersion


@dataclass(frozen=True, slots=True)
class Known:
    """What the store knows of a dataset.

    Attributes:
        stamp: Of the files that `version` was read from.
        version: The version that was read last; it is active, or pending.
        active: The version that queries see; None when they see none.
    """

    stamp: str
    version: str
    active: str | None
    format: int
    erased: frozenset[str]


def known_sources(session: Session) -> dict[str, Known]:
    """Return what is known of every dataset, by id."""
    source = DatasetSource
    query = select(
        source.dataset_id, source.stamp, source.version, Dataset.active_version, source.format, source.erased
    ).join(Dataset, Dataset.id == source.dataset_id)
    return {
        dataset_id: Known(stamp, version, active, made_with, frozenset(erased))
        for dataset_id, stamp, version, active, made_with, erased in session.execute(query)
    }


def stale_versions(session: Session, dataset_ids: Iterable[str] | None = None) -> list[tuple[str, str]]:
    """Return (dataset, version) of chunks that are neither of an active nor of a pending version."""
    query = select(ChunkRow.dataset_id, ChunkRow.version).distinct()
    kept = select(Dataset.id, Dataset.active_version, DatasetSource.version).outerjoin(
        DatasetSource, DatasetSource.dataset_id == Dataset.id
    )
    if dataset_ids is not None:
        wanted = list(dataset_ids)
        query, kept = query.where(ChunkRow.dataset_id.in_(wanted)), kept.where(Dataset.id.in_(wanted))
    keep = {(dataset_id, v) for dataset_id, *versions in session.execute(kept) for v in versions if v is not None}
    return sorted(tuple(found) for found in session.execute(query) if tuple(found) not in keep)  # type: ignore[misc]


def add_datasets(session: Session, sources: Sequence[Source], now: datetime) -> None:
    """Give each dataset that is new a row, which no query sees yet."""
    there = set(session.scalars(select(Dataset.id).where(Dataset.id.in_([s.card.id for s in sources]))))
    for source in sources:
        if source.card.id not in there:
            session.add(Dataset(**source.card.model_dump(), created_at=now, updated_at=now))
    session.flush()


def add_chunks(session: Session, cuts: Sequence[Cut]) -> None:
    """Write chunks of a version that no query sees yet."""
    if cuts:
        session.execute(insert(ChunkRow), [_row(cut) for cut in cuts])


def _row(cut: Cut) -> dict[str, str | int | bool]:
    chunk = cut.chunk
    return {
        "id": chunk.id,
        "dataset_id": chunk.dataset_id,
        "version": chunk.version,
        "document": chunk.document,
        "place": chunk.place,
        "position": chunk.position,
        "text": chunk.text,
        "by_meaning": cut.by_meaning,
    }


def add_readings(
    session: Session, readings: Sequence[Reading], approvals: Mapping[str, Approval], now: datetime
) -> None:
    """Say that these versions are whole: a version and a source for each, with what was found and decided."""
    for reading in readings:
        source, files, version = reading.task.source, reading.task.files, reading.task.version
        row = session.get(DatasetVersion, (source.card.id, version))
        if row is None:
            row = DatasetVersion(dataset_id=source.card.id, version=version, created_at=now)
            session.add(row)
        row.documents, row.chunks, row.bytes = len(files.paths), reading.chunks, files.bytes
        row.profile = {"tables": [profile.to_json() for profile in reading.profiles]}
        row.quality = check_quality(reading.profiles, reading.problems, problem_count=reading.problem_count).to_json()
        row.scan = None if reading.scan is None else reading.scan.to_json()
        approval = approvals.get(source.card.id)
        row.approval = None if approval is None else approval.to_json()
        put_source(session, source, stamp=files.stamp, version=version)


def put_source(session: Session, source: Source, *, stamp: str, version: str) -> None:
    """Write where a version came from."""
    row = session.get(DatasetSource, source.card.id)
    if row is None:
        in_use = session.get_one(Dataset, source.card.id).active_version is not None
        row = DatasetSource(dataset_id=source.card.id, erased=[], format=0 if in_use else FORMAT)
        session.add(row)
    row.format = FORMAT if row.format == FORMAT else 0
    row.path, row.collection, row.stamp = str(source.path.resolve()), source.collection or None, stamp
    row.version, row.card = version, source.card.model_dump()


def publish(session: Session, versions: Mapping[str, str], now: datetime) -> None:
    """Make each dataset's version the one that queries see, and its card's words the catalog's."""
    for dataset_id, version in versions.items():
        dataset, source = session.get_one(Dataset, dataset_id), session.get_one(DatasetSource, dataset_id)
        apply_card(dataset, source.card)
        source.format = FORMAT
        dataset.active_version, dataset.state, dataset.state_reason = version, "indexed", ""
        dataset.updated_at, dataset.retired_at = now, None


def apply_card(dataset: Dataset, card: Mapping[str, Any]) -> None:
    """Make a card's words the catalog's."""
    for name, value in card.items():
        setattr(dataset, name, value)


def count_chunks(session: Session, versions: Iterable[str]) -> tuple[int, int]:
    """Return how many chunks of these versions there are: all, and those found by meaning."""
    query = select(ChunkRow.by_meaning, func.count()).where(ChunkRow.version.in_(list(versions)))
    counts = {bool(by_meaning): n for by_meaning, n in session.execute(query.group_by(ChunkRow.by_meaning))}
    return sum(counts.values()), counts.get(True, 0)


def delete_chunks(session: Session, versions: Sequence[tuple[str, str]]) -> None:
    """Delete the chunks of versions, given as (dataset, version)."""
    for dataset_id, version in versions:
        session.execute(delete(ChunkRow).where(ChunkRow.dataset_id == dataset_id, ChunkRow.version == version))
