"""The content vault: what goes in comes out, erased content is gone for good, and altered content is refused."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, text

from core.store.database import Store
from governance.errors import ContentErased, InputError, LedgerError
from governance.ledger import ContentVault, Ledger, verify_ledger
from governance.ledger.vault import MAX_CONTENT_BYTES

MASTER = bytes(range(32))


def _ids() -> str:
    return str(uuid.uuid4())


@pytest.fixture
def vault(store: Store, clock: Callable[[], datetime]) -> ContentVault:
    return ContentVault(store, master_key=MASTER, clock=clock, ids=_ids)


@pytest.fixture
def any_vault(any_store: Store, clock: Callable[[], datetime]) -> ContentVault:
    return ContentVault(any_store, master_key=MASTER, clock=clock, ids=_ids)


def test_content_comes_back(any_vault: ContentVault) -> None:
    first, empty = any_vault.put_many("u1", ["naïve 🙂".encode(), b""])
    other = any_vault.put("u2", b"other")
    assert any_vault.get(first) == "naïve 🙂".encode()
    assert any_vault.get(empty) == b""
    assert any_vault.get_many([other, first, other]) == {first: "naïve 🙂".encode(), other: b"other"}
    assert any_vault.get_many([]) == {}
    assert any_vault.put_many("u3", []) == []


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=5000))
def test_any_bytes_come_back(vault: ContentVault, data: bytes) -> None:
    assert vault.get(vault.put("u1", data)) == data


def test_nothing_readable_lies_in_the_database(vault: ContentVault, store: Store, tmp_path: Path) -> None:
    vault.put_many("u1", [b"a very private sentence"] * 3)
    store.close()
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("promethios.db*"))
    assert b"private" not in stored
    with store.read() as session:
        assert len(set(session.execute(text("SELECT ciphertext FROM contents")).scalars())) == 3


def test_content_outlives_the_process(vault: ContentVault, store: Store, clock: Callable[[], datetime]) -> None:
    content_id = vault.put("u1", b"kept")
    assert ContentVault(store, master_key=MASTER, clock=clock, ids=_ids).get(content_id) == b"kept"


def test_callers_transaction_decides(any_vault: ContentVault, any_store: Store) -> None:
    with any_store.write() as session:
        kept = any_vault.put("u1", b"kept", session=session)
    with any_store.write() as session:
        lost = any_vault.put("u1", b"lost", session=session)
        session.rollback()
    assert any_vault.get(kept) == b"kept"
    with pytest.raises(InputError):
        any_vault.get(lost)


def test_erased_subject_is_gone_and_others_stay(any_vault: ContentVault, any_store: Store) -> None:
    mine, other = any_vault.put_many("u1", [b"a", b"b"]), any_vault.put("u2", b"c")
    assert any_vault.erase("u1") == 2
    for content_id in mine:
        with pytest.raises(ContentErased):
            any_vault.get(content_id)
    assert any_vault.get_many([*mine, other]) == {other: b"c"}
    with any_store.read() as session:
        rows = session.execute(text("SELECT ciphertext, nonce FROM contents WHERE subject_id = 'u1'")).all()
        key = session.execute(text("SELECT wrapped_key, erased_at FROM subject_keys WHERE subject_id = 'u1'")).one()
    assert [(bytes(ciphertext), bytes(nonce)) for ciphertext, nonce in rows] == [(b"", b"")] * 2
    assert key[0] is None
    assert key[1] is not None


def test_erased_subject_is_never_stored_again(any_vault: ContentVault) -> None:
    any_vault.put("u1", b"a")
    assert any_vault.erase("u1") == 1
    assert any_vault.erase("u1") == 0
    assert any_vault.erase("never seen") == 0
    for subject_id in ("u1", "never seen"):
        with pytest.raises(ContentErased, match="nothing of it is stored again"):
            any_vault.put(subject_id, b"again")


def test_first_erasure_keeps_its_time(vault: ContentVault, store: Store, clock: Callable[[], datetime]) -> None:
    vault.erase("u1")
    clock.advance(60)  # type: ignore[attr-defined]
    vault.erase("u1")
    with store.read() as session:
        assert session.execute(text("SELECT erased_at FROM subject_keys")).scalar_one() == "2026-01-02 03:04:05.000000"


def test_no_byte_of_an_erased_key_stays_in_the_files(vault: ContentVault, store: Store, tmp_path: Path) -> None:
    @event.listens_for(store.engine, "connect")
    def keep_deleted_bytes(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA secure_delete=OFF")  # what many builds of SQLite do unless told otherwise

    store.close()
    vault.put("u1", b"x" * 20_000)
    vault.put("u2", b"stays")
    with store.read() as session:
        wrapped = session.execute(text("SELECT wrapped_key FROM subject_keys WHERE subject_id = 'u1'")).scalar_one()
        ciphertext = session.execute(text("SELECT ciphertext FROM contents WHERE subject_id = 'u1'")).scalar_one()

    def found() -> list[bool]:
        stored = b"".join(path.read_bytes() for path in tmp_path.glob("promethios.db*"))
        return [secret in stored for secret in (wrapped, ciphertext[-100:])]

    assert found() == [True, True]
    vault.erase("u1")
    assert found() == [False, False]


def test_ledger_still_verifies_after_erasure(vault: ContentVault, ledger: Ledger, store: Store) -> None:
    content_id = vault.put("u1", b"question")
    ledger.append("turn.closed", {"content": content_id}, actor_id="u1")
    vault.erase("u1")
    verify_ledger(store, verifier_key=ledger.key, kept=[ledger.latest_checkpoint() or ""])


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE contents SET ciphertext = zeroblob(30)",
        "UPDATE contents SET nonce = zeroblob(12)",
        "UPDATE contents SET nonce = x''",
        "UPDATE contents SET ciphertext = (SELECT ciphertext FROM contents WHERE id = 'c1') WHERE id = 'c2'",
        "UPDATE contents SET id = 'c9' WHERE id = 'c2'",
        "UPDATE contents SET subject_id = 'u2' WHERE id = 'c2'",
        "UPDATE subject_keys SET wrapped_key = zeroblob(60)",
        "UPDATE subject_keys SET wrapped_key = x'00'",
    ],
)
def test_altered_content_is_refused(store: Store, clock: Callable[[], datetime], statement: str) -> None:
    names = iter(("c1", "c2", "c3"))
    vault = ContentVault(store, master_key=MASTER, clock=clock, ids=lambda: next(names))
    vault.put_many("u1", [b"first", b"second"])
    vault.put("u2", b"third")
    with store.write() as session:
        session.execute(text(statement))
    with pytest.raises(LedgerError, match="altered"):
        vault.get("c9" if "c9" in statement else "c2")


def test_wrapped_key_of_another_subject_does_not_open(vault: ContentVault, store: Store) -> None:
    mine = vault.put("u1", b"mine")
    vault.put("u2", b"other")
    with store.write() as session:
        other = "(SELECT wrapped_key FROM subject_keys WHERE subject_id = 'u2')"
        session.execute(text(f"UPDATE subject_keys SET wrapped_key = {other} WHERE subject_id = 'u1'"))
    with pytest.raises(LedgerError, match="altered"):
        vault.get(mine)
    with pytest.raises(LedgerError, match="altered"):
        vault.put("u1", b"more")


def test_another_master_key_is_refused_at_once(
    vault: ContentVault, store: Store, clock: Callable[[], datetime]
) -> None:
    vault.put("u1", b"a")
    with pytest.raises(LedgerError, match="master key is another one"):
        ContentVault(store, master_key=bytes(32), clock=clock, ids=_ids)
    with pytest.raises(LedgerError, match="has 32 bytes; found 16"):
        ContentVault(store, master_key=bytes(16), clock=clock, ids=_ids)


@pytest.mark.parametrize("subject_id", ["", "x" * 37, "a\nb", "a\x00b"])
def test_malformed_subject_is_refused(vault: ContentVault, subject_id: str) -> None:
    with pytest.raises(InputError, match="subject's id"):
        vault.put(subject_id, b"")
    with pytest.raises(InputError, match="subject's id"):
        vault.erase(subject_id)


def test_unknown_content_is_named(vault: ContentVault) -> None:
    known = vault.put("u1", b"a")
    with pytest.raises(InputError, match="unknown"):
        vault.get_many([known, "unknown"])


def test_too_long_content_is_refused(vault: ContentVault) -> None:
    with pytest.raises(InputError, match="at most"):
        vault.put("u1", b"x" * (MAX_CONTENT_BYTES + 1))


def test_id_used_twice_is_a_ledger_error(store: Store, clock: Callable[[], datetime]) -> None:
    vault = ContentVault(store, master_key=MASTER, clock=clock, ids=lambda: "same")
    vault.put("u1", b"first")
    with pytest.raises(LedgerError):
        vault.put("u1", b"second")
    assert vault.get("same") == b"first"


def test_missing_table_is_a_ledger_error(vault: ContentVault, store: Store) -> None:
    with store.write() as session:
        session.execute(text("DROP TABLE contents"))
    with pytest.raises(LedgerError):
        vault.put("u1", b"a")
    with pytest.raises(LedgerError):
        vault.get("c1")


def test_many_at_once_make_one_key(any_vault: ContentVault, any_store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda number: any_vault.put("u1", b"%d" % number), range(40)))
    assert any_vault.get_many(ids) == {content_id: b"%d" % number for number, content_id in enumerate(ids)}
    with any_store.read() as session:
        assert session.execute(text("SELECT count(*) FROM subject_keys")).scalar_one() == 1


def test_nothing_readable_is_left_when_erasing_races_with_storing(any_vault: ContentVault, any_store: Store) -> None:
    any_vault.put("u1", b"first")

    def put(_: int) -> bool:
        try:
            any_vault.put("u1", b"more")
        except ContentErased:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        outcomes = [pool.submit(put, number) for number in range(30)]
        erasing = pool.submit(any_vault.erase, "u1")
        stored = [outcome.result() for outcome in outcomes]
        erased = erasing.result()
    assert erased <= 1 + sum(stored)
    with any_store.read() as session:
        left = session.execute(text("SELECT count(*) FROM contents WHERE ciphertext <> :none"), {"none": b""})
        assert left.scalar_one() == 0
