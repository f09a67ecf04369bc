"""What reading costs: the public catalog of 5,000 tables, and files larger than memory should hold, as streams.

Run `python -m benchmarks.readers [--datasets N] [--megabytes M]`; the catalog needs ../shared/evaldata. Times are
processor time; memory is what a process of its own needs beyond what it needs for a file of one row.
"""

import argparse
import csv
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.ingest import open_catalog
from benchmarks.machine import describe_machine
from core.datasets.readers import read_parts
from core.datasets.schema import Problem, TablePart
from governance.scorecard import wilson

WORDS = "The quick brown fox jumps over the lazy dog"
BLOCK_ROWS = 10_000
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
ENCODINGS = ("utf-8-sig", "utf-16", "utf-16-le", "cp1252", "latin-1")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets", type=int, default=5_000, help="how many of the catalog's tables are read")
    parser.add_argument("--catalog", type=Path, help="where it is unpacked already")
    parser.add_argument("--megabytes", type=int, default=200, help="size of the files that are streamed")
    parser.add_argument("--rewritten", type=int, default=500, help="how many tables are written anew in other forms")
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        rows, _ = read(options.read)
        print(rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, round(time.process_time(), 1))
        return
    print(describe_machine())
    measure_streams(options.megabytes)
    with open_catalog(options.catalog) as root:
        measure_catalog(root, options.datasets)
        measure_telling(root, every=max(1, 5_000 // options.rewritten))


def read(path: Path) -> tuple[int, list[Problem]]:
    """Read all rows of a path; return how many, and what was left out."""
    problems: list[Problem] = []
    rows = 0
    for part in read_parts(path, on_problem=problems.append):
        if isinstance(part, TablePart):
            rows += sum(1 for _ in part.rows)
    return rows, problems


def measure_streams(megabytes: int) -> None:
    """Print time and memory for a large file of each format that streams."""
    print("\n| stream | MB | rows | s | MB/s | MB of memory |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for suffix in (".csv", ".jsonl", ".parquet"):
            small, large = Path(folder) / f"small{suffix}", Path(folder) / f"large{suffix}"
            write_table(small, size=1)
            write_table(large, size=megabytes * 10**6)
            _, least, start_s = measure(small)
            rows, most, seconds = measure(large)
            size, took = large.stat().st_size / 1e6, seconds - start_s
            print(f"| {suffix} | {size:.0f} | {rows:,} | {took:.1f} | {size / took:.0f} | {most - least:.0f} |")


def measure(path: Path) -> tuple[int, float, float]:
    """Return the rows, megabytes and seconds of a process that reads this file."""
    command = [sys.executable, "-m", "benchmarks.readers", "--read", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows, megabytes, seconds = done.stdout.split()
    return int(rows), float(megabytes), float(seconds)


def write_table(path: Path, *, size: int) -> None:
    """Write rows until a file has about this many bytes; Parquet as many as the same text would have."""
    per_row = len(WORDS) + 20
    blocks = -(-size // (per_row * BLOCK_ROWS)) if size > 1 else 1
    count = BLOCK_ROWS if size > 1 else 2
    if path.suffix == ".parquet":
        table = pa.table({"n": range(count), "words": [f"{WORDS} {n}" for n in range(count)]})
        with pq.ParquetWriter(path, table.schema) as writer:
            for _ in range(blocks):
                writer.write_table(table)
        return
    with path.open("w") as file:
        if path.suffix == ".csv":
            file.write("n,words\n")
            lines = [f"{n},{WORDS} {n}\n" for n in range(count)]
        else:
            lines = [json.dumps({"n": n, "words": f"{WORDS} {n}"}) + "\n" for n in range(count)]
        for _ in range(blocks):
            file.writelines(lines)


def measure_telling(root: Path, every: int) -> None:
    """Print how often a table that is written anew with another delimiter or encoding is read as it was before."""
    right: Counter[str] = Counter()
    tried: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        for source in sorted((root / "data").glob("*.csv"))[::every]:
            table = content(source)
            forms = [(name, "utf-8") for name in DELIMITERS] + [("comma", name) for name in ENCODINGS]
            for delimiter, encoding in forms if table else ():
                try:
                    with path.open("w", encoding=encoding, newline="") as file:
                        csv.writer(file, delimiter=DELIMITERS[delimiter]).writerows(table)
                except UnicodeEncodeError:
                    continue
                if encoding in ("cp1252", "latin-1") and path.read_bytes().isascii():
                    continue
                form = delimiter if encoding == "utf-8" else encoding
                tried[form] += 1
                right[form] += content(path) == table
    print("\n| written as | read as it was (95 % interval) | n |\n|---|---|---|")
    for form, n in tried.items():
        low, high = wilson(right[form], n)
        print(f"| {form} | {right[form] / n:.1%} ({low:.1%}-{high:.1%}) | {n} |")


def content(path: Path) -> list[tuple[str, ...]]:
    """Return a table's header and rows; nothing when anything of it is left out."""
    problems: list[Problem] = []
    for part in read_parts(path, on_problem=problems.append):
        if isinstance(part, TablePart):
            rows = [part.header, *part.rows]
            return [] if problems else rows
    return []


def measure_catalog(root: Path, most: int) -> None:
    """Print what reading the catalog's tables takes, and what is left out or renamed."""
    paths = sorted((root / "data").glob("*.csv"))[:most]
    start = time.process_time()
    rows = touched = 0
    kinds: Counter[str] = Counter()
    for path in paths:
        found, problems = read(path)
        rows, touched = rows + found, touched + bool(problems)
        kinds.update(re.sub(r"'.*?'|\d+", "N", problem.reason) for problem in problems)
    took = time.process_time() - start
    size = sum(path.stat().st_size for path in paths) / 1e6
    print(
        f"\nCatalog: n = {len(paths)} tables, {rows:,} rows, {size:.0f} MB in {took:.1f} s, {rows / took:,.0f} rows/s."
    )
    print(f"{touched} tables have something that is left out or renamed:")
    for reason, count in kinds.most_common():
        print(f"  {count} x {reason}")


if __name__ == "__main__":
    main()
