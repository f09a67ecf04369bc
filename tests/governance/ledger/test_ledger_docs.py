"""docs/ledger.md: its reader runs on a real export and finds what was altered; each attack has its tests."""

import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from core.store.database import Store
from governance.ledger import Ledger, export_ledger, load_current_signer, rotate_key

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "ledger.md").read_text()
READER = PAGE.split("```python\n")[1].split("```")[0]
Clock = Callable[[], datetime]


@pytest.fixture
def exported(store: Store, clock: Clock, tmp_path: Path) -> Path:
    keys = tmp_path / "keys"
    for _ in range(3):
        ledger = Ledger(store, signer=load_current_signer(keys, store), clock=clock)
        (tmp_path / "first.pub").write_text(ledger.key) if ledger.size() == 0 else None
        for number in range(6):
            ledger.append("note", {"n": number})
        rotate_key(keys, store, clock=clock)
    key = load_current_signer(keys, store).verifier.vkey()
    (tmp_path / "newest.pub").write_text(key)
    export_ledger(store, tmp_path / "ledger.zip", key=key)
    (tmp_path / "reader.py").write_text(READER)
    return tmp_path


def read(folder: Path, bundle: str, key: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", folder / "reader.py", folder / bundle, folder / key]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def altered(folder: Path, name: str, change: Callable[[bytes], bytes]) -> str:
    with zipfile.ZipFile(folder / "ledger.zip") as source, zipfile.ZipFile(folder / "altered.zip", "w") as target:
        for each in source.namelist():
            data = source.read(each)
            changed = change(data) if each == name else data
            assert each != name or changed != data
            target.writestr(each, changed)
    return "altered.zip"


def test_reader_fits_on_a_page_and_needs_nothing_of_ours() -> None:
    assert READER.count("\n") <= 100
    assert not re.search(r"^(?:from|import) (?:core|governance|apps)\b", READER, re.M)


@pytest.mark.parametrize("key", ["first.pub", "newest.pub"])
def test_reader_verifies_an_export(exported: Path, key: str) -> None:
    done = read(exported, "ledger.zip", key)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("21 entries verify; 4 keys; ledger promethios-ledger/")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        pytest.param("entries.jsonl", lambda data: data.replace(b'"n":3', b'"n":4', 1), id="edited"),
        pytest.param("entries.jsonl", lambda data: data[: data.rindex(b"\n", 0, -1) + 1], id="cut"),
        pytest.param("entries.jsonl", lambda data: data + data[data.rindex(b"\n", 0, -1) + 1 :], id="replayed"),
        pytest.param("entries.jsonl", lambda _: b"", id="emptied"),
        pytest.param("checkpoint.txt", lambda data: data.replace(b"\n21\n", b"\n22\n"), id="another size"),
        pytest.param("rotations.json", lambda _: b"[]", id="no rotations"),
    ],
)
def test_reader_finds_what_was_altered(exported: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    bundle = altered(exported, name, change)
    for key in ("first.pub", "newest.pub"):
        assert read(exported, bundle, key).returncode != 0


def test_every_attack_names_tests_that_exist() -> None:
    table = PAGE.split("## Attacks")[1].split("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ") and "| attack |" not in line]
    assert len(rows) >= 20
    written = "".join(path.read_text() for path in (ROOT / "tests" / "governance").rglob("test_*.py"))
    for row in rows:
        named = re.findall(r"`(test_\w+)`", row)
        assert named, row
        assert [name for name in named if f"def {name}(" not in written] == []
