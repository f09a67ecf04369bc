"""Every attack on a stored ledger: each is carried out on a real database, and verification must name it."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from core.store.database import Store, connect
from core.store.tables import Base
from governance.errors import LedgerError, VerificationError
from governance.ledger import Ledger, Signer, build_draft, check_ledger, verify_ledger
from governance.ledger.entries import MAX_BODY_BYTES, parse_body
from governance.ledger.merkle import EMPTY_ROOT, CompactTree, leaf_hash
from governance.ledger.notes import Checkpoint, sign_checkpoint

SIZE = 13


@pytest.fixture
def sealed(ledger: Ledger, clock: Any) -> Ledger:
    """A ledger of 13 entries, some sealed alone and some together."""
    for number in range(5):
        ledger.append("turn.closed", {"n": number}, turn_id=f"t{number}", agent_id="a", actor_id="u")
        clock.advance(1)
    ledger.append_many([build_draft("note", {"n": number}) for number in range(5, SIZE)])
    return ledger


def _run(store: Store, *statements: str, **values: Any) -> None:
    with store.write() as session:
        for statement in statements:
            session.execute(text(statement), values)


def _edit(store: Store, index: int, old: str, new: str) -> None:
    edit = 'UPDATE ledger_entries SET body = replace(body, :old, :new) WHERE "index" = :index'
    _run(store, edit, index=index, old=old, new=new)


def _refused(store: Store, ledger: Ledger, match: str, *, kept: Sequence[str] = ()) -> None:
    with pytest.raises(VerificationError, match=match):
        verify_ledger(store, verifier_key=ledger.key, kept=kept)


def _notes(store: Store) -> list[str]:
    with store.read() as session:
        return list(session.execute(text("SELECT note FROM ledger_checkpoints ORDER BY size")).scalars())


def _rewrite_hashes(store: Store) -> None:
    """Recompute leaf hashes, nodes and `index` columns from the bodies, as an attacker without the key would."""
    with store.write() as session:
        rows = session.execute(text('SELECT "index", body FROM ledger_entries ORDER BY "index"')).all()
        session.execute(text("DELETE FROM ledger_nodes"))
        tree = CompactTree()
        for index, body in rows:
            hashed = leaf_hash(body.encode())
            session.execute(
                text('UPDATE ledger_entries SET leaf_hash = :h WHERE "index" = :i'), {"h": hashed, "i": index}
            )
            for level, position, inner in tree.append(hashed):
                session.execute(
                    text("INSERT INTO ledger_nodes VALUES (:l, :i, :h)"), {"l": level, "i": position, "h": inner}
                )


def _sign_again(store: Store, signer: Signer) -> None:
    """Replace all checkpoints by one over what is there now, as whoever stole the key would."""
    with store.write() as session:
        bodies = session.execute(text('SELECT body FROM ledger_entries ORDER BY "index"')).scalars().all()
        tree = CompactTree()
        for body in bodies:
            tree.append(leaf_hash(body.encode()))
        session.execute(text("DELETE FROM ledger_checkpoints"))
        note = sign_checkpoint(Checkpoint(signer.verifier.name, tree.size, tree.root()), signer=signer)
        session.execute(
            text("INSERT INTO ledger_checkpoints SELECT :size, :note, max(at) FROM ledger_entries"),
            {"size": tree.size, "note": note},
        )


def test_untouched_ledger_verifies_against_all_its_checkpoints(sealed: Ledger, store: Store) -> None:
    verify_ledger(store, verifier_key=sealed.key, kept=_notes(store))


def test_untouched_ledger_on_any_database_verifies(any_ledger: Ledger, any_store: Store, clock: Any) -> None:
    any_ledger.append_many([build_draft("note", {"n": number}) for number in range(2500)])
    verify_ledger(any_store, verifier_key=any_ledger.key, kept=[any_ledger.latest_checkpoint() or ""])
    health = check_ledger(any_store, verifier_key=any_ledger.key, clock=clock)
    assert (health.ok, health.size, health.problem, health.checked_at) == (True, 2500, None, clock())
    assert health.root == (any_ledger.latest_checkpoint() or "").split("\n")[2]


def test_health_says_what_is_wrong(sealed: Ledger, store: Store, clock: Any) -> None:
    _edit(store, 3, '"n":3', '"n":4')
    health = check_ledger(store, verifier_key=sealed.key, clock=clock)
    assert (health.ok, health.size, health.root) == (False, None, None)
    assert "Entry 3" in (health.problem or "")


def test_health_of_an_unreadable_ledger_is_not_good(store: Store, sealed: Ledger, clock: Any) -> None:
    _run(store, "DROP TABLE ledger_entries")
    health = check_ledger(store, verifier_key=sealed.key, clock=clock)
    assert not health.ok
    assert check_ledger(store, verifier_key="no key", clock=clock).ok is False


@pytest.mark.parametrize(
    ("statement", "match"),
    [
        pytest.param('DELETE FROM ledger_entries WHERE "index" = 4', "Entry 4 is missing", id="dropped"),
        pytest.param('DELETE FROM ledger_entries WHERE "index" = 0', "Entry 0 is missing", id="first dropped"),
        pytest.param('DELETE FROM ledger_entries WHERE "index" = 12', "cut off", id="tail cut"),
        pytest.param("DELETE FROM ledger_entries", "cut off", id="emptied, checkpoints left"),
        pytest.param("UPDATE ledger_entries SET kind = 'x' WHERE \"index\" = 2", "Entry 2: its column kind", id="kind"),
        pytest.param("UPDATE ledger_entries SET turn_id = 't9' WHERE \"index\" = 2", "column turn_id", id="turn"),
        pytest.param('UPDATE ledger_entries SET agent_id = NULL WHERE "index" = 2', "column agent_id", id="agent"),
        pytest.param("UPDATE ledger_entries SET actor_id = 'x' WHERE \"index\" = 7", "column actor_id", id="actor"),
        pytest.param(
            "UPDATE ledger_entries SET at = '2026-01-02 03:04:06.000001' WHERE \"index\" = 1", "column at", id="time"
        ),
        pytest.param("UPDATE ledger_entries SET at = 'soon' WHERE \"index\" = 6", "column at", id="no time"),
        pytest.param(
            "UPDATE ledger_entries SET body = CAST(x'ff' AS TEXT) WHERE \"index\" = 9",
            "Entry 9: .*unreadable",
            id="utf8",
        ),
        pytest.param("UPDATE ledger_entries SET body = x'00' WHERE \"index\" = 9", "Entry 9", id="body a blob"),
        pytest.param("UPDATE ledger_entries SET leaf_hash = 'text' WHERE \"index\" = 9", "Entry 9", id="hash a text"),
        pytest.param(
            'UPDATE ledger_entries SET "index" = \'nine\' WHERE "index" = 9', "Entry 9 is missing", id="index"
        ),
        pytest.param('UPDATE ledger_entries SET "index" = -1 WHERE "index" = 0', "Entry 0 is missing", id="negative"),
        pytest.param(
            'UPDATE ledger_entries SET "index" = "index" + 100 WHERE "index" >= 9', "Entry 9 is missing", id="gap"
        ),
        pytest.param(
            'UPDATE ledger_nodes SET hash = zeroblob(32) WHERE level = 1 AND "index" = 3', "6 to 7", id="node"
        ),
        pytest.param("DELETE FROM ledger_nodes WHERE level = 3", "0 to 7 was altered or dropped", id="node dropped"),
        pytest.param("INSERT INTO ledger_nodes VALUES (9, 0, zeroblob(32))", "11 are stored", id="node added"),
        pytest.param("INSERT INTO ledger_nodes VALUES (-1, 0, zeroblob(32))", "11 are stored", id="node below"),
        pytest.param("DELETE FROM ledger_checkpoints WHERE size = 13", "Entry 5 and what follows", id="checkpoint cut"),
        pytest.param("DELETE FROM ledger_checkpoints", "Entry 0 and what follows", id="checkpoints dropped"),
        pytest.param(
            "UPDATE ledger_checkpoints SET size = 6 WHERE size = 5", "The checkpoint over 6", id="size column"
        ),
        pytest.param("UPDATE ledger_checkpoints SET size = 0 WHERE size = 5", "other sizes", id="size nought"),
        pytest.param("UPDATE ledger_checkpoints SET size = 99 WHERE size = 13", "cut off", id="size beyond"),
        pytest.param(
            "UPDATE ledger_checkpoints SET at = '2027-01-01 00:00:00.000000' WHERE size = 3",
            "column at",
            id="signed at",
        ),
        pytest.param("UPDATE ledger_checkpoints SET at = 'soon' WHERE size = 3", "column at", id="signed at no time"),
        pytest.param("UPDATE ledger_checkpoints SET note = 'x' WHERE size = 3", "checkpoint over 3", id="no note"),
        pytest.param(
            "UPDATE ledger_checkpoints SET note = x'00' WHERE size = 3", "checkpoint over 3", id="note a blob"
        ),
        pytest.param("UPDATE ledger_checkpoints SET size = 'four' WHERE size = 4", "other sizes", id="size a text"),
        pytest.param(
            "UPDATE ledger_checkpoints SET note = (SELECT note FROM ledger_checkpoints WHERE size = 2) WHERE size = 3",
            "checkpoint over 3 entries is signed for others",
            id="checkpoint replayed",
        ),
    ],
)
def test_altered_rows_are_named(sealed: Ledger, store: Store, statement: str, match: str) -> None:
    _run(store, statement)
    _refused(store, sealed, match)


def _flip(data: bytes, bit: int) -> bytes:
    flipped = bytearray(data)
    flipped[bit // 8] ^= 1 << bit % 8
    return bytes(flipped)


@pytest.mark.parametrize("table", ["entries", "nodes", "checkpoints"])
def test_every_flipped_bit_is_caught(ledger: Ledger, store: Store, tmp_path: Path, table: str) -> None:
    ledger.append_many([build_draft("note", {"n": number}, actor_id="u") for number in range(2)])
    places = {
        "entries": [
            ("ledger_entries", name, '"index" = 1') for name in ("body", "leaf_hash", "kind", "actor_id", "at")
        ],
        "nodes": [("ledger_nodes", "hash", "level = 1")],
        "checkpoints": [("ledger_checkpoints", "at", "size = 2")],  # test_notes flips every bit of a note
    }[table]
    with closing(sqlite3.connect(tmp_path / "promethios.db", isolation_level=None)) as raw:
        raw.execute("PRAGMA synchronous=OFF")
        for name, column, where in places:
            value, kind = raw.execute(
                f"SELECT CAST({column} AS BLOB), typeof({column}) FROM {name} WHERE {where}"
            ).fetchone()
            update = f"UPDATE {name} SET {column} = CAST(? AS {kind}) WHERE {where}"
            for bit in range(len(value) * 8):
                raw.execute(update, (_flip(value, bit),))
                with pytest.raises(VerificationError):
                    verify_ledger(store, verifier_key=ledger.key)
            raw.execute(update, (value,))
    verify_ledger(store, verifier_key=ledger.key)


def test_edited_entry_with_all_hashes_rewritten_is_caught(sealed: Ledger, store: Store) -> None:
    _edit(store, 7, '"n":7', '"n":8')
    _rewrite_hashes(store)
    _refused(store, sealed, "checkpoint over 13 entries is signed for others")


def test_edited_entry_under_its_own_checkpoint_is_named(sealed: Ledger, store: Store) -> None:
    _edit(store, 3, '"n":3', '"n":8')
    _rewrite_hashes(store)
    _refused(store, sealed, "checkpoint over 4 entries is signed for others: entry 3")


@pytest.mark.parametrize("rehash", [False, True])
def test_swapped_entries_are_caught(sealed: Ledger, store: Store, rehash: bool) -> None:
    move = 'UPDATE ledger_entries SET "index" = {} WHERE "index" = {}'
    _run(store, *(move.format(*pair) for pair in ((99, 3), (3, 4), (4, 99))))
    if rehash:
        _rewrite_hashes(store)
    _refused(store, sealed, "Entry 3: The entry says that its index is 4")


@pytest.mark.parametrize("rehash", [False, True])
def test_replayed_entry_is_caught(sealed: Ledger, store: Store, rehash: bool) -> None:
    columns = "kind, turn_id, agent_id, actor_id, at, body, leaf_hash"
    _run(
        store,
        f'INSERT INTO ledger_entries ("index", {columns}) SELECT 13, {columns} FROM ledger_entries WHERE "index" = 3',
    )
    if rehash:
        _rewrite_hashes(store)
    _refused(store, sealed, "Entry 13: The entry says that its index is 3")


def test_inserted_entry_is_caught(sealed: Ledger, store: Store) -> None:
    columns = "kind, turn_id, agent_id, actor_id, at, body, leaf_hash"
    _run(
        store,
        f'INSERT INTO ledger_entries ("index", {columns}) SELECT 13, {columns} FROM ledger_entries WHERE "index" = 12',
    )
    _edit(store, 13, '"index":12', '"index":13')
    _rewrite_hashes(store)
    _refused(store, sealed, "Entry 13 and what follows are under no checkpoint")


def test_entry_before_the_first_is_caught(sealed: Ledger, store: Store) -> None:
    columns = "kind, turn_id, agent_id, actor_id, at, body, leaf_hash"
    _run(
        store,
        f'INSERT INTO ledger_entries ("index", {columns}) SELECT -5, {columns} FROM ledger_entries WHERE "index" = 12',
    )
    _refused(store, sealed, "Entry 0 is missing: the next one in the ledger is -5")


def test_reversed_history_is_caught(sealed: Ledger, store: Store) -> None:
    _run(
        store, 'UPDATE ledger_entries SET "index" = 1000 - "index"', 'UPDATE ledger_entries SET "index" = "index" - 988'
    )
    _rewrite_hashes(store)
    _refused(store, sealed, "Entry 0: The entry says that its index is 12")


def _cut(store: Store, size: int) -> None:
    _run(
        store,
        'DELETE FROM ledger_entries WHERE "index" >= :size',
        "DELETE FROM ledger_checkpoints WHERE size > :size",
        'DELETE FROM ledger_nodes WHERE ("index" + 1) << level > :size',
        size=size,
    )


def test_tail_cut_with_its_checkpoints_shows_against_a_kept_one(sealed: Ledger, store: Store) -> None:
    kept = _notes(store)
    _cut(store, 4)
    verify_ledger(store, verifier_key=sealed.key, kept=kept[:4])  # what is left is sound in itself
    _refused(store, sealed, "ends after 4 entries, but a kept checkpoint covers 13: entry 4", kept=kept[-1:])


def test_emptied_ledger_shows_against_a_kept_checkpoint(sealed: Ledger, store: Store) -> None:
    kept = _notes(store)[:1]
    _cut(store, 0)
    verify_ledger(store, verifier_key=sealed.key)
    _refused(store, sealed, "ends after 0 entries, but a kept checkpoint covers 1", kept=kept)


def test_history_rewritten_with_the_stolen_key_shows_against_a_kept_checkpoint(
    sealed: Ledger, store: Store, signer: Signer
) -> None:
    kept = _notes(store)
    _edit(store, 2, '"n":2', '"n":9')
    _rewrite_hashes(store)
    _sign_again(store, signer)
    verify_ledger(store, verifier_key=sealed.key)
    verify_ledger(store, verifier_key=sealed.key, kept=kept[:2])
    for note in kept[2:]:
        _refused(store, sealed, "history was rewritten", kept=[note])


def test_fork_that_grew_longer_shows_against_a_kept_checkpoint(
    sealed: Ledger, store: Store, signer: Signer, clock: Any, tmp_path: Path
) -> None:
    other = connect(f"sqlite:///{tmp_path}/fork.db")
    Base.metadata.create_all(other.engine)
    fork = Ledger(other, signer=signer, clock=clock)
    fork.append_many([build_draft("note", {"fork": number}) for number in range(40)])
    verify_ledger(other, verifier_key=sealed.key)
    _refused(other, sealed, "history was rewritten", kept=[sealed.latest_checkpoint() or ""])
    two_roots = [
        fork.latest_checkpoint() or "",
        sign_checkpoint(Checkpoint(signer.verifier.name, 40, EMPTY_ROOT), signer=signer),
    ]
    _refused(other, sealed, "Kept checkpoint 2 forks", kept=two_roots)
    other.close()


def test_swapped_key_is_caught(sealed: Ledger, store: Store, other_signer: Signer) -> None:
    kept = _notes(store)[-1:]
    _sign_again(store, other_signer)
    _refused(store, sealed, "is not signed by")
    with pytest.raises(VerificationError, match=r"Kept checkpoint 1: .* is not signed by"):
        verify_ledger(store, verifier_key=other_signer.verifier.vkey(), kept=kept)


@pytest.mark.parametrize("body", ['{"v":1}', "[]", "null", "not json", '{"v":1,"v":1}', "[" * 100_000, '{"n":1e999}'])
def test_signed_nonsense_is_still_refused(ledger: Ledger, store: Store, signer: Signer, body: str) -> None:
    ledger.append("note", {})
    _run(store, "UPDATE ledger_entries SET body = :body", body=body)
    _rewrite_hashes(store)
    _sign_again(store, signer)
    _refused(store, ledger, "Entry 0: ")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param('"v":1', '"v":2', id="version"),
        pytest.param('"v":1', '"v":true', id="version a bool"),
        pytest.param('"index":0', '"index":false', id="index a bool"),
        pytest.param('"index":0', '"index":"0"', id="index a text"),
        pytest.param('"index":0', '"index":0.0', id="not canonical"),
        pytest.param('"kind":"note"', '"kind":7', id="kind a number"),
        pytest.param('"turn_id":null', '"turn_id":[]', id="id a list"),
        pytest.param('"turn_id":null', '"turn_it":null', id="id missing"),
        pytest.param('05.000Z"', '05Z"', id="another time format"),
        pytest.param("-01-02T", "-13-02T", id="no such month"),
    ],
)
def test_signed_entry_with_malformed_fields_is_still_refused(
    ledger: Ledger, store: Store, signer: Signer, old: str, new: str
) -> None:
    ledger.append("note", {})
    _run(store, "UPDATE ledger_entries SET body = replace(body, :old, :new)", old=old, new=new)
    with store.read() as session:
        assert new in session.execute(text("SELECT body FROM ledger_entries")).scalar_one()
    _rewrite_hashes(store)
    _sign_again(store, signer)
    _refused(store, ledger, "Entry 0: ")


def test_kept_checkpoint_that_is_not_genuine_is_named(sealed: Ledger, store: Store, other_signer: Signer) -> None:
    genuine = sealed.latest_checkpoint() or ""
    foreign = sign_checkpoint(Checkpoint(other_signer.verifier.name, 1, EMPTY_ROOT), signer=other_signer)
    _refused(store, sealed, "Kept checkpoint 2: ", kept=[genuine, foreign])
    _refused(store, sealed, "Kept checkpoint 1: ", kept=["nonsense"])


def test_kept_checkpoint_over_nothing_must_be_over_nothing(sealed: Ledger, store: Store, signer: Signer) -> None:
    name = signer.verifier.name
    empty = sign_checkpoint(Checkpoint(name, 0, EMPTY_ROOT), signer=signer)
    verify_ledger(store, verifier_key=sealed.key, kept=[empty, empty])
    _refused(store, sealed, "no entries", kept=[sign_checkpoint(Checkpoint(name, 0, b"x" * 32), signer=signer)])


def test_bad_entry_beyond_the_first_page_is_named(ledger: Ledger, store: Store) -> None:
    ledger.append_many([build_draft("note", {"n": number}) for number in range(2600)])
    _run(store, "UPDATE ledger_entries SET body = CAST(x'ff' AS TEXT) WHERE \"index\" = 2345")
    _refused(store, ledger, "Entry 2345: ")


def test_database_that_can_not_be_opened_is_a_ledger_error(sealed: Ledger, store: Store, tmp_path: Path) -> None:
    store.close()
    (tmp_path / "promethios.db").write_bytes(b"no database" * 1000)
    with pytest.raises(LedgerError):
        verify_ledger(store, verifier_key=sealed.key)


def test_parsed_body_is_canonical() -> None:
    assert parse_body('{"a":100000000000000000000,"b":1.5}') == {"a": 1e20, "b": 1.5}
    for bad in ('{"a": 1}', '{"b":1,"a":2}', '{"a":1.0}', '{"a":9007199254740993}', '{"a":NaN}', '"\\ud800"'):
        with pytest.raises(VerificationError):
            parse_body(bad)
    with pytest.raises(VerificationError, match="at most"):
        parse_body(" " * (MAX_BODY_BYTES + 1))
