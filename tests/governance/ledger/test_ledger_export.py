"""The exported ledger: it verifies alone, and no altered or hostile file does."""

import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from core.store.database import Store
from governance.errors import LedgerError, VerificationError
from governance.ledger import Ledger, Signer, build_draft, export_ledger, verify_export
from governance.ledger.entries import MAX_BODY_BYTES

FILES = ["README.txt", "checkpoint.txt", "entries.jsonl", "key.pub", "rotations.json"]


@pytest.fixture
def exported(ledger: Ledger, store: Store, tmp_path: Path) -> Path:
    ledger.append_many([build_draft("note", {"n": number, "text": "größer"}) for number in range(20)])
    path = tmp_path / "ledger.zip"
    export_ledger(store, path, key=ledger.key)
    return path


def _rewrite(path: Path, name: str, data: bytes | None) -> None:
    """Replace or drop one file of the archive."""
    with zipfile.ZipFile(path) as archive:
        files = {other: archive.read(other) for other in archive.namelist()}
    if data is None:
        del files[name]
    else:
        files[name] = data
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for other, content in files.items():
            archive.writestr(other, content)


def _entries(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        return archive.read("entries.jsonl")


def test_export_holds_five_files_and_verifies(exported: Path, ledger: Ledger) -> None:
    with zipfile.ZipFile(exported) as archive:
        assert sorted(archive.namelist()) == FILES
        assert archive.read("checkpoint.txt").decode() == ledger.latest_checkpoint()
        assert archive.read("entries.jsonl").count(b"\n") == 20
    verify_export(exported, key=ledger.key, kept=[ledger.latest_checkpoint() or ""])
    assert [path.name for path in exported.parent.glob(".*")] == []


def test_export_of_more_than_a_page_on_any_database_verifies(
    any_ledger: Ledger, any_store: Store, tmp_path: Path
) -> None:
    any_ledger.append_many([build_draft("note", {"n": number}) for number in range(2300)])
    export_ledger(any_store, tmp_path / "many.zip", key=any_ledger.key)
    verify_export(tmp_path / "many.zip", key=any_ledger.key)


def test_export_replaces_an_older_one_and_stays_good(exported: Path, ledger: Ledger, store: Store) -> None:
    ledger.append("note", {})
    verify_export(exported, key=ledger.key)
    with pytest.raises(VerificationError, match="kept checkpoint covers 21"):
        verify_export(exported, key=ledger.key, kept=[ledger.latest_checkpoint() or ""])
    export_ledger(store, exported, key=ledger.key)
    verify_export(exported, key=ledger.key, kept=[ledger.latest_checkpoint() or ""])


def test_empty_ledger_is_not_exported(ledger: Ledger, store: Store, tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="is empty"):
        export_ledger(store, tmp_path / "empty.zip", key=ledger.key)
    assert not (tmp_path / "empty.zip").exists()


def test_altered_ledger_is_not_exported(exported: Path, ledger: Ledger, store: Store, tmp_path: Path) -> None:
    with store.write() as session:
        edit = text('UPDATE ledger_entries SET body = replace(body, :old, :new) WHERE "index" = 3')
        session.execute(edit, {"old": '"n":3', "new": '"n":4'})
    with pytest.raises(VerificationError):
        export_ledger(store, tmp_path / "altered.zip", key=ledger.key)
    assert not (tmp_path / "altered.zip").exists()
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_folder_that_is_missing_is_named(exported: Path, ledger: Ledger, store: Store, tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="can't be exported"):
        export_ledger(store, tmp_path / "nowhere" / "ledger.zip", key=ledger.key)


def test_another_key_does_not_verify_the_export(exported: Path, other_signer: Signer) -> None:
    with pytest.raises(VerificationError, match="another public key"):
        verify_export(exported, key=other_signer.verifier.vkey())
    _rewrite(exported, "key.pub", f"{other_signer.verifier.vkey()}\n".encode())
    with pytest.raises(VerificationError, match="is not signed by"):
        verify_export(exported, key=other_signer.verifier.vkey())


def test_altered_entries_are_refused(exported: Path, ledger: Ledger) -> None:
    genuine = _entries(exported)
    lines = genuine.splitlines(keepends=True)
    attacks = {
        "edited": genuine.replace(b'"n":7', b'"n":8'),
        "dropped": b"".join(lines[:5] + lines[6:]),
        "cut": b"".join(lines[:-1]),
        "cut inside a line": genuine[:-5],
        "no newline at the end": genuine[:-1],
        "swapped": b"".join([*lines[:3], lines[4], lines[3], *lines[5:]]),
        "replayed": genuine + lines[-1],
        "emptied": b"",
        "an empty line": genuine + b"\n",
        "carriage returns": genuine.replace(b"\n", b"\r\n"),
        "not UTF-8": genuine.replace("ö".encode(), b"\xff"),
        "a long line": genuine + b"x" * (MAX_BODY_BYTES + 10),
    }
    for data in attacks.values():
        _rewrite(exported, "entries.jsonl", data)
        with pytest.raises(VerificationError):
            verify_export(exported, key=ledger.key)
    _rewrite(exported, "entries.jsonl", genuine)
    verify_export(exported, key=ledger.key)


@pytest.mark.parametrize("name", FILES)
def test_missing_file_is_refused(exported: Path, ledger: Ledger, name: str) -> None:
    _rewrite(exported, name, None)
    with pytest.raises(VerificationError, match="five files"):
        verify_export(exported, key=ledger.key)


def test_additional_file_is_refused(exported: Path, ledger: Ledger) -> None:
    _rewrite(exported, "more.txt", b"")
    with pytest.raises(VerificationError, match="five files"):
        verify_export(exported, key=ledger.key)


@pytest.mark.parametrize("data", [b"", b"no zip", b"PK\x05\x06" + b"\x00" * 18])
def test_what_is_no_export_is_refused(tmp_path: Path, ledger: Ledger, data: bytes) -> None:
    (tmp_path / "bad.zip").write_bytes(data)
    with pytest.raises(VerificationError):
        verify_export(tmp_path / "bad.zip", key=ledger.key)


def test_missing_export_is_refused(tmp_path: Path, ledger: Ledger) -> None:
    with pytest.raises(VerificationError, match="can't be read"):
        verify_export(tmp_path / "none.zip", key=ledger.key)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_to_the_file_is_refused_or_harmless(exported: Path, ledger: Ledger, data: st.DataObject) -> None:
    """Some bytes of a zip file mean nothing; whatever verifies must still hold exactly the signed entries."""
    genuine = exported.read_bytes()
    entries = _entries(exported)
    at = data.draw(st.integers(0, len(genuine) - 1))
    value = data.draw(st.integers(0, 255))
    damaged = exported.with_name("damaged.zip")
    damaged.write_bytes(genuine[:at] + bytes([value]) + genuine[at + 1 :])
    try:
        verify_export(damaged, key=ledger.key)
    except VerificationError:
        return
    assert _entries(damaged) == entries
