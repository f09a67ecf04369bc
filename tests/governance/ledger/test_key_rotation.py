"""Key rotation: one trusted key leads to all others, a swapped key to none, and no crash loses the ledger."""

import base64
import json
import shutil
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from core.store.database import Store, connect
from governance.errors import LedgerError, VerificationError
from governance.ledger import (
    Ledger,
    Signer,
    create_signer,
    export_ledger,
    load_current_signer,
    rotate_key,
    verify_export,
    verify_ledger,
    verify_receipt,
)
from governance.ledger.key_history import load_history, sign_rotation
from governance.ledger.notes import Checkpoint, sign_checkpoint
from tests.governance.ledger.killing import die_at_file_step, runs_to_its_end

Clock = Callable[[], datetime]
MOST_STEPS = 200


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / "keys"


def opened(store: Store, keys: Path, clock: Clock, *, entries: int = 0) -> Ledger:
    ledger = Ledger(store, signer=load_current_signer(keys, store), clock=clock)
    for number in range(entries):
        ledger.append("note", {"n": number})
    return ledger


def rotated(store: Store, keys: Path, clock: Clock, *, times: int = 2) -> list[str]:
    """Rotate between entries; return all keys, oldest first."""
    known = [opened(store, keys, clock, entries=3).key]
    for _ in range(times):
        known.append(rotate_key(keys, store, clock=clock).verifier.vkey())
        assert opened(store, keys, clock, entries=3).key == known[-1]
    return known


def test_every_key_verifies_the_whole_ledger(any_store: Store, keys: Path, clock: Clock) -> None:
    known = rotated(any_store, keys, clock)
    assert len(set(known)) == 3
    for key in known:
        verify_ledger(any_store, verifier_key=key)
    ledger = opened(any_store, keys, clock)
    assert [entry.kind for entry in ledger.entries()].count("ledger.key_rotated") == 2
    assert len({key.split("+")[0] for key in known}) == 1, "the ledger keeps its name"


def test_key_files_hold_the_newest_key_alone(store: Store, keys: Path, clock: Clock) -> None:
    known = rotated(store, keys, clock)
    assert sorted(path.name for path in keys.iterdir()) == ["ledger.key", "ledger.pub"]
    assert (keys / "ledger.pub").read_text().strip() == known[-1]
    assert (keys / "ledger.key").stat().st_mode & 0o777 == 0o600


def test_old_checkpoints_still_verify(store: Store, keys: Path, clock: Clock) -> None:
    note = opened(store, keys, clock, entries=4).latest_checkpoint() or ""
    known = rotated(store, keys, clock)
    verify_ledger(store, verifier_key=known[-1], kept=[note])


def test_old_receipt_verifies_with_old_and_new_key(store: Store, keys: Path, clock: Clock) -> None:
    old_receipt = opened(store, keys, clock, entries=4).receipt(2)
    known = rotated(store, keys, clock)
    ledger = opened(store, keys, clock)
    assert verify_receipt(old_receipt, key=known[0]).index == 2
    with pytest.raises(VerificationError):
        verify_receipt(old_receipt, key=known[-1])
    assert verify_receipt(old_receipt, key=known[-1], rotations=ledger.rotations).index == 2
    for key in known:
        assert verify_receipt(json.dumps(ledger.receipt(1)), key=key).body["n"] == 1


def test_export_verifies_with_every_key(store: Store, keys: Path, clock: Clock, tmp_path: Path) -> None:
    known = rotated(store, keys, clock)
    export_ledger(store, tmp_path / "ledger.zip", key=known[-1])
    for key in known:
        verify_export(tmp_path / "ledger.zip", key=key)
    with zipfile.ZipFile(tmp_path / "ledger.zip") as archive:
        assert len(json.loads(archive.read("rotations.json"))) == 2
        assert archive.read("key.pub").decode().strip() == known[-1]


def test_export_without_its_rotations_is_refused(store: Store, keys: Path, clock: Clock, tmp_path: Path) -> None:
    known = rotated(store, keys, clock)
    whole, cut = tmp_path / "ledger.zip", tmp_path / "cut.zip"
    export_ledger(store, whole, key=known[-1])
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(cut, "w") as target:
        for name in source.namelist():
            target.writestr(name, "[]" if name == "rotations.json" else source.read(name))
    for key in known:
        with pytest.raises(VerificationError):
            verify_export(cut, key=key)


