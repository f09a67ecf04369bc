"""Appending and reading: what is sealed, in which order, and what happens when the database can't be written."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from inspect import ismodule
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, text

import governance.ledger
from core.schema import canonical_bytes
from core.store.database import Store
from core.store.migrate import open_store
from governance.errors import InputError, LedgerError, VerificationError
from governance.ledger import Ledger, Signer, build_draft, verify_ledger
from governance.ledger.entries import MAX_BODY_BYTES, parse_body
from governance.ledger.merkle import leaf_hash, verify_consistency
from governance.ledger.notes import open_checkpoint

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=12,
)


def test_package_lists_what_it_exposes() -> None:
    exposed = {name for name, value in vars(governance.ledger).items() if name[0] != "_" and not ismodule(value)}
    assert exposed == set(governance.ledger.__all__)


def _verify(ledger: Ledger, store: Store) -> None:
    verify_ledger(store, verifier_key=ledger.key)


def test_first_entry_is_sealed_durably(any_ledger: Ledger, any_store: Store, clock: Any) -> None:
    sealed = any_ledger.append("turn.opened", {"request": "sha256:ab"}, turn_id="t1", agent_id="a1", actor_id="u1")
    entry = any_ledger.entry(0)
    assert (sealed.index, sealed.at, sealed.leaf_hash) == (0, clock(), entry.leaf_hash)
    assert entry.body == {
        "v": 1,
        "kind": "turn.opened",
        "index": 0,
        "at": "2026-01-02T03:04:05.000Z",
        "turn_id": "t1",
        "agent_id": "a1",
        "actor_id": "u1",
        "request": "sha256:ab",
    }
    assert (entry.kind, entry.turn_id, entry.agent_id, entry.actor_id) == ("turn.opened", "t1", "a1", "u1")
    assert entry.at == clock()
    assert entry.leaf_hash == leaf_hash(canonical_bytes(entry.body))
    _verify(any_ledger, any_store)


def test_time_is_cut_to_milliseconds_and_turned_to_utc(ledger: Ledger, store: Store, signer: Signer) -> None:
    at = datetime(2026, 5, 1, 12, 0, 0, 123999, tzinfo=UTC).astimezone(tz=None)
    sealed = Ledger(store, signer=signer, clock=lambda: at).append("note", {})
    assert sealed.at == datetime(2026, 5, 1, 12, 0, 0, 123000, tzinfo=UTC)
    assert ledger.entry(0).body["at"] == "2026-05-01T12:00:00.123Z"
    _verify(ledger, store)


def test_empty_ledger_has_no_checkpoint_and_verifies(any_ledger: Ledger, any_store: Store) -> None:
    assert any_ledger.size() == 0
    assert any_ledger.latest_checkpoint() is None
    assert any_ledger.entries() == []
    assert any_ledger.append_many([]) == []
    _verify(any_ledger, any_store)


def test_every_append_is_under_a_checkpoint(ledger: Ledger, signer: Signer) -> None:
    for size in range(1, 20):
        ledger.append("note", {"n": size})
        note = ledger.latest_checkpoint()
        assert note is not None
        assert open_checkpoint(note, verifier=signer.verifier).size == size


def test_many_are_sealed_next_to_each_other(any_ledger: Ledger, any_store: Store) -> None:
    any_ledger.append("note", {})
    sealed = any_ledger.append_many([build_draft("note", {"n": number}) for number in range(50)])
    assert [one.index for one in sealed] == list(range(1, 51))
    assert [entry.body["n"] for entry in any_ledger.entries(after=0)] == list(range(50))
    _verify(any_ledger, any_store)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), JSON, max_size=5))
def test_any_json_body_reads_as_written_and_verifies(ledger: Ledger, store: Store, body: dict[str, Any]) -> None:
    taken = {"v", "kind", "index", "at", "turn_id", "agent_id", "actor_id"}
    body = {name: value for name, value in body.items() if name not in taken}
    sealed = ledger.append("note", body)
    read = ledger.entry(sealed.index).body
    assert {name: value for name, value in read.items() if name not in taken} == body
    assert canonical_bytes(read) == canonical_bytes({**read, **body})
    _verify(ledger, store)


def test_names_are_ordered_by_utf16_code_units(ledger: Ledger, store: Store) -> None:
    # U+1F600 sorts before U+FB33 by UTF-16 code units and after it by code points (RFC 8785, section 3.2.3).
    ledger.append("note", {"\ufb33": 1, "\U0001f600": 2, "\u20ac": 3})
    with store.read() as session:
        body = session.execute(text("SELECT body FROM ledger_entries")).scalar_one()
    assert body.index("\u20ac") < body.index("\U0001f600") < body.index("\ufb33")
    assert parse_body(body) == json.loads(body)


@pytest.mark.parametrize(
    ("kind", "body", "ids"),
    [
        pytest.param("", {}, {}, id="no kind"),
        pytest.param("Turn", {}, {}, id="upper case kind"),
        pytest.param("x" * 41, {}, {}, id="long kind"),
        pytest.param("turn\n", {}, {}, id="kind with newline"),
        pytest.param("note", {"index": 3}, {}, id="own field"),
        pytest.param("note", {"at": "now"}, {}, id="own time"),
        pytest.param("note", {"n": float("nan")}, {}, id="not a number"),
        pytest.param("note", {"n": 2**53}, {}, id="beyond a double"),
        pytest.param("note", {"n": b"bytes"}, {}, id="bytes"),
        pytest.param("note", {"n": {1: 2}}, {}, id="name not text"),
        pytest.param("note", {3: 2}, {}, id="top name not text"),
        pytest.param("note", {"n": "\ud800"}, {}, id="surrogate"),
        pytest.param("note", {"n": object()}, {}, id="object"),
        pytest.param("note", {"n": "x" * MAX_BODY_BYTES}, {}, id="too long"),
        pytest.param("note", {}, {"turn_id": ""}, id="empty id"),
        pytest.param("note", {}, {"agent_id": "x" * 37}, id="long id"),
        pytest.param("note", {}, {"actor_id": "a\x00b"}, id="control character in id"),
    ],
)
def test_what_no_entry_can_hold_is_refused(ledger: Ledger, kind: str, body: Any, ids: dict[str, str]) -> None:
    with pytest.raises(LedgerError):
        ledger.append(kind, body, **ids)
    assert ledger.size() == 0


def test_deeply_nested_body_is_refused(ledger: Ledger) -> None:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    with pytest.raises(LedgerError):
        ledger.append("note", {"n": nested})


def test_longest_entry_verifies(ledger: Ledger, store: Store) -> None:
    ledger.append("note", {"n": "x" * (MAX_BODY_BYTES - 300)})
    _verify(ledger, store)


def test_one_callers_bad_entry_spoils_nobody_elses(ledger: Ledger) -> None:
    def append(number: int) -> bool:
        try:
            ledger.append("note", {"n": number if number % 3 else float("inf")})
        except LedgerError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(append, range(60)))
    assert outcomes == [number % 3 != 0 for number in range(60)]
    assert ledger.size() == 40


def _fill(ledger: Ledger, clock: Any) -> None:
    for number in range(12):
        ids = {"turn_id": f"t{number // 2}", "agent_id": f"a{number % 3}", "actor_id": None if number % 4 else "u"}
        ledger.append("turn.closed" if number % 2 else "turn.opened", {"n": number}, **ids)
        clock.advance(60)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        pytest.param({}, list(range(12)), id="all"),
        pytest.param({"newest_first": True, "limit": 3}, [11, 10, 9], id="newest"),
        pytest.param({"after": 4, "limit": 2}, [5, 6], id="next page"),
        pytest.param({"after": 4, "limit": 2, "newest_first": True}, [3, 2], id="next page, newest first"),
        pytest.param({"kinds": ["turn.closed"]}, [1, 3, 5, 7, 9, 11], id="kind"),
        pytest.param({"kinds": []}, [], id="no kind"),
        pytest.param({"kinds": ["turn.closed", "turn.opened"], "limit": 2}, [0, 1], id="kinds"),
        pytest.param({"agent_id": "a1"}, [1, 4, 7, 10], id="agent"),
        pytest.param({"turn_id": "t2"}, [4, 5], id="turn"),
        pytest.param({"actor_id": "u"}, [0, 4, 8], id="actor"),
        pytest.param({"actor_id": "nobody"}, [], id="nobody"),
        pytest.param({"since": 180, "until": 300}, [3, 4], id="time"),
    ],
)
def test_entries_are_found(any_ledger: Ledger, clock: Any, asked: dict[str, Any], expected: list[int]) -> None:
    start = clock()
    _fill(any_ledger, clock)
    times = {name: start + timedelta(seconds=asked[name]) for name in ("since", "until") if name in asked}
    assert [entry.index for entry in any_ledger.entries(**{**asked, **times})] == expected


def test_unknown_entry_is_named(ledger: Ledger) -> None:
    ledger.append("note", {})
    for index in (1, -1, 10**6):
        with pytest.raises(InputError, match=f"no entry {index}"):
            ledger.entry(index)
        with pytest.raises(InputError, match=f"no entry {index}"):
            ledger.receipt(index)


def test_naive_time_is_refused_in_a_query(ledger: Ledger) -> None:
    with pytest.raises(LedgerError):
        ledger.entries(since=datetime(2026, 1, 1))  # noqa: DTZ001 a naive time is what is tested


def test_consistency_proofs_hold_between_all_checkpoints(ledger: Ledger, signer: Signer) -> None:
    roots = {}
    for size in range(1, 18):
        ledger.append("note", {"n": size})
        roots[size] = open_checkpoint(ledger.latest_checkpoint() or "", verifier=signer.verifier).root
    for old in range(1, 18):
        proof = ledger.consistency_proof(old)
        verify_consistency(old_size=old, old_root=roots[old], size=17, root=roots[17], proof=proof)
    for old in (0, 18):
        with pytest.raises(InputError):
            ledger.consistency_proof(old)


def test_threads_share_one_order_without_gaps(any_ledger: Ledger, any_store: Store) -> None:
    def append(thread: int) -> list[int]:
        return [any_ledger.append("note", {"thread": thread, "n": number}).index for number in range(25)]

    with ThreadPoolExecutor(8) as pool:
        indexes = list(pool.map(append, range(8)))
    assert sorted(index for own in indexes for index in own) == list(range(200))
    assert all(own == sorted(own) for own in indexes)
    for thread, own in enumerate(indexes):
        assert [any_ledger.entry(index).body["thread"] for index in own[:3]] == [thread] * 3
    _verify(any_ledger, any_store)


def test_waiting_appends_share_one_transaction(store: Store, signer: Signer, clock: Any) -> None:
    started, go_on = Event(), Event()

    def slow_clock() -> datetime:
        started.set()
        assert go_on.wait(10)
        now: datetime = clock()
        return now

    ledger = Ledger(store, signer=signer, clock=slow_clock)
    threads = [Thread(target=ledger.append, args=("note", {"n": number})) for number in range(9)]
    threads[0].start()
    assert started.wait(10)
    for thread in threads[1:]:
        thread.start()
    time.sleep(0.3)  # they queue behind the first, which stands still
    go_on.set()
    for thread in threads:
        thread.join()
    with store.read() as session:
        sizes = session.execute(text("SELECT size FROM ledger_checkpoints ORDER BY size")).scalars().all()
    assert sizes[0] == 1
    assert sizes[-1] == 9
    assert len(sizes) < 9


def test_two_ledgers_on_one_database_take_turns(any_store: Store, signer: Signer, clock: Any) -> None:
    first, second = (Ledger(any_store, signer=signer, clock=clock) for _ in range(2))
    for number in range(20):
        assert (first if number % 3 else second).append("note", {}).index == number
    _verify(first, any_store)


def test_closed_ledger_refuses(ledger: Ledger) -> None:
    ledger.append("note", {})
    ledger.close()
    with pytest.raises(LedgerError, match="is closed"):
        ledger.append("note", {})
    assert ledger.size() == 1


def _on_connect(store: Store, pragma: str) -> None:
    @event.listens_for(store.engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        connection.execute(f"PRAGMA {pragma}")

    store.engine.dispose()


def test_read_only_database_is_refused_and_works_again(ledger: Ledger, store: Store) -> None:
    ledger.append("note", {})
    _on_connect(store, "query_only=ON")
    with pytest.raises(LedgerError, match="readonly"):
        ledger.append("note", {})
    _on_connect(store, "query_only=OFF")
    assert ledger.append("note", {}).index == 1
    _verify(ledger, store)


def test_locked_database_is_refused_and_works_again(ledger: Ledger, store: Store) -> None:
    _on_connect(store, "busy_timeout=50")
    with store.write(), pytest.raises(LedgerError, match="locked"):
        ledger.append("note", {})
    assert ledger.append("note", {}).index == 0


@pytest.mark.slow
def test_locked_postgresql_is_refused_and_works_again(postgres_url: str, signer: Signer, clock: Any) -> None:
    store = open_store(f"{postgres_url}/postgres")
    ledger = Ledger(store, signer=signer, clock=clock)
    with store.write() as session:
        session.execute(text("LOCK TABLE ledger_entries IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(LedgerError, match="lock timeout"):
            ledger.append("note", {})
    assert ledger.append("note", {}).index == 0
    store.close()


def test_failed_batch_tells_every_caller(ledger: Ledger, store: Store) -> None:
    _on_connect(store, "query_only=ON")
    problems = []

    def append(_: int) -> None:
        try:
            ledger.append("note", {})
        except LedgerError as exc:
            problems.append(str(exc))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(append, range(30)))
    assert len(problems) == 30
    assert all("readonly" in problem for problem in problems)


def test_failing_clock_frees_those_who_wait(store: Store, signer: Signer) -> None:
    def clock() -> datetime:
        raise RuntimeError("no clock")

    ledger = Ledger(store, signer=signer, clock=clock)
    outcomes = []

    def append(_: int) -> None:
        try:
            ledger.append("note", {})
        except (RuntimeError, LedgerError) as exc:
            outcomes.append(type(exc))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(append, range(12)))
    assert len(outcomes) == 12


def test_missing_table_is_a_ledger_error(store: Store, signer: Signer, clock: Any) -> None:
    with store.write() as session:
        session.execute(text("DROP TABLE ledger_checkpoints"))
    with pytest.raises(LedgerError, match="no such table"):
        Ledger(store, signer=signer, clock=clock)


def test_another_key_can_not_open_the_ledger(ledger: Ledger, store: Store, other_signer: Signer, clock: Any) -> None:
    ledger.append("note", {})
    with pytest.raises(VerificationError, match="is not signed by"):
        Ledger(store, signer=other_signer, clock=clock)


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param('DELETE FROM ledger_entries WHERE "index" = 4', id="tail cut"),
        pytest.param("DELETE FROM ledger_checkpoints WHERE size = 5", id="checkpoint cut"),
        pytest.param("UPDATE ledger_nodes SET hash = zeroblob(32) WHERE level = 2", id="node altered"),
        pytest.param("DELETE FROM ledger_nodes WHERE level = 2", id="node dropped"),
        pytest.param('UPDATE ledger_entries SET leaf_hash = zeroblob(32) WHERE "index" = 4', id="leaf altered"),
        pytest.param(
            "UPDATE ledger_checkpoints SET note = (SELECT note FROM ledger_checkpoints WHERE size = 4) WHERE size = 5",
            id="checkpoint replayed",
        ),
    ],
)
def test_nothing_is_signed_on_top_of_an_altered_ledger(
    ledger: Ledger, store: Store, signer: Signer, clock: Any, statement: str
) -> None:
    for number in range(5):
        ledger.append("note", {"n": number})
    with store.write() as session:
        session.execute(text(statement))
    with pytest.raises(VerificationError):
        Ledger(store, signer=signer, clock=clock)


@pytest.mark.parametrize(
    "statement",
    [
        'UPDATE ledger_entries SET "index" = \'two\' WHERE "index" = 2',
        "UPDATE ledger_entries SET leaf_hash = 'text'",
        "UPDATE ledger_checkpoints SET size = 'three' WHERE size = 3",
        "UPDATE ledger_checkpoints SET note = x'00'",
        "UPDATE ledger_nodes SET hash = 'text'",
        "UPDATE ledger_entries SET at = 'soon'",
        "UPDATE ledger_entries SET body = x'00'",
    ],
)
def test_values_of_other_types_are_ledger_errors(
    ledger: Ledger, store: Store, signer: Signer, clock: Any, statement: str
) -> None:
    for number in range(3):
        ledger.append("note", {"n": number})
    with store.write() as session:
        session.execute(text(statement))
    attempts = (
        lambda: Ledger(store, signer=signer, clock=clock),
        lambda: ledger.append("note", {}),
        lambda: ledger.receipt(2),
        lambda: ledger.receipt(0),
        lambda: ledger.entries(),
    )
    refused = 0
    for attempt in attempts:
        try:
            attempt()
        except (LedgerError, InputError):
            refused += 1
    assert refused


def test_history_that_goes_back_under_an_open_ledger_is_not_continued(
    ledger: Ledger, store: Store, signer: Signer, clock: Any
) -> None:
    ledger.append("note", {"n": 0})
    ledger.append("note", {"n": 1})
    with store.write() as session:
        for table, column, value in (("entries", "index", 1), ("checkpoints", "size", 2), ("nodes", "level", 1)):
            session.execute(text(f'DELETE FROM ledger_{table} WHERE "{column}" = {value}'))
    with pytest.raises(VerificationError, match="cut off"):
        ledger.append("note", {"n": 2})
    # Somebody who opens it afresh knows nothing of the cut, and forks: the older one must notice that as well.
    fresh = Ledger(store, signer=signer, clock=clock)
    for number in range(4):
        fresh.append("note", {"n": 10 + number})
    with pytest.raises(VerificationError, match="forked"):
        ledger.append("note", {"n": 2})


def test_history_replaced_under_an_open_ledger_is_not_continued(
    ledger: Ledger, store: Store, signer: Signer, clock: Any
) -> None:
    ledger.append("note", {"n": 0})
    with store.write() as session:
        session.execute(text("DELETE FROM ledger_entries"))
        session.execute(text("DELETE FROM ledger_checkpoints"))
    Ledger(store, signer=signer, clock=clock).append("note", {"n": 1})
    with pytest.raises(VerificationError, match="forked"):
        ledger.append("note", {"n": 2})


_FULL_DISK = """
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from resource import RLIM_INFINITY, RLIMIT_FSIZE, getrlimit, setrlimit
from core.store.migrate import open_store
from governance.errors import LedgerError
from governance.ledger import Ledger, load_signer, verify_ledger

