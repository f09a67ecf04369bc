"""Several processes on one ledger, and processes that die: real ones, on SQLite and on PostgreSQL."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core.store.database import Store
from governance.ledger import Ledger, load_signer, verify_ledger

ROOT = Path(__file__).parents[3]
ENTRIES = 10_000
PROCESSES = 2

_MANY = """
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from core.store.database import connect
from governance.ledger import Ledger, build_draft, load_signer

url, folder, name, count = sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
ledger = Ledger(connect(url), signer=load_signer(folder), clock=lambda: datetime.now(UTC))
print("ready", flush=True)
sys.stdin.readline()

def append(begin):
    drafts = [build_draft("note", {"from": name, "n": number}) for number in range(begin, begin + 25)]
    return [sealed.index for sealed in ledger.append_many(drafts)]

began = time.time()
with ThreadPoolExecutor(4) as pool:
    for indexes in pool.map(append, range(0, count, 25)):
        assert indexes == list(range(indexes[0], indexes[0] + 25))
print(began, time.time())
"""

_ENDLESS = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from core.store.database import connect
from governance.ledger import Ledger, load_signer

ledger = Ledger(connect(sys.argv[1]), signer=load_signer(Path(sys.argv[2])), clock=lambda: datetime.now(UTC))
while True:
    sealed = ledger.append("note", {"filler": "x" * 500})
    print(sealed.index, sealed.leaf_hash.hex(), flush=True)
"""


def _start(script: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _open(store: Store, folder: Path, clock: Any) -> Ledger:
    return Ledger(store, signer=load_signer(folder), clock=clock)


def test_processes_that_append_at_once_share_one_order(
    database_url: str, any_store: Store, tmp_path: Path, clock: Any
) -> None:
    names = [f"p{number}" for number in range(PROCESSES)]
    running = [_start(_MANY, database_url, tmp_path, name, ENTRIES // PROCESSES) for name in names]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=120)[0].split() for process in running]
    assert [process.returncode for process in running] == [0] * PROCESSES
    ledger = _open(any_store, tmp_path, clock)
    entries = ledger.entries()
    assert [entry.index for entry in entries] == list(range(ENTRIES))
    for name in names:
        own = [entry.body["n"] for entry in entries if entry.body["from"] == name]
        assert sorted(own) == list(range(ENTRIES // PROCESSES))
    assert max(float(began) for began, _ in said) < min(float(ended) for _, ended in said), "they did not run at once"
    verify_ledger(any_store, verifier_key=ledger.key)


@pytest.mark.parametrize("acknowledged", [1, 37, 120])
def test_killed_process_loses_nothing_that_it_acknowledged(
    database_url: str, any_store: Store, tmp_path: Path, clock: Any, acknowledged: int
) -> None:
    process = _start(_ENDLESS, database_url, tmp_path)
    assert process.stdout is not None
    lines = [process.stdout.readline().split() for _ in range(acknowledged)]
    process.kill()
    lines += [
        line.split() for line in process.communicate()[0].splitlines() if line.endswith(tuple("0123456789abcdef"))
    ]
    ledger = _open(any_store, tmp_path, clock)
    verify_ledger(any_store, verifier_key=ledger.key)
    for index, hashed in (line for line in lines if len(line) == 2 and len(line[1]) == 64):
        assert ledger.entry(int(index)).leaf_hash.hex() == hashed
    assert ledger.size() >= acknowledged
    assert ledger.append("note", {}).index == ledger.size() - 1
    verify_ledger(any_store, verifier_key=ledger.key)