def test_ledger_can_rotate_before_its_first_entry(store: Store, keys: Path, clock: Clock) -> None:
    before = load_current_signer(keys, store).verifier.vkey()
    rotate_key(keys, store, clock=clock)
    opened(store, keys, clock, entries=1)
    verify_ledger(store, verifier_key=before)


def test_old_key_signs_nothing_more(store: Store, keys: Path, clock: Clock) -> None:
    running = opened(store, keys, clock, entries=2)
    old = load_current_signer(keys, store)
    rotate_key(keys, store, clock=clock)
    with pytest.raises(LedgerError):
        running.append("note", {})
    with pytest.raises(LedgerError):
        Ledger(store, signer=old, clock=clock)
    verify_ledger(store, verifier_key=running.key)


def test_running_process_goes_on_under_the_new_key(any_store: Store, keys: Path, clock: Clock) -> None:
    def current() -> Signer:
        return load_current_signer(keys, any_store)

    running = Ledger(any_store, signer=current(), clock=clock, current_signer=current)
    before = running.key
    running.append("note", {"n": 1})
    for number in range(2):
        newest = rotate_key(keys, any_store, clock=clock).verifier.vkey()
        running.append("note", {"n": number})
        assert running.key == newest
        assert len(running.rotations) == number + 1
    receipt = running.receipt(0)
    verify_receipt(receipt, key=newest)
    for key in (before, newest):
        verify_ledger(any_store, verifier_key=key)


def test_running_process_takes_up_no_key_that_its_own_did_not_sign_in(store: Store, keys: Path, clock: Clock) -> None:
    stranger = create_signer(bytes(32))
    running = Ledger(store, signer=load_current_signer(keys, store), clock=clock, current_signer=lambda: stranger)
    running.append("note", {})
    before = running.key
    rotate_key(keys, store, clock=clock)
    with pytest.raises(LedgerError):
        running.append("note", {})
    assert running.key == before


def swap_key(store: Store, signer: Signer) -> None:
    """Sign every checkpoint again with another key, as whoever replaces the key file and the database would."""
    with store.write() as session:
        for size, note in session.execute(text("SELECT size, note FROM ledger_checkpoints")).all():
            _, _, root = note.split("\n")[:3]
            forged = sign_checkpoint(Checkpoint(signer.verifier.name, size, base64.b64decode(root)), signer=signer)
            session.execute(
                text("UPDATE ledger_checkpoints SET note = :note WHERE size = :size"), {"note": forged, "size": size}
            )


def test_swapped_key_without_a_rotation_is_found(store: Store, keys: Path, clock: Clock) -> None:
    ledger = opened(store, keys, clock, entries=5)
    note = ledger.latest_checkpoint() or ""
    thief = Signer(ledger.key.split("+")[0], bytes(32))  # under the ledger's own name
    swap_key(store, thief)
    with pytest.raises(VerificationError, match="not signed by"):
        verify_ledger(store, verifier_key=ledger.key)
    with pytest.raises(VerificationError, match="Kept checkpoint 1"):
        verify_ledger(store, verifier_key=thief.verifier.vkey(), kept=[note])
    with pytest.raises(LedgerError):
        opened(store, keys, clock)


def test_swapped_key_after_a_rotation_is_found(store: Store, keys: Path, clock: Clock) -> None:
    known = rotated(store, keys, clock)
    thief = Signer(known[0].split("+")[0], bytes(32))
    swap_key(store, thief)
    for key in known:
        with pytest.raises(VerificationError, match="not signed by"):
            verify_ledger(store, verifier_key=key)
    with pytest.raises(VerificationError, match="none of the 3 keys"):
        verify_ledger(store, verifier_key=thief.verifier.vkey())


def test_checkpoint_of_a_retired_key_over_later_entries_is_found(store: Store, keys: Path, clock: Clock) -> None:
    opened(store, keys, clock, entries=3)
    stolen = load_current_signer(keys, store)
    rotate_key(keys, store, clock=clock)
    ledger = opened(store, keys, clock, entries=3)
    swap_key(store, stolen)
    with pytest.raises(VerificationError, match="retired"):
        verify_ledger(store, verifier_key=ledger.key)


OLD, NEW, THIRD = (Signer("ledger", bytes([number]) * 32) for number in range(3))


