"""Appending: what is sealed, in which order, alone and together."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from inspect import ismodule
from threading import Event, Thread
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

import governance.ledger
from core.schema import canonical_bytes
from core.store.database import Store
from governance.errors import LedgerError
from governance.ledger import Ledger, Signer, build_draft, verify_ledger
from governance.ledger.entries import MAX_BODY_BYTES, parse_body
from governance.ledger.merkle import leaf_hash
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
