"""Sealed values come back unchanged or not at all."""

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.errors import GovernanceError, InputError
from governance.identity.seals import Sealer, load_sealer

SEALER = Sealer(b"k" * 32)


@given(value=st.text(), purpose=st.sampled_from(["session", "csrf"]))
def test_a_sealed_value_comes_back(value: str, purpose: str) -> None:
    assert SEALER.open(purpose, SEALER.seal(purpose, value)) == value


@given(value=st.text(min_size=1), position=st.integers(min_value=0), other=st.characters())
def test_one_changed_character_is_noticed(value: str, position: int, other: str) -> None:
    sealed = SEALER.seal("session", value)
    at = position % len(sealed)
    changed = sealed[:at] + other + sealed[at + 1 :]
    if changed != sealed:
        assert SEALER.open("session", changed) is None


@given(text=st.text())
def test_whatever_we_did_not_seal_is_refused(text: str) -> None:
    assert SEALER.open("session", text) is None


def test_a_seal_holds_for_one_purpose_and_one_key() -> None:
    sealed = SEALER.seal("session", "value")
    assert SEALER.open("csrf", sealed) is None
    assert Sealer(b"o" * 32).open("session", sealed) is None


def test_processes_of_one_installation_share_the_first_key(tmp_path: Path) -> None:
    first = load_sealer(tmp_path / "keys", random=b"1" * 32)
    second = load_sealer(tmp_path / "keys", random=b"2" * 32)
    assert second.open("p", first.seal("p", "value")) == "value"
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["session.key"]
    assert stat.S_IMODE((tmp_path / "keys/session.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700


@pytest.mark.parametrize("content", [b"", b"not base64!", b"c2hvcnQ="], ids=["empty", "not-base64", "short"])
def test_a_damaged_key_file_is_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "session.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(GovernanceError, match="does not hold a session key"):
        load_sealer(tmp_path, random=b"1" * 32)
    assert path.read_bytes() == content


def test_a_key_file_that_all_can_read_is_refused(tmp_path: Path) -> None:
    load_sealer(tmp_path, random=b"1" * 32)
    (tmp_path / "session.key").chmod(0o644)
    with pytest.raises(GovernanceError, match="chmod 600"):
        load_sealer(tmp_path, random=b"1" * 32)


def test_a_folder_that_can_not_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(GovernanceError, match="can't be read or written"):
        load_sealer(tmp_path / "file" / "keys", random=b"1" * 32)


def test_a_key_of_another_length_is_refused() -> None:
    with pytest.raises(InputError, match="has 32 bytes; found 5"):
        Sealer(b"short")
