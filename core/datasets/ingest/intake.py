"""Tells what has to be read, reads it, and stores it as pending versions that no query sees yet."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from sqlalchemy import select

from core.datasets.ingest.deciding import decide, moves_after_reading
from core.datasets.ingest.executor import Executor, InThisProcess
from core.datasets.ingest.progress import Outcome, Progress, Refusal, Report
from core.datasets.ingest.reading import Cut, Reading, Task, read_dataset, read_whole
from core.datasets.ingest.registry import (
    add_chunks,
    add_datasets,
    add_readings,
    apply_card,
    delete_chunks,
    known_sources,
    put_source,
)
from core.datasets.ingest.sources import Files, Source, look_at, version_of
from core.datasets.states import Approval, Change, Gate, apply_changes
from core.errors import DatasetError
from core.store.database import Store
from core.store.tables import ChunkRow, Dataset
from core.tables.table_store import TableStore

SHELF_CHUNKS = 8_192  # stored in one transaction
SHELF_DATASETS = 128
PAGE = 1_000
SMALL_BYTES = 4_000_000  # a larger dataset is read in this process, its chunks streaming into the store

Stored = Callable[[list[tuple[str, str]]], None]
"""Told of versions, as (dataset, version), that are in the store and may be used."""


@dataclass(slots=True)
class Wanted:
    """What is to be done for given sources.

    Attributes:
        tasks: Datasets to read.
        stored: Ids of those that were read before and are not visible yet.
    """

    tasks: list[Task] = field(default_factory=list)
    stored: set[str] = field(default_factory=set)

    @property
    def ids(self) -> set[str]:
        """Return the ids of all of them."""
        return self.stored | {task.source.card.id for task in self.tasks}


class Intake:
    """Brings sources into the store."""

    def __init__(
        self, store: Store, *, tables: TableStore | None, gate: Gate | None, clock: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._gate = gate
        self._tables = tables
        self._clock = clock

    def wanted(self, sources: Sequence[Source], outcome: Outcome, *, skip_bad: bool) -> Wanted:
        """Tell the datasets to read from those that are there; take over changed cards of unchanged content."""
        with self._store.read() as session:
            known = known_sources(session)
        scan = None if self._gate is None else self._gate.scan
        wanted = Wanted()
        for source in sources:
            before = known.get(source.card.id)
            try:
                files = look_at(source)
                version = before.version if before and before.stamp == files.stamp else version_of(source, files)
            except DatasetError as exc:
                outcome.refused.append(Refusal(source.card.id, str(exc)))
                continue
            if before and version in before.erased:
                reason = f"{source.path} holds what was erased from {source.card.id}; take it out of the files first."
                outcome.refused.append(Refusal(source.card.id, reason))
            elif before and version in (before.version, before.active):
                if before.stamp != files.stamp:
                    self._take_over(source, files, version, is_active=version == before.active)
                if before.active == version:
                    outcome.unchanged.append(source.card.id)
                else:
                    wanted.stored.add(source.card.id)
            else:
                wanted.tasks.append(Task(source, files, version, skip_bad, self._tables, scan))
        return wanted

    def read_all(
        self, tasks: Sequence[Task], executor: Executor, *, outcome: Outcome, report: Report, stored: Stored
    ) -> None:
        """Read datasets and store their chunks; small ones by the executor, many of them in one transaction."""
        shelf, done = list[Reading](), 0

        def tick(dataset_id: str) -> None:
            report(Progress(dataset_id, "read", done, len(tasks)))

        watched = [replace(task, tick=partial(tick, task.source.card.id)) for task in tasks]
        for reading in self._readings(watched, executor):
            done += 1
            report(Progress(reading.task.source.card.id, "read", done, len(tasks)))
            if reading.problems:
                outcome.problems[reading.task.source.card.id] = reading.problems
            if reading.refused:
                outcome.refused.append(Refusal(reading.task.source.card.id, reading.refused))
                continue
            shelf.append(reading)
            if len(shelf) == SHELF_DATASETS or sum(len(each.cuts) for each in shelf) >= SHELF_CHUNKS:
                stored(self._store_shelf(shelf))
                report(Progress(reading.task.source.card.id, "stored", done, len(tasks)))
                shelf = []
        if shelf:
            stored(self._store_shelf(shelf))
            report(Progress(shelf[-1].task.source.card.id, "stored", done, len(tasks)))

    def _readings(self, tasks: Sequence[Task], executor: Executor) -> Iterator[Reading]:
        small = [task for task in tasks if task.files.bytes <= SMALL_BYTES]
        if not isinstance(executor, InThisProcess):
            small = [replace(task, tick=None) for task in small]
        yield from executor.map(read_whole, small)
        for task in tasks:
            if task.files.bytes > SMALL_BYTES:
                yield self._read_streaming(task)

    def _read_streaming(self, task: Task) -> Reading:
        with self._store.write() as session:
            add_datasets(session, [task.source], self._clock())
        reading = read_dataset(task, take=self._store_cuts)
        if reading.refused:
            with self._store.write() as session:
                delete_chunks(session, [(task.source.card.id, task.version)])
            return reading
        return replace(reading, scan=task.scanned(self._texts(task.version)))

    def _texts(self, version: str) -> Iterator[str]:
        query = select(ChunkRow.text).where(ChunkRow.version == version).order_by(ChunkRow.position)
        with self._store.read() as session:
            yield from session.scalars(query.execution_options(yield_per=PAGE))

    def _store_cuts(self, cuts: list[Cut]) -> None:
        with self._store.write() as session:
            add_chunks(session, cuts)

    def _store_shelf(self, shelf: Sequence[Reading]) -> list[tuple[str, str]]:
        """Store what was read and decided; return (dataset, version) of what may be used."""
        now = self._clock()
        with self._store.write() as session:
            add_datasets(session, [reading.task.source for reading in shelf], now)
            add_chunks(session, [cut for reading in shelf for cut in reading.cuts])
        changes, approvals = list[Change](), dict[str, Approval]()
        if self._gate is not None:
            approvals = {reading.task.source.card.id: decide(self._gate, reading) for reading in shelf}
            with self._store.read() as session:
                changes = moves_after_reading(session, shelf, approvals)
            self._gate.record(changes)
        with self._store.write(lock="datasets") as session:
            apply_changes(session, changes, now=now)
            add_readings(session, shelf, approvals, now)
        versions = {reading.task.source.card.id: reading.task.version for reading in shelf}
        return [each for each in versions.items() if self._gate is None or approvals[each[0]].outcome == "approved"]

    def _take_over(self, source: Source, files: Files, version: str, *, is_active: bool) -> None:
        """Note that content which is there has another card, or files that were touched."""
        with self._store.write() as session:
            put_source(session, source, stamp=files.stamp, version=version)
            dataset, card = session.get_one(Dataset, source.card.id), source.card.model_dump()
            if is_active and any(getattr(dataset, k) != v for k, v in card.items()):
                apply_card(dataset, card)
                dataset.updated_at = self._clock()
