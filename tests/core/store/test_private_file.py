"""Secrets are written whole, for their owner only, and the first one stays unless told otherwise."""

import stat
from pathlib import Path

import pytest

from core.store.private_file import write_private


def test_a_file_and_its_folder_are_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "a.key"
    write_private(path, b"secret", replace=False)
    assert path.read_bytes() == b"secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(("replace", "expected"), [(False, b"first"), (True, b"second")])
def test_a_file_that_is_there_gives_way_only_when_told(tmp_path: Path, replace: bool, expected: bytes) -> None:
    path = tmp_path / "a.key"
    path.write_bytes(b"first")
    write_private(path, b"second", replace=replace)
    assert path.read_bytes() == expected


def test_nothing_else_is_left_behind(tmp_path: Path) -> None:
    for replace in (False, True):
        write_private(tmp_path / "a.key", b"secret", replace=replace)
    (tmp_path / "folder.key").mkdir()
    with pytest.raises(OSError, match=r"folder\.key"):
        write_private(tmp_path / "folder.key", b"secret", replace=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.key", "folder.key"]
