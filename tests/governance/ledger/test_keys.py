"""Key files: made once, found again, and refused when lost, foreign, damaged or open to others."""

import base64
import hashlib
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from governance.errors import LedgerError
from governance.ledger import Signer, load_master_key, load_signer
from governance.ledger.notes import parse_vkey


def _fixed(count: int) -> bytes:
    return hashlib.sha256(b"fixed").digest()[:count]


def test_signer_is_made_once_and_found_again(tmp_path: Path) -> None:
    first = load_signer(tmp_path / "keys")
    again = load_signer(tmp_path / "keys")
    assert first.verifier.vkey() == again.verifier.vkey()
    assert parse_vkey((tmp_path / "keys/ledger.pub").read_text().strip()).vkey() == first.verifier.vkey()
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == ["ledger.key", "ledger.pub"]


def test_private_files_are_closed_to_others(tmp_path: Path) -> None:
    load_signer(tmp_path)
    load_master_key(tmp_path, None)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"ledger.key": 0o600, "ledger.pub": 0o644, "master.key": 0o600}


def test_two_folders_have_two_keys(tmp_path: Path) -> None:
    keys = {load_signer(tmp_path / name).verifier.vkey() for name in ("a", "b")}
    assert len(keys) == 2


def test_randomness_decides_the_key(tmp_path: Path) -> None:
    keys = {load_signer(tmp_path / name, random_bytes=_fixed).verifier.vkey() for name in ("a", "b")}
    assert len(keys) == 1


def test_many_who_start_at_once_get_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        signers = list(pool.map(lambda _: load_signer(tmp_path), range(16)))
        masters = list(pool.map(lambda _: load_master_key(tmp_path, None), range(16)))
    assert len({signer.verifier.vkey() for signer in signers}) == 1
    assert len(set(masters)) == 1


def test_lost_private_key_is_named(tmp_path: Path) -> None:
    load_signer(tmp_path)
    (tmp_path / "ledger.key").unlink()
    with pytest.raises(LedgerError, match=r"ledger\.key is lost"):
        load_signer(tmp_path)


def test_lost_public_key_is_written_again(tmp_path: Path) -> None:
    vkey = load_signer(tmp_path).verifier.vkey()
    (tmp_path / "ledger.pub").unlink()
    assert load_signer(tmp_path).verifier.vkey() == vkey
    assert (tmp_path / "ledger.pub").read_text() == vkey + "\n"


def test_public_key_of_another_is_refused(tmp_path: Path, other_signer: Signer) -> None:
    load_signer(tmp_path)
    (tmp_path / "ledger.pub").write_text(other_signer.verifier.vkey() + "\n")
    with pytest.raises(LedgerError, match="does not belong to"):
        load_signer(tmp_path)


@pytest.mark.parametrize("data", [b"", b"no key", b"\xff\xfe", b"PRIVATE+KEY+a+00000000+AAAA"])
def test_damaged_private_key_is_refused(tmp_path: Path, data: bytes) -> None:
    load_signer(tmp_path)
    (tmp_path / "ledger.key").write_bytes(data)
    with pytest.raises(LedgerError):
        load_signer(tmp_path)


@pytest.mark.parametrize("name", ["ledger.key", "master.key"])
def test_key_open_to_everybody_is_refused(tmp_path: Path, name: str) -> None:
    load_signer(tmp_path)
    load_master_key(tmp_path, None)
    (tmp_path / name).chmod(0o644)
    with pytest.raises(LedgerError, match="chmod 600"):
        load_signer(tmp_path) if name == "ledger.key" else load_master_key(tmp_path, None)


def test_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("")
    with pytest.raises(LedgerError, match="can't be read or written"):
        load_signer(tmp_path / "keys")
    with pytest.raises(LedgerError, match="can't be read or written"):
        load_master_key(tmp_path / "keys", None)


def test_master_key_comes_from_the_setting_first(tmp_path: Path) -> None:
    key = _fixed(32)
    assert load_master_key(tmp_path, base64.b64encode(key).decode()) == key
    assert not (tmp_path / "master.key").exists()


def test_master_key_file_is_made_once(tmp_path: Path) -> None:
    first = load_master_key(tmp_path, None)
    assert len(first) == 32
    assert load_master_key(tmp_path, None) == first


@pytest.mark.parametrize(
    "setting",
    ["", "not base64!", "schlüssel", base64.b64encode(b"short").decode(), base64.b64encode(b"x" * 33).decode()],
)
def test_malformed_master_key_is_refused_without_being_shown(tmp_path: Path, setting: str) -> None:
    with pytest.raises(LedgerError, match="base64 of 32 bytes") as caught:
        load_master_key(tmp_path, setting)
    assert not setting or setting not in str(caught.value)
