import shutil
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from core.store.database import Store
from core.store.migrate import open_store
from governance.errors import LedgerError, VerificationError
from governance.ledger import Ledger, Signer, Witness, WitnessFolder, verify_ledger

Clock = Callable[[], datetime]


def watch(folder: Path, *, every_s: float = 0.01) -> Witness:
    return Witness(WitnessFolder(folder), every_s=every_s, timer=time.monotonic)


def read_notes(folder: Path) -> list[str]:
    return WitnessFolder(folder).read()


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline, "it did not happen within 10 s"
        time.sleep(0.01)


def opened(store: Store, signer: Signer, clock: Clock, folder: Path, *, entries: int = 0) -> Ledger:
    ledger = Ledger(store, signer=signer, clock=clock, witness=watch(folder))
    for number in range(entries):
        ledger.append("test.made", {"number": number})
    return ledger


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "elsewhere"


def test_checkpoints_are_kept_while_the_ledger_is_open(store: Store, signer: Signer, clock: Clock, kept: Path) -> None:
    ledger = opened(store, signer, clock, kept, entries=3)
    wait_until(lambda: read_notes(kept)[-1:] == [ledger.latest_checkpoint()])
    ledger.close()


def test_last_checkpoint_is_kept_when_the_ledger_closes(store: Store, signer: Signer, clock: Clock, kept: Path) -> None:
    witness = watch(kept, every_s=3600)
    ledger = Ledger(store, signer=signer, clock=clock, witness=witness)
    for number in range(5):
        ledger.append("test.made", {"number": number})
    ledger.close()
    assert read_notes(kept)[-1] == ledger.latest_checkpoint()
    assert len(read_notes(kept)) <= 2, "an hour has not passed"


def test_ledger_goes_on_where_the_witness_left_off(store: Store, signer: Signer, clock: Clock, kept: Path) -> None:
    opened(store, signer, clock, kept, entries=3).close()
    ledger = opened(store, signer, clock, kept, entries=2)
    ledger.close()
    assert ledger.size() == 5
    verify_ledger(store, verifier_key=ledger.key, kept=read_notes(kept))


def test_older_database_put_back_does_not_open(tmp_path: Path, signer: Signer, clock: Clock, kept: Path) -> None:
    path = tmp_path / "now.db"
    store = open_store(f"sqlite:///{path}")
    opened(store, signer, clock, kept, entries=2).close()
    store.close()
    shutil.copy(path, tmp_path / "backup.db")
    store = open_store(f"sqlite:///{path}")
    opened(store, signer, clock, kept, entries=2).close()
    store.close()
    older = open_store(f"sqlite:///{tmp_path / 'backup.db'}")
    with pytest.raises(LedgerError, match=r"ends after 2 entries, but the witness .* over 4: its end was cut off"):
        opened(older, signer, clock, kept)
    older.close()


def test_history_that_went_another_way_does_not_open(tmp_path: Path, signer: Signer, clock: Clock, kept: Path) -> None:
    first = open_store(f"sqlite:///{tmp_path / 'first.db'}")
    opened(first, signer, clock, kept, entries=3).close()
    first.close()
    other = open_store(f"sqlite:///{tmp_path / 'other.db'}")
    rewritten = Ledger(other, signer=signer, clock=clock)
    for number in range(6):
        rewritten.append("test.made", {"number": -number})
    rewritten.close()
    with pytest.raises(VerificationError):
        opened(other, signer, clock, kept)
    other.close()


def test_notes_of_another_key_do_not_open(
    store: Store, signer: Signer, other_signer: Signer, clock: Clock, kept: Path, tmp_path: Path
) -> None:
    foreign = open_store(f"sqlite:///{tmp_path / 'foreign.db'}")
    opened(foreign, other_signer, clock, kept, entries=1).close()
    foreign.close()
    with pytest.raises(VerificationError):
        opened(store, signer, clock, kept)


def test_full_verification_compares_every_kept_checkpoint(
    store: Store, signer: Signer, clock: Clock, kept: Path
) -> None:
    for _ in range(3):
        opened(store, signer, clock, kept, entries=2).close()
    notes = read_notes(kept)
    assert len(notes) >= 3
    key = Ledger(store, signer=signer, clock=clock).key
    verify_ledger(store, verifier_key=key, kept=notes)
    with store.write() as session:
        session.execute(text("DELETE FROM ledger_checkpoints"))
    with pytest.raises(VerificationError):
        verify_ledger(store, verifier_key=key, kept=notes)


def test_folder_that_can_not_be_written_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(LedgerError, match="can't be written"):
        watch(tmp_path / "file")


def test_witness_that_is_lost_is_told_and_stops_no_entry(
    store: Store, signer: Signer, clock: Clock, kept: Path
) -> None:
    ledger = opened(store, signer, clock, kept, entries=1)
    assert ledger.witness is not None
    wait_until(lambda: bool(read_notes(kept)))
    shutil.rmtree(kept)
    ledger.append("test.made", {"number": 1})
    wait_until(lambda: "could not be kept" in ledger.witness.problem)
    assert ledger.size() == 2
    kept.mkdir()
    ledger.append("test.made", {"number": 2})
    wait_until(lambda: ledger.witness.problem == "")
    ledger.close()
    assert read_notes(kept)[-1] == ledger.latest_checkpoint()


def test_note_is_written_whole_or_not_at_all(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = WitnessFolder(kept)
    folder.write(1, "the first\n")

    def fail(descriptor: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(LedgerError, match="no space"):
        folder.write(2, "the second\n")
    assert read_notes(kept) == ["the first\n"]
    folder.write(1, "another over the same size\n")
    assert read_notes(kept) == ["the first\n"]
