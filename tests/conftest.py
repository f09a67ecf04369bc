"""Fixtures for every test: a clock that stands still, a migrated SQLite store, and a real PostgreSQL server."""

import fcntl
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import settings

from core.config import load_settings
from core.store.database import Store, connect
from core.store.migrate import open_store

os.environ["COLUMNS"] = "200"  # before anything that prints is imported: tables are not cut short
os.environ["OMP_NUM_THREADS"] = "1"  # before torch is: its threads wait by spinning, on cores that other tests need
settings.register_profile("untimed", deadline=None)  # how long an example takes is the machine's affair
settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the one long test, so that no worker waits for it in the end."""
    items.sort(key=lambda item: "journey" not in item.path.parts)


class FakeClock:
    """A clock that moves only when told."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, copied for each test because migrating takes longer."""
    path = tmp_path_factory.mktemp("migrated") / "promethios.db"
    open_store(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def store(migrated_file: Path, tmp_path: Path) -> Iterator[Store]:
    """A migrated SQLite store of this test alone."""
    path = tmp_path / "promethios.db"
    shutil.copyfile(migrated_file, path)
    opened = connect(f"sqlite:///{path}")
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a PostgreSQL server that lives as long as the test session, without a database's name."""
    programs = _postgres_programs()
    if programs is None:
        pytest.skip("PostgreSQL's initdb and pg_ctl are neither on PATH nor in /usr/lib/postgresql")
    # Not pytest's folder: PostgreSQL refuses root, and root's folders are closed to the account it runs as.
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir=_memory_folder()))
    account = _unprivileged_account()
    if account is not None:
        os.chown(folder, account.pw_uid, account.pw_gid)
    port, data = _free_port(), folder / "data"
    options = ["listen_addresses=127.0.0.1", f"port={port}", f"unix_socket_directories={folder}", "fsync=off"]
    serve = [*_ending_with_us(), programs / "postgres", "-D", data, *(f"--{option}" for option in options)]
    url = f"postgresql+psycopg://postgres@127.0.0.1:{port}"
    try:
        initdb = [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, **_as(account))
        with (folder / "log").open("w") as log:
            server = subprocess.Popen(serve, stdout=log, stderr=log, **_as(account))
        try:
            _wait_until_it_answers(url, server, folder / "log")
            yield url
        finally:
            server.send_signal(signal.SIGQUIT)  # PostgreSQL's immediate shutdown
            server.wait(timeout=30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def migrated_database(postgres_url: str) -> str:
    """The name of a migrated PostgreSQL database, the template of each test's own."""
    _execute(postgres_url, "CREATE DATABASE migrated TEMPLATE template0")
    open_store(f"{postgres_url}/migrated").close()
    return "migrated"


_database_numbers = count()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without any table, on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
    else:
        yield from _fresh_database(request.getfixturevalue("postgres_url"), template="template0")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh migrated database, on SQLite and on PostgreSQL: what `any_store` has open."""
    if request.param == "sqlite":
        path = tmp_path / "any.db"
        shutil.copyfile(request.getfixturevalue("migrated_file"), path)
        yield f"sqlite:///{path}"
    else:
        template: str = request.getfixturevalue("migrated_database")
        yield from _fresh_database(request.getfixturevalue("postgres_url"), template=template)


@pytest.fixture
def any_store(database_url: str) -> Iterator[Store]:
    """A migrated store of this test alone, on SQLite and on PostgreSQL."""
    opened = connect(database_url)
    yield opened
    opened.close()


def _fresh_database(server: str, *, template: str) -> Iterator[str]:
    name = f"test_{next(_database_numbers)}"
    _execute(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield f"{server}/{name}"
    _execute(server, f"DROP DATABASE {name} WITH (FORCE)")


def _execute(server: str, statement: str) -> None:
    with psycopg.connect(f"{server.replace('+psycopg', '')}/postgres", autocommit=True) as connection:
        connection.execute(statement.encode())


def _memory_folder() -> str | None:
    """A folder in memory, where a new database takes a tenth of the time; None where there is too little of it."""
    memory = Path("/dev/shm")
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > 2 << 30 else None


def _postgres_programs() -> Path | None:
    on_path = shutil.which("initdb")
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    found = [Path(on_path).resolve(), *installed] if on_path else installed
    return next((program.parent for program in found if (program.parent / "pg_ctl").exists()), None)


def _unprivileged_account() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return pwd.getpwnam("postgres" if "postgres" in names else "nobody")


def _as(account: pwd.struct_passwd | None) -> dict[str, Any]:
    """The arguments that make subprocess run a program as this account."""
    who = {} if account is None else {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    return who | {"cwd": "/"}


def _ending_with_us() -> list[str]:
    """A prefix that ends a program when the tests are killed, where the system has it."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "QUIT"] if setpriv else []


def _wait_until_it_answers(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            _execute(url, "SELECT 1")
            return
        except psycopg.OperationalError:
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def first_start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder after the first start: starter datasets, agents, an admin. One of all workers; copied for tests."""
    # torch, only in the tests that need the model
    from governance.seed import seed
    from governance.wiring import open_workbench

    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    home = shared / "first-start"
    with (shared / "first-start.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not home.exists():
            made = shared / "first-start-being-made"
            workbench = open_workbench(load_settings(home=made))
            seed(workbench)
            workbench.close()
            made.rename(home)
    return home


@pytest.fixture
def seeded_home(first_start: Path, tmp_path: Path) -> Path:
    """A data folder of this test alone, as a first start leaves it."""
    return Path(shutil.copytree(first_start, tmp_path / "home"))
