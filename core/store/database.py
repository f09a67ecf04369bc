"""The database: SQLite in the data folder, or PostgreSQL by URL, behind the same two context managers.

`read()` sees one consistent snapshot. `write()` commits at its end, durably; an exception rolls everything back. On
SQLite it holds the only write transaction (`BEGIN IMMEDIATE`). On PostgreSQL writers run side by side and see what
others committed; those that must not, name the same lock.
"""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import DatabaseError as SqliteDatabaseError
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DatabaseError, InterfaceError, OperationalError
from sqlalchemy.orm import Session

from core.errors import StoreError

BUSY_TIMEOUT_S = 10.0


class Store:
    """An open database."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @property
    def is_sqlite(self) -> bool:
        """Say whether this is the embedded database."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a snapshot; nothing written in it is kept.

        Raises:
            StoreError: The database can't be reached or read.
        """
        with _own_errors(), self.engine.connect() as connection:
            snapshot = connection if self.is_sqlite else connection.execution_options(isolation_level="REPEATABLE READ")
            transaction = snapshot.begin()
            try:
                with Session(snapshot) as session:
                    yield session
            finally:
                transaction.rollback()

    @contextmanager
    def write(self, *, lock: str | None = None) -> Iterator[Session]:
        """Open a write transaction; it commits at the end of the block, durably.

        Args:
            lock: On PostgreSQL, keeps out every other write of this name until the end; on SQLite every write does.

        Raises:
            StoreError: The database can't be reached or written, or stays busy.
        """
        with (
            _own_errors(),
            self.engine.connect().execution_options(promethios_write=True) as connection,
            connection.begin(),
            Session(connection, expire_on_commit=False) as session,
        ):
            if lock is not None and not self.is_sqlite:
                session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _lock_key(lock)})
            yield session
            session.flush()

    def compact(self) -> None:
        """Write SQLite's log into its file, so that nothing deleted lies in it; PostgreSQL vacuums by itself, later."""
        if self.is_sqlite:
            with _own_errors():
                connection = self.engine.raw_connection()
                try:
                    connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
                finally:
                    connection.close()

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def connect(url: str, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Store:
    """Open a database without looking at its schema.

    Args:
        url: A SQLAlchemy URL.
        busy_timeout_s: How long a writer waits for another on SQLite.

    Raises:
        StoreError: The URL is malformed, names neither SQLite nor PostgreSQL, or a folder that can't be made.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as exc:
        raise StoreError("database_url is not a SQLAlchemy URL, such as postgresql+psycopg://user@host/name.") from exc
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() == "sqlite":
        return Store(_sqlite_engine(parsed, busy_timeout_s=busy_timeout_s))
    if parsed.drivername != "postgresql+psycopg":
        raise StoreError(f"database_url names {parsed.drivername}; only sqlite and postgresql+psycopg are supported.")
    return Store(create_engine(parsed, isolation_level="READ COMMITTED", pool_pre_ping=True, hide_parameters=True))


def _sqlite_engine(url: URL, *, busy_timeout_s: float) -> Engine:
    if url.database and url.database != ":memory:":
        _make_folder(Path(url.database).parent)
    waiting = {"timeout": busy_timeout_s, "check_same_thread": False}
    engine = create_engine(url, connect_args=waiting, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # SQLAlchemy's "begin" event below decides, not the driver
        _use_wal(connection)
        for pragma in ("synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        write = connection.get_execution_options().get("promethios_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise StoreError(f"the folder {folder} of the database can't be made: {exc.strerror}.") from exc


def _use_wal(connection: Any) -> None:
    """Switch to WAL. SQLite does not wait for others who switch at the same moment, so this does."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except SqliteDatabaseError as exc:
            if "locked" not in str(exc) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _lock_key(name: str) -> int:
    """Return the 64-bit signed number that PostgreSQL knows this lock by."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)


@contextmanager
def _own_errors() -> Iterator[None]:
    """Raise a StoreError for a broken, busy or unreachable database; broken constraints pass as they are."""
    try:
        yield
    except (OperationalError, InterfaceError) as exc:
        raise StoreError(f"the database is busy, unreachable or unreadable: {exc.orig}") from exc
    except DatabaseError as exc:
        if type(exc) is not DatabaseError:
            raise
        raise StoreError(f"the database is damaged or not a database: {exc.orig}. Restore a backup.") from exc
    except SqliteDatabaseError as exc:  # raised while connecting, before SQLAlchemy wraps
        raise StoreError(f"the database can't be opened: {exc}. Restore a backup, or name another file.") from exc
