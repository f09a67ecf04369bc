"""Attacks that other audit logs were measured not to notice: each on a real ledger, with and without hashes renewed."""

import hashlib
from typing import Any

import pytest
from sqlalchemy import text

from core.store.database import Store
from governance.errors import VerificationError
from governance.ledger import Ledger, build_draft, verify_ledger
from governance.ledger.merkle import CompactTree, leaf_hash, node_hash
from tests.governance.ledger.test_ledger_verify import _rewrite_hashes

DATA = {
    "decision": "deny",
    "matched_rule": "core.secrets.refuse",
    "trace_id": "trace-1",
    "session_id": "session-1",
    "outcome": "refused",
    "resource": "dataset-1",
}
EDITS = [
    pytest.param('"decision":"deny"', '"decision":"allow"', id="decision flipped"),
    pytest.param("core.secrets.refuse", "core.secrets.allowed", id="matched rule"),
    pytest.param("trace-1", "trace-2", id="trace id"),
    pytest.param("session-1", "session-2", id="session id"),
    pytest.param('"outcome":"refused"', '"outcome":"answered"', id="outcome"),
    pytest.param("dataset-1", "dataset-2", id="resource"),
]


@pytest.fixture
def sealed(ledger: Ledger, clock: Any) -> Ledger:
    for number in range(4):
        ledger.append("turn.closed", DATA | {"n": number}, turn_id=f"t{number}", agent_id="a", actor_id="u")
        clock.advance(1)
    ledger.append_many([build_draft("turn.closed", DATA | {"n": number}) for number in range(4, 10)])
    return ledger


def run(store: Store, *statements: str, **values: Any) -> None:
    with store.write() as session:
        for statement in statements:
            assert session.execute(text(statement), values).rowcount, statement  # type: ignore[attr-defined]


def assert_noticed(store: Store, ledger: Ledger, *, kept: tuple[str, ...] = ()) -> None:
    with pytest.raises(VerificationError):
        verify_ledger(store, verifier_key=ledger.key, kept=kept)


@pytest.mark.parametrize("rehash", [False, True], ids=["hashes left", "hashes renewed"])
@pytest.mark.parametrize(("old", "new"), EDITS)
def test_edited_field_of_one_entry_is_noticed(sealed: Ledger, store: Store, old: str, new: str, rehash: bool) -> None:
    edit = 'UPDATE ledger_entries SET body = replace(body, :old, :new) WHERE "index" = 6 AND instr(body, :old) > 0'
    run(store, edit, old=old, new=new)
    if rehash:
        _rewrite_hashes(store)
    assert_noticed(store, sealed)


@pytest.mark.parametrize("dropped", range(1, 11), ids=lambda n: f"the last {n}")
def test_dropped_last_entries_are_noticed(sealed: Ledger, store: Store, dropped: int) -> None:
    run(store, f'DELETE FROM ledger_entries WHERE "index" >= {10 - dropped}')
    _rewrite_hashes(store)
    assert_noticed(store, sealed)


def test_emptied_ledger_is_noticed_against_a_kept_checkpoint(sealed: Ledger, store: Store) -> None:
    kept = sealed.latest_checkpoint() or ""
    run(store, "DELETE FROM ledger_entries", "DELETE FROM ledger_nodes", "DELETE FROM ledger_checkpoints")
    assert_noticed(store, sealed, kept=(kept,))


@pytest.mark.parametrize("old", ['"n":3', '"n":7'])
def test_history_rewritten_and_hashed_anew_is_noticed(sealed: Ledger, store: Store, old: str) -> None:
    run(store, "UPDATE ledger_entries SET body = replace(body, :old, :new)", old=old, new='"n":99')
    _rewrite_hashes(store)
    assert_noticed(store, sealed)


@pytest.mark.parametrize("renumbered", [False, True], ids=["gap left", "rest renumbered"])
def test_dropped_segment_is_noticed(sealed: Ledger, store: Store, renumbered: bool) -> None:
    run(store, 'DELETE FROM ledger_entries WHERE "index" BETWEEN 3 AND 5')
    if renumbered:
        for at in range(6, 10):
            move = (
                f'UPDATE ledger_entries SET body = replace(body, :old, :new), "index" = {at - 3} WHERE "index" = {at}'
            )
            run(store, move, old=f'"index":{at}', new=f'"index":{at - 3}')
        _rewrite_hashes(store)
    assert_noticed(store, sealed)


def test_incremental_root_is_the_rebuilt_one_for_every_size_up_to_200() -> None:
    tree, leaves = CompactTree(), list[bytes]()
    for size in range(201):
        assert tree.root() == _rebuilt(leaves), size
        leaves.append(leaf_hash(b"%d" % size))
        tree.append(leaves[-1])


def _rebuilt(leaves: list[bytes]) -> bytes:
    """Return the root of RFC 6962 section 2.1, level by level: the last of an odd number moves up as it is."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    level = leaves
    while len(level) > 1:
        pairs = [hashlib.sha256(b"\x01" + a + b).digest() for a, b in zip(level[::2], level[1::2], strict=False)]
        level = pairs + level[len(level) // 2 * 2 :]
    return level[0]


def test_leaves_and_nodes_carry_the_prefixes_of_rfc_6962() -> None:
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert left == hashlib.sha256(b"\x00a").digest()
    assert node_hash(left, right) == hashlib.sha256(b"\x01" + left + right).digest()
    assert leaf_hash(left + right) != node_hash(left, right)
