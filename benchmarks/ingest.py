"""Ingests the public catalog of 5,000 tables into a fresh data folder: minutes, memory, disk, where the time goes.

Run `python -m benchmarks.ingest [--datasets N] [--workers N] [--keep FOLDER]`; the folder of public data is EVALDATA.
The second run over the same files shows what an unchanged catalog costs. Work in other processes counts as this one
waits for it. With `--kills N` a second data folder is filled by processes that are killed at N random moments, then
to the end, and what both hold is compared.
"""

import argparse
import multiprocessing
import os
import random
import subprocess
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from benchmarks.machine import describe_machine
from core.config import Settings
from core.datasets.collections import read_collection
from core.datasets.dataset_manager import DatasetManager
from core.datasets.ingest.executor import open_executor
from core.datasets.ingest.progress import Outcome, Progress
from core.datasets.ingest.sources import Source
from core.encoder.sentence_encoder import SentenceEncoder
from core.rag.card_index import open_cards
from core.rag.embedding import Embedder
from core.rag.lexical import LexicalIndex, open_lexical
from core.rag.vectors import VectorIndex, open_vectors
from core.schema import digest_of
from core.store.database import connect
from core.store.tables import ChunkRow, Dataset
from core.tables.table_store import open_tables
from governance.dataset_rules import DatasetRulesFile
from governance.dataset_scan import DatasetScanner
from governance.datasets import DatasetGate
from governance.records import Records, open_records, utc_now

ARCHIVE = Path(os.environ.get("EVALDATA", "evaldata")) / "catalog" / "datasets_5000.tar.zst"


class Clock:
    """Adds up the time that calls of a stage take."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    def wrap(self, target: Any, name: str, stage: str) -> None:
        """Time a method of an object from now on."""
        call: Callable[..., Any] = getattr(target, name)

        def timed(*args: Any, **options: Any) -> Any:
            start = time.perf_counter()
            try:
                return call(*args, **options)
            finally:
                self.seconds[stage] += time.perf_counter() - start

        setattr(target, name, timed)


class Memory:
    """Watches the resident memory of this process and its children."""

    def __init__(self) -> None:
        self.peak = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Memory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.2):
            self.peak = max(self.peak, sum(map(_resident, _family(os.getpid()))))


def main() -> None:
    """Unpack, ingest twice, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets", type=int, default=0, help="only so many, evenly spread; 0 takes all")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--catalog", type=Path, help="where it is unpacked already")
    parser.add_argument("--kills", type=int, default=0, help="also fill a folder by processes killed so many times")
    parser.add_argument("--keep", type=Path, help="the data folder to fill and leave; a temporary one when not given")
    options = parser.parse_args()
    home = nullcontext(options.keep) if options.keep else tempfile.TemporaryDirectory()
    with home as folder, open_catalog(options.catalog) as root:
        every = [Source(card, path, str(root)) for path, card in read_collection(root)]
        step = len(every) / (options.datasets or len(every))
        sources = [every[int(n * step)] for n in range(options.datasets or len(every))]
        print(describe_machine())
        seconds = run(Path(folder), sources, workers=options.workers)
        if options.kills:
            with tempfile.TemporaryDirectory() as other:
                run_killed(Path(other), sources, workers=options.workers, kills=options.kills, seconds=seconds)
                compare(Path(folder), Path(other))


@dataclass(frozen=True, slots=True)
class Parts:
    """What an ingest works with."""

    records: Records
    vectors: VectorIndex
    lexical: LexicalIndex
    encoder: SentenceEncoder
    manager: DatasetManager


def open_parts(home: Path) -> Parts:
    """Open a data folder for an ingest; it is made when there is none."""
    settings = Settings(home=home)
    records = open_records(settings)
    embedder, encoder = Embedder(), SentenceEncoder()
    vectors, lexical = open_vectors(settings), open_lexical(settings)
    manager = DatasetManager(
        records.store,
        vectors,
        lexical,
        embedder,
        encoder,
        clock=utc_now,
        tables=open_tables(settings),
        cards=open_cards(settings, embedder),
        gate=DatasetGate(records.ledger, rules=DatasetRulesFile(), scan=DatasetScanner()),
    )
    embedder.embed(["warm up"])
    return Parts(records, vectors, lexical, encoder, manager)


def run(home: Path, sources: list[Source], *, workers: int) -> float:
    """Ingest into a fresh folder, then once more, and print both; return the seconds that the first took."""
    parts, clock = open_parts(home), Clock()
    records, manager = parts.records, parts.manager
    for target, name, stage in (
        (manager._indexer, "_add_vectors", "embed and add vectors"),
        (parts.encoder, "passages", "  of which sentences"),
        (parts.vectors, "add", "  of which vector index"),
        (parts.vectors, "count", "check indexes"),
        (parts.lexical, "count", "check indexes"),
        (manager._indexer, "_publish", "publish"),
        (manager._intake, "_store_shelf", "store, decide"),
    ):
        clock.wrap(target, name, stage)
    reached: dict[str, float] = {}
    used: dict[str, float] = {}
    start, before = time.perf_counter(), _processor_s()

    def follow(step: Progress) -> None:
        if step.stage in ("stored", "carded"):
            reached[step.stage], used[step.stage] = time.perf_counter() - start, _processor_s() - before
        if step.done == step.total:
            print(f"{step.stage:14} all {step.total} after {(time.perf_counter() - start) / 60:.1f} min", flush=True)

    with Memory() as memory, open_executor(workers=workers) as executor:
        outcome = manager.ingest_sources(sources, skip_bad=True, executor=executor, progress=follow)
        seconds, used["indexed"] = time.perf_counter() - start, _processor_s() - before
        again = time.perf_counter()
        second = manager.ingest_sources(sources, skip_bad=True, executor=executor)
        again = time.perf_counter() - again
    records.close()
    _print(outcome, clock, seconds=seconds, reached=reached, peak=memory.peak, disk=_size(home))
    each = ", ".join(f"{spent / len(sources):.3f} s until {stage}" for stage, spent in used.items())
    print(f"processor      {used['indexed'] / 60:.1f} min of cores; for each dataset {each}")
    print(f"again          {again:.1f} s, {len(second.unchanged)} unchanged, {len(second.added)} added")
    return seconds


