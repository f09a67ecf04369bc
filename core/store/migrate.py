"""Brings a database to the schema of this code, and refuses one that this code does not know.

Going back to an older schema is not covered: restore a backup instead.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, inspect
from sqlalchemy.exc import DBAPIError

from core.errors import StoreError
from core.store.database import Store, connect
from core.store.tables import Base

MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_TABLE = "alembic_version"


def open_store(url: str) -> Store:
    """Open a database and bring it to this code's schema. Processes that start at once wait for each other.

    Raises:
        StoreError: The database can't be reached, read or written, or is newer than this code, or not ours.
    """
    store = connect(url)
    try:
        if _revision(store) != head_revision():
            _migrate(store)
    except BaseException:
        store.close()
        raise
    return store


def head_revision() -> str:
    """Return the newest schema revision that this code knows."""
    head = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    if head is None:
        raise StoreError(f"no migration was found in {MIGRATIONS}; install the package again.")
    return head


def _revision(store: Store) -> str | None:
    with store.read() as session:
        return _revision_of(session.connection())


def _revision_of(connection: Connection) -> str | None:
    heads = MigrationContext.configure(connection).get_current_heads()
    if len(heads) > 1:
        raise StoreError(f"the database is at several revisions at once ({', '.join(heads)}); restore a backup.")
    return heads[0] if heads else None


def _migrate(store: Store) -> None:
    """Run the missing migrations in one transaction, which whoever comes second waits for."""
    with store.write(lock="migrate") as session:
        connection = session.connection()
        _refuse_foreign(connection)
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except (CommandError, DBAPIError) as exc:
            raise StoreError(f"the database can't be migrated to {head_revision()}: {exc}") from exc


def _refuse_foreign(connection: Connection) -> None:
    """Refuse a schema of a newer release, and tables of the same names that no migration made."""
    revision = _revision_of(connection)
    known = {script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}
    if revision is not None and revision not in known:
        raise StoreError(
            f"the database is at schema {revision}, this release knows up to {head_revision()}. "
            "A newer release wrote it: upgrade, or restore a backup taken with this release."
        )
    foreign = sorted(set(inspect(connection).get_table_names()) & set(Base.metadata.tables))
    if revision is None and foreign:
        raise StoreError(
            f"the database already holds tables that this product did not make ({', '.join(foreign)}). "
            "Name an empty database in database_url."
        )
