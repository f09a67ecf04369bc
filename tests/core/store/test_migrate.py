"""Migrations build what tables.py declares, once, and refuse databases that are not ours."""

import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from core.errors import StoreError
from core.store.database import Store, connect
from core.store.migrate import MIGRATIONS, head_revision, open_store
from core.store.tables import Agent, Base

AT = {"now": "2026-01-02 03:04:05.000000"}
START = "import sys; from core.store.migrate import open_store; open_store(sys.argv[1]).close()"


def test_migrations_build_exactly_the_declared_tables(any_store: Store) -> None:
    with any_store.read() as session:
        context = MigrationContext.configure(session.connection(), opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_a_table_that_no_migration_makes_is_noticed(any_store: Store) -> None:
    with any_store.write() as session:
        session.execute(text("DROP TABLE ledger_nodes"))
    with any_store.read() as session:
        context = MigrationContext.configure(session.connection())
        assert [step[0] for step in compare_metadata(context, Base.metadata)] == ["add_table"]


def test_opening_twice_changes_nothing(database_url: str) -> None:
    open_store(database_url).close()
    store = open_store(database_url)
    with store.read() as session:
        assert session.scalars(text("SELECT version_num FROM alembic_version")).all() == [head_revision()]
    store.close()


def test_processes_that_start_at_once_all_succeed(empty_database_url: str) -> None:
    starts = [
        subprocess.Popen([sys.executable, "-c", START, empty_database_url], stderr=subprocess.PIPE) for _ in range(4)
    ]
    errors = [start.communicate(timeout=60)[1].decode() for start in starts]
    assert [start.returncode for start in starts] == [0] * 4, errors
    store = connect(empty_database_url)
    with store.read() as session:
        assert set(inspect(session.connection()).get_table_names()) >= set(Base.metadata.tables)
    store.close()


def test_an_agent_of_the_first_schema_keeps_its_place_and_gains_defaults(empty_database_url: str) -> None:
    store = connect(empty_database_url)
    with store.write() as session:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = session.connection()
        command.upgrade(config, "0001")
        session.execute(text("INSERT INTO users VALUES ('u', 'ada', 'admin', NULL, NULL, false, :now, NULL)"), AT)
        session.execute(
            text(
                "INSERT INTO agents VALUES ('a', 'u', 'Old', 'An agent of the first schema', 'starter', NULL, "
                "'standard', 'brief', :now, :now, NULL)"
            ),
            AT,
        )
    store.close()
    store = open_store(empty_database_url)
    with store.read() as session:
        agent = session.get_one(Agent, "a")
        assert (agent.name, agent.style) == ("Old", "brief")
        assert (agent.domain, agent.allow, agent.scope) == ("general", [], "open")
    store.close()


def test_a_newer_database_is_refused(database_url: str, any_store: Store) -> None:
    with any_store.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match=f"at schema 9999, this release knows up to {head_revision()}"):
        open_store(database_url)


def test_a_database_at_several_revisions_is_refused(database_url: str, any_store: Store) -> None:
    with any_store.write() as session:
        session.execute(text("INSERT INTO alembic_version VALUES ('9998')"))
    with pytest.raises(StoreError, match="several revisions"):
        open_store(database_url)


def test_a_database_of_someone_else_is_left_alone(empty_database_url: str) -> None:
    store = connect(empty_database_url)
    with store.write() as session:
        session.execute(text("CREATE TABLE users (id INTEGER)"))
    with pytest.raises(StoreError, match="did not make"):
        open_store(empty_database_url)
    with store.read() as session:
        assert inspect(session.connection()).get_table_names() == ["users"]
    store.close()


def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_text("These are only notes. " * 100)
    with pytest.raises(StoreError, match="not a database"):
        open_store(f"sqlite:///{path}")
    assert path.read_text().startswith("These are only notes.")


def test_a_damaged_file_is_refused(migrated_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "damaged.db"
    data = bytearray(migrated_file.read_bytes())
    data[100:] = bytes(len(data) - 100)
    path.write_bytes(data)
    with pytest.raises(StoreError, match=r"damaged|malformed"):
        open_store(f"sqlite:///{path}")


def test_a_folder_that_can_not_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match="can't be made"):
        open_store(f"sqlite:///{tmp_path / 'file' / 'promethios.db'}")


def test_a_server_that_does_not_answer_is_refused() -> None:
    with pytest.raises(StoreError, match="unreachable"):
        open_store("postgresql://nobody@127.0.0.1:1/none?connect_timeout=2")


def test_a_migration_that_fails_leaves_the_database_as_it_was(empty_database_url: str) -> None:
    store = connect(empty_database_url)
    with store.write() as session:  # the name of an index that the first migration makes
        session.execute(text("CREATE TABLE notes (title TEXT)"))
        session.execute(text("CREATE INDEX ix_messages_turn_id ON notes (title)"))
    with pytest.raises(StoreError, match="ix_messages_turn_id"):
        open_store(empty_database_url)
    with store.read() as session:
        assert inspect(session.connection()).get_table_names() == ["notes"]
    store.close()
