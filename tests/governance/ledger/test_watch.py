"""Verification in the background: it runs on its own, and its last result is kept for other processes."""

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from threading import active_count

import pytest
from sqlalchemy import text

from core.store.database import Store
from governance.errors import LedgerError
from governance.ledger import Examination, Ledger, LedgerWatch, Signer, Witness, WitnessFolder, read_examination

Clock = Callable[[], datetime]


def wait_for(path: Path, holds: Callable[[Examination], bool]) -> Examination:
    deadline = time.monotonic() + 10
    while True:
        found = read_examination(path)
        if found is not None and holds(found):
            return found
        assert time.monotonic() < deadline, "it did not happen within 10 s"
        time.sleep(0.01)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger-health.json"


@pytest.fixture
def watched(store: Store, signer: Signer, clock: Clock, tmp_path: Path) -> Ledger:
    witness = Witness(WitnessFolder(tmp_path / "elsewhere"), every_s=0.01, timer=time.monotonic)
    ledger = Ledger(store, signer=signer, clock=clock, witness=witness)
    for number in range(5):
        ledger.append("test.made", {"number": number})
    ledger.close()
    return ledger


def watch(ledger: Ledger, store: Store, path: Path, clock: Clock, *, every_s: float = 3600) -> LedgerWatch:
    return LedgerWatch(ledger, store, path=path, every_s=every_s, clock=clock, timer=time.monotonic)


def test_first_verification_runs_at_once(watched: Ledger, store: Store, path: Path, clock: Clock) -> None:
    running = watch(watched, store, path, clock)
    running.start()
    found = wait_for(path, lambda _: True)
    running.close()
    assert (found.health.ok, found.health.size, found.problem) == (True, 5, "")
    assert found.health.checked_at == clock()
    assert found.seconds > 0
    assert found.witness is not None
    assert found.witness.size == 5
    assert found.kept >= 1


def test_it_runs_again_when_its_time_has_come(watched: Ledger, store: Store, path: Path, clock: Clock) -> None:
    running = watch(watched, store, path, clock, every_s=0)
    running.start()
    wait_for(path, lambda found: found.health.ok)
    with store.write() as session:
        session.execute(text("UPDATE ledger_entries SET body = replace(body, '3', '4') WHERE \"index\" = 3"))
    found = wait_for(path, lambda found: not found.health.ok)
    running.close()
    assert "Entry 3" in found.problem


def test_fresh_result_of_another_process_is_not_done_again(
    watched: Ledger, store: Store, path: Path, clock: Clock
) -> None:
    watch(watched, store, path, clock).examine()
    before = path.stat().st_mtime_ns
    second = watch(watched, store, path, clock)
    second.start()
    time.sleep(0.2)
    second.close()
    assert path.stat().st_mtime_ns == before


def test_cut_tail_is_found_by_the_witness(watched: Ledger, store: Store, path: Path, clock: Clock) -> None:
    with store.write() as session:
        for table, column, most in (("entries", "index", 3), ("checkpoints", "size", 4), ("nodes", "level", 2)):
            session.execute(text(f'DELETE FROM ledger_{table} WHERE "{column}" > {most}'))
    found = watch(watched, store, path, clock).examine()
    assert found.witness is not None
    assert "cut off" in found.witness.problem
    assert found.problem


def test_lost_witness_is_told(watched: Ledger, store: Store, path: Path, clock: Clock, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").rename(tmp_path / "gone")
    found = watch(watched, store, path, clock).examine()
    assert found.health.ok
    assert found.witness is not None
    assert "can't be read" in found.problem
    assert read_examination(path) == found


@pytest.mark.parametrize("data", [b"", b"{}", b"[" * 10_000, b"\xff"])
def test_broken_result_counts_as_none(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    assert read_examination(path) is None


def test_no_thread_stays_behind_when_the_ledger_does_not_open(
    watched: Ledger, store: Store, signer: Signer, clock: Clock, tmp_path: Path
) -> None:
    with store.write() as session:
        for table in ("entries", "checkpoints", "nodes"):
            session.execute(text(f"DELETE FROM ledger_{table}"))
    before = active_count()
    witness = Witness(WitnessFolder(tmp_path / "elsewhere"), every_s=0.01, timer=time.monotonic)
    with pytest.raises(LedgerError, match="cut off"):
        Ledger(store, signer=signer, clock=clock, witness=witness)
    assert active_count() == before
