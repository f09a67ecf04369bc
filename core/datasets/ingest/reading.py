"""Reads one dataset: its parts become chunks, its tables are kept and profiled, each row seen once.

Runs in this process or in a worker; what it needs and gives can be sent between processes.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from core.datasets.ingest.sources import Files, Source
from core.datasets.profile import TableProfile, TableProfiler
from core.datasets.profile_words import render_column_line
from core.datasets.readers import read_parts
from core.datasets.scan import Scan, ScanResult
from core.datasets.schema import Problem, TablePart, TextPart
from core.errors import DatasetError
from core.rag.chunking import Passage, RowGroups, chunk_table_card, number_chunk
from core.schema import Chunk
from core.tables.table_store import TableStore

MAX_CHUNKS = 200_000
MAX_PROBLEMS = 100
CARD_COLUMNS = 40  # described in a table's card; the others are named
TAKE = 1_000  # chunks handed over at a time
CARD_PLACES = 64  # positions kept for a table's card, which is written after its rows were read and stands before them
TICK = 256  # rows or passages between two ticks
LARGE_TABLE = 32  # row groups; those of a larger table are found by their words alone, its card by meaning too

Take = Callable[[list["Cut"]], None]


@dataclass(frozen=True, slots=True)
class Cut:
    """A chunk, and whether it is found by meaning or by its words alone."""

    chunk: Chunk
    by_meaning: bool


@dataclass(frozen=True, slots=True)
class Task:
    """A dataset to read.

    Attributes:
        skip_bad: Leave out rows and files that can't be read, and report them; else the first refuses the dataset.
        tick: Called often while it is read in the process that ingests; what it raises stops the reading.
    """

    source: Source
    files: Files
    version: str
    skip_bad: bool
    tables: TableStore | None
    scan: Scan | None = None
    tick: Callable[[], None] | None = None

    def scanned(self, texts: Iterable[str]) -> ScanResult | None:
        """Return what the scan finds in the dataset's texts; None without a scan."""
        return None if self.scan is None else self.scan(self._ticking(texts))

    def _ticking(self, texts: Iterable[str]) -> Iterator[str]:
        for text in texts:
            if self.tick is not None:
                self.tick()
            yield text


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading gave beside the chunks.

    Attributes:
        profiles: Of each table.
        problems: What was left out, at most MAX_PROBLEMS of `problem_count`.
        refused: Why nothing of it may be used; empty when all went well.
        cuts: The chunks, when they were not handed over before.
    """

    task: Task
    chunks: int = 0
    profiles: tuple[TableProfile, ...] = ()
    problems: tuple[Problem, ...] = ()
    problem_count: int = 0
    scan: ScanResult | None = None
    refused: str = ""
    cuts: tuple[Cut, ...] = ()


def read_whole(task: Task) -> Reading:
    """Read a dataset and return its chunks with it; one that is refused is returned too."""
    cuts: list[Cut] = []
    reading = read_dataset(task, take=cuts.extend)
    if reading.refused:
        return reading
    return replace(reading, cuts=tuple(cuts), scan=task.scanned(cut.chunk.text for cut in cuts))


def read_dataset(task: Task, *, take: Take) -> Reading:
    """Read a dataset, handing chunks over as they come; the tables of one that is refused are removed."""
    state = _State(task)
    _remove_tables(task)  # what a killed process left half-written
    try:
        told = state.note if task.skip_bad else None
        for part in read_parts(task.source.path, title=task.source.card.title, on_problem=told, tick=task.tick):
            state.add(part, take)
        state.hand_over(take)
        if not state.count:
            raise DatasetError(f"{task.source.path} holds no text and no table that can be read. Add other files.")
    except DatasetError as exc:
        _remove_tables(task)
        return Reading(task, problems=tuple(state.problems), problem_count=state.problem_count, refused=str(exc))
    return Reading(task, state.count, tuple(state.profiles), tuple(state.problems), state.problem_count)


def _remove_tables(task: Task) -> None:
    if task.tables is not None:
        task.tables.remove(task.source.card.id, task.version)


@dataclass(slots=True)
class _State:
    """Where reading is. A passage that stands twice at one place becomes one chunk."""

    task: Task
    seen_rows: int = 0
    position: int = 0
    count: int = 0
    waiting: list[Cut] = field(default_factory=list)
    seen: set[bytes] = field(default_factory=set)
    profiles: list[TableProfile] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    problem_count: int = 0

    def note(self, problem: Problem) -> None:
        """Keep the first problems and count all."""
        self.problem_count += 1
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(problem)

    def add(self, part: TextPart | TablePart, take: Take) -> None:
        """Cut a part."""
        self.seen_rows = 0
        self._tick()
        if isinstance(part, TablePart):
            self._add_table(part, take)
            return
        for passage in part.passages:
            self._put(passage, take, by_meaning=True)
            self._tick()

    def _tick(self) -> None:
        """Tick at each part and at every so many of its rows or passages."""
        if self.task.tick is not None and self.seen_rows % TICK == 0:
            self.task.tick()
        self.seen_rows += 1

    def hand_over(self, take: Take) -> None:
        """Hand over what waits."""
        if self.waiting:
            take(self.waiting)
            self.waiting = []

    def _add_table(self, part: TablePart, take: Take) -> None:
        first, self.position = self.position, self.position + CARD_PLACES
        profiler = TableProfiler(part.header, file=part.file, title=part.title)
        rows = self._watch(part, profiler, take)
        if self.task.tables is None:
            deque(rows, maxlen=0)
        else:
            self.task.tables.write(
                self.task.source.card.id,
                self.task.version,
                name=f"{part.file} > {part.place_prefix}{len(self.profiles) + 1}",
                title=part.title,
                header=part.header,
                rows=rows,
            )
        profile = profiler.result()
        after, self.position = self.position, first
        for passage in self._card(part, profile)[:CARD_PLACES]:
            self._put(passage, take, by_meaning=True)
        self.position = after
        self.profiles.append(profile)

    def _watch(self, part: TablePart, profiler: TableProfiler, take: Take) -> Iterator[tuple[str, ...]]:
        """Pass the rows on, profiled and cut on their way; the groups of a large table are found by words alone."""
        groups = RowGroups(part.header, title=part.title, prefix=part.place_prefix)
        held: list[Passage] = []
        small = True
        for row in part.rows:
            self._tick()
            profiler.add(row)
            held += groups.add(row)
            if len(held) > LARGE_TABLE:
                small, held = False, self._put_all(held, take, by_meaning=False)
            yield row
        held += groups.rest()
        self._put_all(held, take, by_meaning=small and len(held) <= LARGE_TABLE)

    def _card(self, part: TablePart, profile: TableProfile) -> list[Passage]:
        card = self.task.source.card
        columns = profile.columns[:CARD_COLUMNS]
        return chunk_table_card(
            part.header,
            rows=profile.rows,
            title=part.title,
            description=card.description,
            columns=[render_column_line(column, meaning=card.columns.get(column.name, "")) for column in columns],
            prefix=part.place_prefix,
        )

    def _put_all(self, passages: list[Passage], take: Take, *, by_meaning: bool) -> list[Passage]:
        for passage in passages:
            self._put(passage, take, by_meaning=by_meaning)
        return []

    def _put(self, passage: Passage, take: Take, *, by_meaning: bool) -> None:
        source = self.task.source
        chunk = number_chunk(passage, self.position, dataset_id=source.card.id, version=self.task.version)
        digest = bytes.fromhex(chunk.id)
        if digest in self.seen:
            return
        if len(self.seen) == MAX_CHUNKS:
            raise DatasetError(f"{source.path} gives more than {MAX_CHUNKS} chunks. Split it into several datasets.")
        self.seen.add(digest)
        self.position, self.count = self.position + 1, self.count + 1
        self.waiting.append(Cut(chunk, by_meaning))
        if len(self.waiting) >= TAKE:
            self.hand_over(take)