def run_killed(home: Path, sources: list[Source], *, workers: int, kills: int, seconds: float) -> None:
    """Fill a folder by processes that are killed at random moments of an ingest of so many seconds, then to its end."""
    points = random.Random(11)
    start = time.perf_counter()
    moments = [points.uniform(0.02, 0.9) * seconds / kills for _ in range(kills)]
    context = multiprocessing.get_context("spawn")
    for moment in [*moments, None]:
        process = context.Process(target=_ingest, args=(home, sources, workers))
        process.start()
        process.join(moment)
        if process.is_alive():
            process.kill()
            process.join()
            print(f"killed         after {moment:.0f} s")
    print(f"with kills     {(time.perf_counter() - start) / 60:.1f} min")


def _ingest(home: Path, sources: list[Source], workers: int) -> None:
    parts = open_parts(home)
    with open_executor(workers=workers) as executor:
        parts.manager.ingest_sources(sources, skip_bad=True, executor=executor)
    parts.records.close()


def compare(one: Path, other: Path) -> None:
    """Print for each thing that two data folders keep whether it is the same in both."""
    held = [_held(one), _held(other)]
    for name, found in held[0].items():
        print(f"{name:14} {len(found)}, {'identical' if found == held[1][name] else 'DIFFERENT'}")


def _held(home: Path) -> dict[str, list[Any]]:
    """Return digests of what a data folder keeps, in a fixed order."""
    settings = Settings(home=home)
    store, lexical = connect(settings.sqlalchemy_url()), open_lexical(settings)
    with store.read() as session:
        rows = session.execute(select(ChunkRow.id, ChunkRow.by_meaning, ChunkRow.sentence_vectors)).all()
        versions = sorted(v for v in session.scalars(select(Dataset.active_version)) if v is not None)
    store.close()
    tables = settings.data_folder / "tables"
    return {
        "chunks": sorted((i, meant, None if made is None else digest_of(made)) for i, meant, made in rows),
        "vectors": _exported(settings, "chunks"),
        "words": [(version, lexical.count(version)) for version in versions],
        "cards": _exported(settings, "cards"),
        "tables": sorted((str(p.relative_to(tables)), digest_of(p.read_bytes())) for p in tables.rglob("*.*")),
    }


def _exported(settings: Settings, collection: str) -> list[tuple[str, str]]:
    batches = open_vectors(settings, collection=collection).export_all()
    return sorted((i, digest_of(v.tobytes())) for ids, found, _ in batches for i, v in zip(ids, found, strict=True))


def _print(outcome: Outcome, clock: Clock, *, seconds: float, reached: dict[str, float], peak: int, disk: int) -> None:
    added, waiting, refused = len(outcome.added), len(outcome.waiting), len(outcome.refused)
    rate = outcome.chunks / seconds
    print(f"datasets       {added} added, {waiting} wait, {refused} refused, {outcome.chunks} chunks")
    print(
        f"time           {seconds / 60:.1f} min, {rate:.0f} chunks/s; all cards after {reached['carded'] / 60:.1f} min"
    )
    print(f"memory         {peak / 2**30:.2f} GiB at most, this process and its workers")
    print(f"disk           {disk / 2**20:.0f} MiB")
    clock.seconds["read, scan (waited for)"] = reached["stored"] - clock.seconds["store, decide"]
    clock.seconds["cards (waited for)"] = reached["carded"] - reached["stored"]
    for stage, spent in sorted(clock.seconds.items(), key=lambda item: -item[1]):
        print(f"  {stage:24} {spent:7.1f} s  {spent / seconds:6.1%}")
    parts = sum(spent for stage, spent in clock.seconds.items() if not stage.startswith(" "))
    print(f"  {'other':24} {seconds - parts:7.1f} s")
    for refusal in outcome.refused[:5]:
        print(f"  refused {refusal.dataset_id}: {refusal.reason[:150]}")


@contextmanager
def open_catalog(unpacked: Path | None) -> Iterator[Path]:
    """Unpack the public catalog for a while, unless it is unpacked already; leave the program where it is not here."""
    if unpacked is not None:
        yield unpacked
        return
    if not ARCHIVE.is_file():
        raise SystemExit(f"{ARCHIVE} is not here; this benchmark needs the public catalog.")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["tar", "--zstd", "-xf", str(ARCHIVE), "-C", folder], check=True)
        yield next(path.parent for path in Path(folder).rglob("index.csv"))


def _family(pid: int) -> list[int]:
    """Return a process and all below it."""
    try:
        tasks = Path(f"/proc/{pid}/task").iterdir()
        children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return [pid]
    return [pid, *(found for child in children for found in _family(child))]


def _processor_s() -> float:
    """Return the processor time that this process and those below it have taken."""
    return sum(map(_spent, _family(os.getpid()))) / os.sysconf("SC_CLK_TCK")


def _spent(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])  # in user and in system mode, of all its threads


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    main()
