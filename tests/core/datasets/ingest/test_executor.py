import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.datasets.ingest.executor import open_executor
from core.datasets.ingest.sources import folder_sources
from core.errors import DatasetError
from tests.core.datasets.ingest.home import Home, write_root


def double(value: int) -> int:
    return 2 * value


def die(value: int) -> int:
    if value == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return value


def ingested(folder: Path, root: Path, *, name: str = "local", workers: int = 1) -> dict[str, object]:
    home = Home(folder)
    with open_executor(name, workers=workers) as executor:
        home.manager.ingest_sources(folder_sources(root), executor=executor)
    return home.holds()


def test_worker_processes_give_results_in_order_and_a_dead_one_is_an_error() -> None:
    with open_executor(workers=2) as executor:
        assert list(executor.map(double, range(30))) == list(range(0, 60, 2))
        with pytest.raises(DatasetError, match="died"):
            list(executor.map(die, range(30)))


def say_which(value: int) -> int:
    time.sleep(0.2)
    return os.getpid()


READ = """
from core.datasets.ingest.executor import open_executor
from tests.core.datasets.ingest.test_executor import say_which

if __name__ == "__main__":
    with open_executor(workers=2) as executor:
        for process in executor.map(say_which, range(1000)):
            print(process, flush=True)
"""


def test_worker_processes_end_when_the_one_that_started_them_is_killed(tmp_path: Path) -> None:
    (tmp_path / "read.py").write_text(READ)
    command = [sys.executable, str(tmp_path / "read.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": "."}) as reading:
        assert reading.stdout is not None
        workers = {int(reading.stdout.readline()) for _ in range(4)}
        reading.kill()
    until = time.monotonic() + 20
    while any(Path(f"/proc/{each}").exists() for each in workers):
        assert time.monotonic() < until, f"{workers} are still there"
        time.sleep(0.1)


def test_worker_processes_fill_the_same_indexes(tmp_path) -> None:
    root = write_root(tmp_path / "root", datasets=3)
    assert ingested(tmp_path / "pool", root, workers=2) == ingested(tmp_path / "here", root)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::ResourceWarning", "ignore::DeprecationWarning")
def test_ray_fills_the_same_indexes(tmp_path, monkeypatch) -> None:
    pytest.importorskip("ray")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    root = write_root(tmp_path / "root", datasets=3)
    assert ingested(tmp_path / "ray", root, name="ray") == ingested(tmp_path / "here", root)