@pytest.mark.parametrize(
    "notes",
    [
        pytest.param([""], id="nothing"),
        pytest.param(["promethios-ledger key rotation v1\n" * 6], id="no note"),
        pytest.param([sign_rotation(OLD, OLD, size=1)], id="to itself"),
        pytest.param([sign_rotation(OLD, NEW, size=1), sign_rotation(NEW, OLD, size=2)], id="back to an old key"),
        pytest.param([sign_rotation(OLD, NEW, size=1), sign_rotation(OLD, THIRD, size=2)], id="two successors"),
        pytest.param([sign_rotation(OLD, NEW, size=4), sign_rotation(NEW, THIRD, size=4)], id="at the same place"),
        pytest.param([sign_rotation(NEW, THIRD, size=2), sign_rotation(OLD, NEW, size=1)], id="reordered"),
        pytest.param([sign_rotation(OLD, NEW, size=1).replace("\n1\n", "\n2\n")], id="edited"),
        pytest.param([sign_rotation(OLD, NEW, size=1).rsplit("—", 1)[0]], id="not signed by the new key"),
        pytest.param([NEW.sign(sign_rotation(OLD, NEW, size=1).split("\n\n")[0] + "\n")], id="not by the old one"),
        pytest.param([sign_rotation(create_signer(bytes(32)), NEW, size=1)], id="of another ledger"),
        pytest.param([sign_rotation(OLD, NEW, size=n) for n in range(201)], id="too many"),
    ],
)
def test_broken_chain_of_keys_is_refused(notes: list[str]) -> None:
    with pytest.raises(VerificationError):
        load_history(OLD.verifier.vkey(), notes)


def test_chain_is_checked_from_any_key() -> None:
    notes = [sign_rotation(OLD, NEW, size=3), sign_rotation(NEW, THIRD, size=7)]
    for signer in (OLD, NEW, THIRD):
        history = load_history(signer.verifier.vkey(), notes)
        assert history.newest.vkey() == THIRD.verifier.vkey()
        for size, who in ((3, OLD), (4, NEW), (7, NEW), (8, THIRD)):
            assert history.open_checkpoint(sign_checkpoint(Checkpoint("ledger", size, bytes(32)), signer=who))
        for size, who in ((4, OLD), (3, NEW), (8, NEW), (7, THIRD)):
            with pytest.raises(VerificationError, match="signs from"):
                history.open_checkpoint(sign_checkpoint(Checkpoint("ledger", size, bytes(32)), signer=who))


def _rotate_in_a_process_that_dies(folder: Path, clock: Clock, *, step: int) -> bool:
    """Return whether it came to its end before it was killed."""

    def rotate() -> None:
        store = connect(f"sqlite:///{folder / 'promethios.db'}")
        with store.read():  # what opening the database does is not what is tested
            pass
        die_at_file_step(step)
        rotate_key(folder / "keys", store, clock=clock)

    return runs_to_its_end(rotate)


def test_kill_between_any_two_steps_loses_nothing(store: Store, keys: Path, clock: Clock, tmp_path: Path) -> None:
    first = opened(store, keys, clock, entries=3).key
    store.close()
    sealed: list[bool] = []
    for step in range(1, MOST_STEPS):
        folder = tmp_path / f"step-{step}"
        folder.mkdir()
        shutil.copytree(keys, folder / "keys")
        shutil.copy(tmp_path / "promethios.db", folder)
        finished = _rotate_in_a_process_that_dies(folder, clock, step=step)
        again = connect(f"sqlite:///{folder / 'promethios.db'}")
        ledger = opened(again, folder / "keys", clock, entries=1)
        verify_ledger(again, verifier_key=first)
        sealed.append(ledger.key != first)
        assert len(ledger.rotations) == sealed[-1]
        # Rotating anew works from every state, and leaves nothing behind.
        newest = rotate_key(folder / "keys", again, clock=clock).verifier.vkey()
        opened(again, folder / "keys", clock, entries=1)
        verify_ledger(again, verifier_key=first)
        verify_ledger(again, verifier_key=newest)
        assert {path.name for path in (folder / "keys").iterdir() if path.name[0] != "."} == {
            "ledger.key",
            "ledger.pub",
        }
        again.close()
        if finished:
            break
    assert finished
    assert len(sealed) >= 8, "the process was not killed at different steps"
    assert sealed == sorted(sealed)
    assert sealed.count(False) > 1
    assert sealed.count(True) > 2
