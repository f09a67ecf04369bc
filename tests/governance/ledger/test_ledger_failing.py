"""When the database can't be written: refused with a reason, and it goes on once it can."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from core.store.database import Store
from core.store.migrate import open_store
from governance.errors import LedgerError
from governance.ledger import Ledger, Signer, verify_ledger


def _verify(ledger: Ledger, store: Store) -> None:
    verify_ledger(store, verifier_key=ledger.key)


def test_closed_ledger_refuses(ledger: Ledger) -> None:
    ledger.append("note", {})
    ledger.close()
    with pytest.raises(LedgerError, match="is closed"):
        ledger.append("note", {})
    assert ledger.size() == 1


def _on_connect(store: Store, pragma: str) -> None:
    @event.listens_for(store.engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        connection.execute(f"PRAGMA {pragma}")

    store.engine.dispose()


def test_read_only_database_is_refused_and_works_again(ledger: Ledger, store: Store) -> None:
    ledger.append("note", {})
    _on_connect(store, "query_only=ON")
    with pytest.raises(LedgerError, match="readonly"):
        ledger.append("note", {})
    _on_connect(store, "query_only=OFF")
    assert ledger.append("note", {}).index == 1
    _verify(ledger, store)


def test_locked_database_is_refused_and_works_again(ledger: Ledger, store: Store) -> None:
    _on_connect(store, "busy_timeout=50")
    with store.write(), pytest.raises(LedgerError, match="locked"):
        ledger.append("note", {})
    assert ledger.append("note", {}).index == 0


@pytest.mark.slow
def test_locked_postgresql_is_refused_and_works_again(postgres_url: str, signer: Signer, clock: Any) -> None:
    store = open_store(f"{postgres_url}/postgres")
    ledger = Ledger(store, signer=signer, clock=clock)
    with store.write() as session:
        session.execute(text("LOCK TABLE ledger_entries IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(LedgerError, match="lock timeout"):
            ledger.append("note", {})
    assert ledger.append("note", {}).index == 0
    store.close()


def test_failed_batch_tells_every_caller(ledger: Ledger, store: Store) -> None:
    _on_connect(store, "query_only=ON")
    problems = []

    def append(_: int) -> None:
        try:
            ledger.append("note", {})
        except LedgerError as exc:
            problems.append(str(exc))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(append, range(30)))
    assert len(problems) == 30
    assert all("readonly" in problem for problem in problems)


def test_failing_clock_frees_those_who_wait(store: Store, signer: Signer) -> None:
    def clock() -> datetime:
        raise RuntimeError("no clock")

    ledger = Ledger(store, signer=signer, clock=clock)
    outcomes = []

    def append(_: int) -> None:
        try:
            ledger.append("note", {})
        except (RuntimeError, LedgerError) as exc:
            outcomes.append(type(exc))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(append, range(12)))
    assert len(outcomes) == 12


def test_missing_table_is_a_ledger_error(store: Store, signer: Signer, clock: Any) -> None:
    with store.write() as session:
        session.execute(text("DROP TABLE ledger_checkpoints"))
    with pytest.raises(LedgerError, match="no such table"):
        Ledger(store, signer=signer, clock=clock)


_FULL_DISK = """
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from resource import RLIM_INFINITY, RLIMIT_FSIZE, getrlimit, setrlimit
from core.store.migrate import open_store
from governance.errors import LedgerError
from governance.ledger import Ledger, load_signer, verify_ledger

folder, limited = Path(sys.argv[1]), sys.argv[2] == "limited"
store = open_store(f"sqlite:///{folder}/full.db")
ledger = Ledger(store, signer=load_signer(folder), clock=lambda: datetime.now(UTC))
ledger.append("note", {"n": 0})
ballast = folder / "ballast"
if limited:
    setrlimit(RLIMIT_FSIZE, (400_000, RLIM_INFINITY))
else:
    try:
        with ballast.open("wb") as file:
            while True:
                file.write(b"x" * 4096)
                file.flush()
    except OSError:
        pass
written = 1
try:
    for number in range(5000):
        ledger.append("note", {"n": number, "filler": "x" * 5000})
        written += 1
    sys.exit("the disk was never full")
except LedgerError as exc:
    print(exc)
if limited:
    setrlimit(RLIMIT_FSIZE, (RLIM_INFINITY, RLIM_INFINITY))
else:
    ballast.unlink()
assert ledger.append("note", {"after": True}).index == written, "an index was skipped or used again"
verify_ledger(store, verifier_key=ledger.key, kept=[ledger.latest_checkpoint()])
assert ledger.size() == written + 1
"""


def _run_until_full(folder: Path, how: str) -> str:
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", _FULL_DISK, folder, how],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_file_that_can_not_grow_is_refused_and_the_ledger_goes_on_later(tmp_path: Path) -> None:
    assert "can't be written" in _run_until_full(tmp_path, "limited")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small tmpfs needs root and the right to mount")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_full_disk_is_refused_and_the_ledger_goes_on_later(small_disk: Path) -> None:
    assert "full" in _run_until_full(small_disk, "disk")
