"""What the ledger costs: `python -m benchmarks.ledger [--url URL]`, one table beside the disk's own speed.

The disk's line appends the same number of bytes to a plain file and syncs it, in the same folder and the same run: no
durable log on this disk can be faster. Without a URL it measures SQLite in a temporary folder.
"""

import argparse
import os
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.machine import describe_machine
from core.store.database import Store
from core.store.migrate import open_store
from governance.ledger import (
    ContentVault,
    Ledger,
    build_draft,
    load_master_key,
    load_signer,
    verify_ledger,
    verify_receipt,
)

APPENDS = 1000
THREADS = 8
STORED = 10_000
BODY = {f"digest_{number}": "sha256:" + f"{number:x}" * 64 for number in range(10)} | {"timings": {"total": 12.5}}
IDS = {"turn_id": "t" * 36, "agent_id": "a" * 36, "actor_id": "u" * 36}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--url", help="SQLAlchemy URL of an empty database; SQLite in a temporary folder when not given"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = open_store(arguments.url or f"sqlite:///{folder}/benchmark.db")
        rows = _measure(Ledger(store, signer=load_signer(folder), clock=_now), folder)
        rows.append(("verify_ledger", *_verify(store, load_signer(folder).verifier.vkey())))
        vault = ContentVault(store, master_key=load_master_key(folder, None), clock=_now, ids=lambda: str(uuid.uuid4()))
        rows.append(("vault put, 1 KB", APPENDS, _figure(_times(lambda _: vault.put("u1", b"x" * 1024), APPENDS))))
        _print(rows, store.engine.dialect.name)
        store.close()


def _measure(ledger: Ledger, folder: Path) -> list[tuple[str, int, str]]:
    def append(number: int) -> None:
        ledger.append("turn.closed", BODY, **IDS)

    rows = [("disk alone: write 2 KB + fdatasync", APPENDS, _figure(_disk(folder, APPENDS)))]
    _times(append, 50)
    rows.append(("append, one thread", APPENDS, _figure(_times(append, APPENDS))))
    start = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(append, range(4 * APPENDS)))
    rows.append((f"append, {THREADS} threads", 4 * APPENDS, _rate(4 * APPENDS, start)))
    drafts = [build_draft("turn.closed", BODY, **IDS) for _ in range(STORED - ledger.size())]
    start = time.perf_counter()
    ledger.append_many(drafts)
    rows.append(("append_many, one batch", len(drafts), _rate(len(drafts), start)))
    step = STORED // APPENDS
    rows.append(
        ("receipt, with inclusion proof", APPENDS, _figure(_times(lambda n: ledger.receipt(n * step), APPENDS)))
    )
    receipt, key = ledger.receipt(STORED // 3), ledger.key
    rows.append(("verify_receipt", APPENDS, _figure(_times(lambda _: verify_receipt(receipt, key=key), APPENDS))))
    return rows


def _disk(folder: Path, count: int) -> list[float]:
    descriptor = os.open(folder / "disk", os.O_CREAT | os.O_WRONLY)

    def write(_: int) -> None:
        os.write(descriptor, b"x" * 2048)
        os.fdatasync(descriptor)

    times = _times(write, count)
    os.close(descriptor)
    return times


def _verify(store: Store, key: str) -> tuple[int, str]:
    start = time.perf_counter()
    verify_ledger(store, verifier_key=key)
    return STORED, _rate(STORED, start)


def _times(call: Callable[[int], object], count: int) -> list[float]:
    times = []
    for number in range(count):
        start = time.perf_counter()
        call(number)
        times.append(time.perf_counter() - start)
    return times


def _figure(times: list[float]) -> str:
    cuts = statistics.quantiles(times, n=20)
    return f"p50 {statistics.median(times) * 1e3:7.3f} ms   p95 {cuts[18] * 1e3:7.3f} ms"


def _rate(count: int, start: float) -> str:
    return f"{count / (time.perf_counter() - start):,.0f} entries/s"


def _now() -> datetime:
    return datetime.now(UTC)


def _print(rows: list[tuple[str, int, str]], database: str) -> None:
    print(f"{database}, {describe_machine()}")
    for what, count, figure in rows:
        print(f"{what:36} n={count:<6} {figure}")


if __name__ == "__main__":
    main()