folder, limited = Path(sys.argv[1]), sys.argv[2] == "limited"
store = open_store(f"sqlite:///{folder}/full.db")
ledger = Ledger(store, signer=load_signer(folder), clock=lambda: datetime.now(UTC))
ledger.append("note", {"n": 0})
ballast = folder / "ballast"
if limited:
    setrlimit(RLIMIT_FSIZE, (400_000, RLIM_INFINITY))
else:
    try:
        with ballast.open("wb") as file:
            while True:
                file.write(b"x" * 4096)
                file.flush()
    except OSError:
        pass
written = 1
try:
    for number in range(5000):
        ledger.append("note", {"n": number, "filler": "x" * 5000})
        written += 1
    sys.exit("the disk was never full")
except LedgerError as exc:
    print(exc)
if limited:
    setrlimit(RLIMIT_FSIZE, (RLIM_INFINITY, RLIM_INFINITY))
else:
    ballast.unlink()
assert ledger.append("note", {"after": True}).index == written, "an index was skipped or used again"
verify_ledger(store, verifier_key=ledger.key, kept=[ledger.latest_checkpoint()])
assert ledger.size() == written + 1
"""


def _run_until_full(folder: Path, how: str) -> str:
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", _FULL_DISK, folder, how],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_file_that_can_not_grow_is_refused_and_the_ledger_goes_on_later(tmp_path: Path) -> None:
    assert "can't be written" in _run_until_full(tmp_path, "limited")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small tmpfs needs root and the right to mount")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_full_disk_is_refused_and_the_ledger_goes_on_later(small_disk: Path) -> None:
    assert "full" in _run_until_full(small_disk, "disk")
