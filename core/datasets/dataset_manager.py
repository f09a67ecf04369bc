"""Fills the catalog: reads, cuts, embeds and indexes datasets, and makes each new version visible at once.

The order of steps is what keeps queries whole, even when the process is killed between two of them:
1. datasets are read; their chunks are written under the new version, which no query asks for yet;
2. groups of them get vectors, and both indexes take them in;
3. one transaction flips the catalog's `active_version`;
4. what belongs to other versions is removed, from the indexes first, so that the store always knows what is left.
Unchanged files are not read, unchanged content is not embedded again. One process at a time ingests; the lexical
index's writer is the lock.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from sqlalchemy import and_, select

from core.datasets.card import DatasetCard
from core.datasets.catalog import DatasetView, chunk_of, get_dataset
from core.datasets.ingest.cards import CardMaker
from core.datasets.ingest.erasure import Erased, Eraser
from core.datasets.ingest.executor import Executor, InThisProcess
from core.datasets.ingest.indexing import EMBED_BATCH, Indexer, Pending
from core.datasets.ingest.intake import Intake, Stored
from core.datasets.ingest.progress import Outcome, Progress, Report
from core.datasets.ingest.sources import Source, folder_sources, source_at
from core.datasets.states import Gate, Move, check_moves
from core.encoder.sentence_encoder import SentenceEncoder
from core.errors import DatasetError
from core.rag.card_index import CardIndex
from core.rag.embedding import Embedder
from core.rag.lexical import LexicalIndex
from core.rag.vectors import VectorIndex
from core.store.database import Store
from core.store.tables import ChunkRow, Dataset, DatasetSource, DatasetVersion
from core.tables.table_store import TableStore

SHORTEST_ERASED = 4  # characters
REBUILD = 5_000  # chunks held at once


class DatasetManager:
    """Ingests and removes datasets."""

    def __init__(
        self,
        store: Store,
        vectors: VectorIndex,
        lexical: LexicalIndex,
        embedder: Embedder,
        encoder: SentenceEncoder,
        *,
        clock: Callable[[], datetime],
        tables: TableStore | None = None,
        cards: CardIndex | None = None,
        gate: Gate | None = None,
        batch_size: int = EMBED_BATCH,
    ) -> None:
        """Take the parts; `batch_size` chunks are embedded at a time."""
        self._store = store
        self._lexical = lexical
        self._clock = clock
        self._tables = tables
        self._cards = cards
        self._gate = gate
        self._intake = Intake(store, tables=tables, gate=gate, clock=clock)
        self._indexer = Indexer(
            store, vectors, lexical, embedder, encoder, tables=tables, gate=gate, clock=clock, batch_size=batch_size
        )

    def ingest(
        self, path: Path, *, card: DatasetCard | None = None, skip_bad: bool = False, progress: Report | None = None
    ) -> DatasetView:
        """Bring a dataset's content into the catalog; content that is there already is not embedded again.

        Args:
            path: A folder of files, or a single file.
            card: Read from the folder's `dataset.yaml` when None.
            skip_bad: Leave out rows and files that can't be read; else the first one refuses the dataset.
            progress: Called after each step.

        Raises:
            DatasetError: The card or a file can't be used, or a reviewer has to approve it first; the version that
                was active stays active.
            RetrievalError: An index can't be written, or another process is ingesting.
        """
        source = source_at(path, card)
        outcome = self.ingest_sources([source], skip_bad=skip_bad, progress=progress)
        for refusal in outcome.refused:
            raise DatasetError(refusal.reason)
        if outcome.waiting:
            raise DatasetError(f"{source.card.id} was read and waits for a reviewer: {self._reason(source.card.id)}")
        return get_dataset(self._store, source.card.id)

    def ingest_all(self, root: Path, *, progress: Report | None = None) -> list[DatasetView]:
        """Ingest every folder below `root` that holds a `dataset.yaml`, by name.

        Raises:
            DatasetError: No folder holds one, two cards share an id, or a dataset can't be ingested.
        """
        sources = folder_sources(root)
        for refusal in self.ingest_sources(sources, progress=progress).refused:
            raise DatasetError(refusal.reason)
        return [get_dataset(self._store, source.card.id) for source in sources]

    def ingest_sources(
        self,
        sources: Sequence[Source],
        *,
        skip_bad: bool = False,
        executor: Executor | None = None,
        progress: Report | None = None,
    ) -> Outcome:
        """Bring many datasets into the catalog. One that can't be used is named in the outcome; the others go on.

        Args:
            sources: Datasets with different ids.
            skip_bad: Leave out rows and files that can't be read, and report them.
            executor: Where datasets are read; here when None.
            progress: Called after each step.

        Raises:
            RetrievalError: An index can't be written, or another process is ingesting.
        """
        report = progress or _silent
        outcome = Outcome()
        with self._lexical.writing() as writer:
            self._indexer.clean(writer)
            wanted = self._intake.wanted(sources, outcome, skip_bad=skip_bad)
            with self._making_cards(report) as make:
                make([(each.dataset_id, each.version) for each in self._pending(wanted.stored)])
                self._intake.read_all(
                    wanted.tasks, executor or InThisProcess(), outcome=outcome, report=report, stored=make
                )
            pending = self._pending(wanted.ids)
            self._indexer.index(pending, writer, outcome=outcome, report=report)
            outcome.waiting += sorted(wanted.ids - set(outcome.added) - {each.dataset_id for each in outcome.refused})
        return outcome

    def index_approved(self, *, progress: Report | None = None) -> Outcome:
        """Index the versions that a reviewer approved since they were read; their files are not needed.

        Raises:
            RetrievalError: As for `ingest_sources`.
        """
        outcome = Outcome()
        if self._indexer.pending():
            with self._lexical.writing() as writer:
                pending = self._indexer.pending()
                with self._making_cards(_silent) as make:
                    make([(each.dataset_id, each.version) for each in pending])
                self._indexer.index(pending, writer, outcome=outcome, report=progress or _silent)
        return outcome

    def retire_missing(self, collection: Path, sources: Sequence[Source]) -> list[str]:
        """Remove the datasets of a collection that are no longer in it; return their ids."""
        there = {source.card.id for source in sources}
        query = select(DatasetSource.dataset_id).join(Dataset, Dataset.id == DatasetSource.dataset_id)
        query = query.where(DatasetSource.collection == str(collection.resolve()), Dataset.retired_at.is_(None))
        with self._store.read() as session:
            gone = sorted(set(session.scalars(query)) - there)
        for dataset_id in gone:
            self.remove(dataset_id)
        return gone

    def remove(self, dataset_id: str) -> None:
        """Take a dataset out of the catalog, then delete its chunks. Its row stays, so that records can name it.

        Raises:
            DatasetError: No dataset was ever called this.
        """
        with self._lexical.writing() as writer:
            self._record_retirement(dataset_id)
            with self._store.write(lock="datasets") as session:
                dataset = session.get_one(Dataset, dataset_id)
                dataset.active_version, dataset.state = None, "retired"
                dataset.retired_at = dataset.retired_at or self._clock()
                source = session.get(DatasetSource, dataset_id)
                if source is not None:
                    source.stamp = source.version = ""
            self._indexer.clean(writer, [dataset_id])
            if self._cards is not None:
                self._cards.remove(dataset_id)

    def _record_retirement(self, dataset_id: str) -> None:
        with self._store.read() as session:
            dataset = session.get(Dataset, dataset_id)
            if dataset is None:
                raise DatasetError(f"No dataset is called {dataset_id!r}.")
            if self._gate is not None and dataset.state != "retired":
                move = Move(dataset_id, ("retired",), dataset.active_version, "ingest", "Removed from the catalog.")
                self._gate.record(check_moves(session, [move]))

    def erase_texts(self, texts: Sequence[str], *, dataset_ids: Sequence[str] | None = None) -> list[Erased]:
        """Make new versions without what holds one of these texts, and remove the old ones from everything kept here.

        Args:
            texts: What names a person, as it stands in the data; case and spaces don't count.
            dataset_ids: Look in these datasets; in all when None.

        Raises:
            DatasetError: A text is too short to tell a person.
            RetrievalError: An index can't be written, or another process is ingesting.
        """
        short = [text for text in texts if len(text.strip()) < SHORTEST_ERASED]
        if short or not texts:
            raise DatasetError(f"Give texts of at least {SHORTEST_ERASED} characters; found {len(short)} shorter.")
        eraser, erased = Eraser(self._store, texts, tables=self._tables, clock=self._clock), list[Erased]()
        with self._lexical.writing() as writer:
            self._indexer.clean(writer)
            erased = [eraser.rewrite(*version) for version in eraser.holding(dataset_ids)]
            new = {each.version for each in erased}
            pending = [each for each in self._indexer.pending() if each.version in new]
            self._indexer.index(pending, writer, outcome=Outcome(), report=_silent)
            self._indexer.clean(writer)
        for each in erased:
            if not each.version:
                self.remove(each.dataset_id)
        if erased:
            self.rebuild_lexical()  # so that the words are in none of its files
            self.rebuild_cards()
            self._store.compact()
        return erased

    def rebuild_lexical(self) -> int:
        """Fill the lexical index again from the store, as after a restore; return how many chunks it took in."""
        active = and_(Dataset.id == ChunkRow.dataset_id, Dataset.active_version == ChunkRow.version)
        query = select(ChunkRow).join(Dataset, active).order_by(ChunkRow.dataset_id, ChunkRow.position)
        count = 0
        with self._lexical.writing() as writer, self._store.read() as session:
            writer.remove_all()
            for page in session.scalars(query.execution_options(yield_per=REBUILD)).partitions():
                writer.add([chunk_of(row) for row in page])
                count += len(page)
            writer.commit()
        return count

    def rebuild_cards(self) -> int:
        """Fill the index of cards again from the store, as after a restore; return how many datasets have one."""
        active = select(Dataset.id, Dataset.active_version).where(Dataset.active_version.is_not(None))
        with self._store.read() as session:
            versions = [
                (dataset_id, str(version)) for dataset_id, version in session.execute(active.order_by(Dataset.id))
            ]
        with self._making_cards(_silent) as make:
            make(versions)
        return len(versions)

    def _pending(self, dataset_ids: set[str]) -> list[Pending]:
        return [each for each in self._indexer.pending() if each.dataset_id in dataset_ids]

    @contextmanager
    def _making_cards(self, report: Report) -> Iterator[Stored]:
        """Give what takes versions and has their cards made; at its end all are there."""
        if self._cards is None:
            yield lambda _: None
            return
        with CardMaker(self._store, self._cards) as maker:
            yield maker.make
            maker.wait(report)

    def _reason(self, dataset_id: str) -> str:
        """Return why the version that was read last is not in use."""
        with self._store.read() as session:
            source = session.get_one(DatasetSource, dataset_id)
            version = session.get_one(DatasetVersion, (dataset_id, source.version))
            return str((version.approval or {}).get("reason", ""))


def _silent(_: Progress) -> None:
    """Report nothing."""
