"""Reading, writing, and what a broken, busy or dying database does."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError, StatementError

from core.errors import StoreError
from core.store.database import Store, connect
from core.store.tables import Dataset, LedgerEntry, LedgerNode, LoginAttempt, User

NOW = datetime(2026, 1, 2, tzinfo=UTC)

# Writes entries and nodes in pairs, and says so after each commit.
WRITER = """
import sys
from datetime import UTC, datetime
from core.store.database import connect
from core.store.tables import LedgerEntry, LedgerNode
store = connect(sys.argv[1])
for index in range(100_000):
    with store.write() as session:
        session.add(LedgerEntry(index=index, kind="test", at=datetime.now(UTC), body="{}", leaf_hash=b"leaf"))
        session.flush()
        session.add(LedgerNode(level=0, index=index, hash=b"leaf"))
    print(index, flush=True)
"""


def user(name: str, *, at: datetime = NOW) -> User:
    return User(id=name, name=name, role="member", created_at=at)


def count(store: Store, table: type) -> int:
    with store.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_what_was_written_is_read_by_another_connection(any_store: Store, database_url: str) -> None:
    with any_store.write() as session:
        session.add(user("ada"))
    other = connect(database_url)
    with other.read() as session:
        assert session.get(User, "ada") is not None
    other.close()


def test_an_exception_rolls_everything_back(any_store: Store) -> None:
    with pytest.raises(KeyError), any_store.write() as session:  # noqa: PT012 - the block is what is tested
        session.add(user("ada"))
        session.flush()
        raise KeyError("midway")
    assert count(any_store, User) == 0


def test_a_broken_constraint_rolls_back_and_passes_as_it_is(any_store: Store) -> None:
    with pytest.raises(IntegrityError), any_store.write() as session:  # noqa: PT012 - the block is what is tested
        session.add(user("ada"))
        session.flush()
        session.add(User(id="other", name="ada", role="member", created_at=NOW))
    assert count(any_store, User) == 0


def test_foreign_keys_hold(any_store: Store) -> None:
    with pytest.raises(IntegrityError), any_store.write() as session:
        session.execute(text("INSERT INTO agent_datasets VALUES ('no-agent', 'no-dataset')"))


def test_an_error_does_not_show_what_was_written(any_store: Store) -> None:
    with pytest.raises(IntegrityError) as caught, any_store.write() as session:
        session.add_all([user("ada"), User(id="x", name="ada", role="member", password_hash="hush", created_at=NOW)])
    assert "hush" not in str(caught.value)


def test_nothing_written_in_a_read_is_kept(any_store: Store) -> None:
    with any_store.read() as session:
        session.add(user("ada"))
        session.flush()
    assert count(any_store, User) == 0


def test_a_read_sees_one_snapshot_while_others_write(any_store: Store) -> None:
    with any_store.read() as session:
        before = session.scalar(select(func.count()).select_from(User))
        with any_store.write() as writing:
            writing.add(user("ada"))
        assert session.scalar(select(func.count()).select_from(User)) == before == 0
    assert count(any_store, User) == 1


def test_times_come_back_aware_and_in_utc(any_store: Store) -> None:
    local = datetime(2026, 1, 2, 5, 0, tzinfo=timezone(timedelta(hours=2)))
    with any_store.write() as session:
        session.add(user("ada", at=local))
    with any_store.read() as session:
        found = session.get_one(User, "ada").created_at
    assert found == local
    assert found.tzinfo is UTC
    assert found.hour == 3


def test_a_time_without_a_zone_is_refused(any_store: Store) -> None:
    with pytest.raises(StatementError, match="without a zone"), any_store.write() as session:
        session.add(user("ada", at=datetime(2026, 1, 2)))  # noqa: DTZ001


def test_lists_and_missing_values_survive(any_store: Store) -> None:
    with any_store.write() as session:
        session.add(
            Dataset(
                id="d", title="t", description="", category="c", licence="l", source="s", tier="public",
                labels=["contains-pii", "ö"], created_at=NOW, updated_at=NOW,
            )
        )  # fmt: skip
    with any_store.read() as session:
        found = session.get_one(Dataset, "d")
        assert found.labels == ["contains-pii", "ö"]
        assert found.active_version is None


def test_a_second_writer_waits_on_sqlite_and_then_gives_up(store: Store) -> None:
    impatient = connect(store.engine.url.render_as_string(), busy_timeout_s=0.1)
    with store.write() as session:
        session.add(user("ada"))
        session.flush()
        with pytest.raises(StoreError, match="locked"), impatient.write() as second:
            second.add(user("bob"))
    with impatient.write() as session:
        session.add(user("bob"))
    impatient.close()
    assert count(store, User) == 2


def test_writers_with_the_same_lock_take_turns(any_store: Store) -> None:
    def add_one(_: int) -> None:
        for _ in range(10):
            with any_store.write(lock="numbering") as session:
                last = session.scalar(select(func.max(LedgerNode.index)))
                session.add(LedgerNode(level=0, index=0 if last is None else last + 1, hash=b""))

    threads = [threading.Thread(target=add_one, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with any_store.read() as session:
        assert session.scalars(select(LedgerNode.index).order_by(LedgerNode.index)).all() == list(range(40))


def test_a_killed_writer_loses_nothing_it_acknowledged(any_store: Store, database_url: str) -> None:
    child = subprocess.Popen([sys.executable, "-c", WRITER, database_url], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    acknowledged = [child.stdout.readline() for _ in range(30)]
    child.send_signal(signal.SIGKILL)
    acknowledged += child.stdout.readlines()
    child.wait(timeout=10)
    child.stdout.close()
    last = max(int(line) for line in acknowledged if line.endswith("\n"))

    with any_store.read() as session:
        entries = session.scalars(select(LedgerEntry.index).order_by(LedgerEntry.index)).all()
        nodes = session.scalars(select(LedgerNode.index).order_by(LedgerNode.index)).all()
    assert entries == nodes == list(range(len(entries)))
    assert len(entries) in (last + 1, last + 2)  # the last commit may have died before it was acknowledged
    with any_store.write() as session:
        session.add(user("ada"))


def _die_in_mid_write(url: str) -> None:
    with connect(url).write() as session:
        session.add(user("half"))
        session.flush()
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_writer_killed_in_mid_write_leaves_nothing_and_blocks_nobody(any_store: Store, database_url: str) -> None:
    child = multiprocessing.get_context("spawn").Process(target=_die_in_mid_write, args=(database_url,))
    child.start()
    child.join(timeout=30)
    assert child.exitcode == -signal.SIGKILL
    with any_store.write() as session:
        session.add(user("ada"))
    with any_store.read() as session:
        assert session.scalars(select(User.name)).all() == ["ada"]


def test_numbered_rows_get_their_number(any_store: Store) -> None:
    with any_store.write() as session:
        session.add_all([LoginAttempt(name="a", address="x", at=NOW), LoginAttempt(name="b", address="x", at=NOW)])
    with any_store.read() as session:
        assert session.scalars(select(LoginAttempt.id).order_by(LoginAttempt.id)).all() == [1, 2]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("not a url", "not a SQLAlchemy URL"),
        ("mysql://host/name", "only sqlite and postgresql"),
        ("sqlite:////proc/promethios.db", "unable to open"),
        ("sqlite:////proc/new/promethios.db", "can't be made"),
    ],
)
def test_an_unusable_url_is_refused_with_the_reason(url: str, message: str) -> None:
    with pytest.raises(StoreError, match=message), connect(url).read() as session:
        session.execute(text("SELECT 1"))


def test_a_file_damaged_while_open_is_reported_as_such(store: Store, tmp_path: Path) -> None:
    store.close()
    path = tmp_path / "promethios.db"
    data = path.read_bytes()
    path.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))
    with pytest.raises(StoreError, match="malformed"), store.read() as session:
        session.execute(text("SELECT * FROM users")).all()
