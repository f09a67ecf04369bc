"""What the catalog costs on the public catalog of 5,000 tables: profiling, checks, scanning, deciding, searching.

Run `python -m benchmarks.catalog [--datasets N]`; it needs ../shared/evaldata. All runs in one process; profiling,
checks and scan are told in processor time. The search holds all cards of the catalog's index, whatever the sample.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.ingest import open_catalog
from benchmarks.machine import describe_machine
from core.datasets.card import DatasetCard
from core.datasets.collections import read_collection
from core.datasets.profile import TableProfile, TableProfiler
from core.datasets.quality import check_quality
from core.datasets.readers import read_parts
from core.datasets.scan import ScanResult
from core.datasets.schema import Problem, TablePart
from core.datasets.search import search_catalog
from core.errors import DatasetError
from core.rag.chunking import chunk_rows
from core.store.migrate import open_store
from core.store.tables import Dataset, DatasetVersion
from governance.dataset_rules import load_dataset_rules
from governance.dataset_scan import DatasetScanner

QUERIES = 200


class Stage:
    """Adds up processor time."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @contextmanager
    def on(self) -> Iterator[None]:
        """Measure what happens inside."""
        start = time.process_time()
        yield
        self.seconds += time.process_time() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets", type=int, default=500, help="how many are profiled and scanned, evenly spread")
    parser.add_argument("--catalog", type=Path, help="where it is unpacked already")
    options = parser.parse_args()
    with open_catalog(options.catalog) as root:
        every = list(read_collection(root))
        step = len(every) / min(options.datasets, len(every))
        sample = [every[int(n * step)] for n in range(min(options.datasets, len(every)))]
        print(describe_machine())
        print_reading(sample)
        print_search([card for _, card in every])


def print_reading(sample: Sequence[tuple[Path, DatasetCard]]) -> None:
    """Profile, check, scan and decide on datasets, and print what that took and found."""
    profiling, checking, scanning = Stage(), Stage(), Stage()
    scan, rules = DatasetScanner(), load_dataset_rules()
    rows = cells = unreadable = 0
    checks: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    for path, card in sample:
        problems: list[Problem] = []
        try:
            tables = [
                (part, list(part.rows))
                for part in read_parts(path, on_problem=problems.append)
                if isinstance(part, TablePart)
            ]
        except DatasetError:
            unreadable += 1
            continue
        rows += sum(len(table) for _, table in tables)
        cells += sum(len(part.header) * len(table) for part, table in tables)
        with profiling.on():
            profiles = [_profile(part, table) for part, table in tables]
        with checking.on():
            checks.update({finding.check for finding in check_quality(profiles, problems).findings})
        texts = [passage.text for part, table in tables for passage in chunk_rows(part.header, table, title=part.title)]
        with scanning.on():
            found: ScanResult = scan(texts)
        approval = rules.decide(card, found)
        outcomes[f"{approval.outcome} by {approval.rule}"] += 1
    n = len(sample)
    print(f"\nread           {n} datasets, {rows:,} rows, {cells:,} cells; {unreadable} of them can't be read")
    for name, stage in (("profile", profiling), ("check quality", checking), ("scan", scanning)):
        print(f"{name:14} {stage.seconds:6.1f} s  {rows / stage.seconds:9,.0f} rows/s")
    print("\ndatasets with at least one finding, and what was decided")
    for name, count in (*checks.most_common(), *outcomes.most_common()):
        print(f"  {name:42} {count:5} of {n}")


def print_search(cards: Sequence[DatasetCard]) -> None:
    """Search all cards and print how long that takes."""
    rng = random.Random(7)
    now = datetime.now(UTC)
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"sqlite:///{folder}/catalog.db")
        with store.write() as session:
            for card in cards:
                session.add(
                    Dataset(**card.model_dump(), state="indexed", active_version="v", created_at=now, updated_at=now)
                )
            session.flush()
            for card in cards:
                session.add(
                    DatasetVersion(dataset_id=card.id, version="v", documents=1, chunks=1, bytes=1, created_at=now)
                )
        words = [word for card in cards for word in card.title.split() if len(word) > 3]
        kinds = {
            "nothing typed": [""] * QUERIES,
            "one word": [rng.choice(words) for _ in range(QUERIES)],
            "three words": [" ".join(rng.choice(cards).title.split()[:3]) for _ in range(QUERIES)],
        }
        print(f"\nsearch         {len(cards)} cards, {QUERIES} queries each, counts of all facets included")
        for name, queries in kinds.items():
            times, busy, totals = [], [], []
            for query in queries:
                start, used = time.perf_counter(), time.process_time()
                totals.append(search_catalog(store, query, limit=24).total)
                times.append(1000 * (time.perf_counter() - start))
                busy.append(1000 * (time.process_time() - used))
            p50, p95 = statistics.median(times), sorted(times)[int(0.95 * len(times))]
            print(
                f"  {name:14} p50 {p50:5.1f} ms  p95 {p95:5.1f} ms  processor {statistics.median(busy):5.1f} ms"
                f"  median {statistics.median(totals):.0f} found"
            )
        store.close()


def _profile(part: TablePart, rows: Sequence[tuple[str, ...]]) -> TableProfile:
    profiler = TableProfiler(part.header, file=part.file, title=part.title)
    for row in rows:
        profiler.add(row)
    return profiler.result()


if __name__ == "__main__":
    main()
