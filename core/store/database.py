"""The database: SQLite in the data folder, or PostgreSQL by URL, behind the same two context managers.

`read()` sees one consistent snapshot. `write()` holds the only write transaction on SQLite
(`BEGIN IMMEDIATE`) and commits at its end; an exception rolls everything back.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, OperationalError
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
        """Open a snapshot; nothing written in it is kept."""
        with self.engine.connect() as connection, connection.begin(), Session(connection) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open the write transaction; it commits at the end of the block, durably."""
        with (
            self.engine.connect().execution_options(promethios_write=True) as connection,
            connection.begin(),
            Session(connection, expire_on_commit=False) as session,
        ):
            yield session
            session.flush()

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def connect(url: str) -> Store:
    """Open a database without looking at its schema.

    Raises:
        StoreError: The URL is malformed, or names neither SQLite nor PostgreSQL.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as exc:
        raise StoreError("database_url is not a SQLAlchemy URL, such as postgresql+psycopg://user@host/name.") from exc
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() == "sqlite":
        return Store(_sqlite_engine(parsed))
    if parsed.drivername != "postgresql+psycopg":
        raise StoreError(f"database_url names {parsed.drivername}; only sqlite and postgresql+psycopg are supported.")
    return Store(create_engine(parsed, isolation_level="REPEATABLE READ", pool_pre_ping=True))


def _sqlite_engine(url: Any) -> Engine:
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # SQLAlchemy's "begin" event below decides, not the driver
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        write = connection.get_execution_options().get("promethios_write", False)
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
        except OperationalError as exc:
            raise StoreError(f"the database is busy or unreadable: {exc.orig}") from exc

    return engine
