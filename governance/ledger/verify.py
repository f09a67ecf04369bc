"""Verification of a whole ledger: everything is recomputed from the entries' text and held against what is signed.

A tail that was cut off together with its checkpoints, and a history that the key's holder rewrote, show only against
checkpoints that were kept elsewhere: keep some, and pass them as `kept`.
"""

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, String, and_, func, or_, select, type_coerce
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql import Executable

from core.store.database import Store
from governance.errors import LedgerError, VerificationError
from governance.ledger.entries import ID_FIELDS, parse_body, parse_time, verify_fields
from governance.ledger.key_history import ROTATED, KeyHistory
from governance.ledger.merkle import EMPTY_ROOT, CompactTree, NodeId, leaf_hash
from governance.ledger.notes import Checkpoint
from governance.ledger.storage import CHECKPOINTS, ENTRIES, NODES, ledger_errors, read_history

PAGE = 500
_BEFORE_FIRST = -(2**63)
_SQLITE_TIME = "%Y-%m-%d %H:%M:%S.%f"
# Times are read as SQLite's text where they are text: a form that only reads as the same would sort elsewhere.
_COLUMNS = (
    ENTRIES.index,
    ENTRIES.kind,
    ENTRIES.turn_id,
    ENTRIES.agent_id,
    ENTRIES.actor_id,
    type_coerce(ENTRIES.at, String),
    ENTRIES.body,
    ENTRIES.leaf_hash,
)


@dataclass(frozen=True, slots=True)
class LedgerHealth:
    """The outcome of a verification, for screens.

    Attributes:
        size: Number of entries; None when the ledger does not verify.
        root: The root over them, in base64 as checkpoints write it; None when the ledger does not verify.
        problem: What is wrong, naming the first bad entry where one is to blame; None when all is well.
    """

    ok: bool
    size: int | None
    root: str | None
    checked_at: datetime
    problem: str | None


class Walk:
    """Goes over the entries' texts in order, recomputes the tree, and holds kept checkpoints against it."""

    def __init__(self, *, history: KeyHistory, kept: Sequence[str]) -> None:
        """Start before the first entry.

        Raises:
            VerificationError: A kept checkpoint is malformed, or signed by none of these keys, or two contradict.
        """
        self.tree = CompactTree()
        self._rotations = {rotation.size: rotation.note for rotation in history.rotations}
        self._kept: dict[int, Checkpoint] = {}
        for number, note in enumerate(kept, start=1):
            with_number = f"Kept checkpoint {number}"
            try:
                checkpoint = history.open_checkpoint(note)
            except VerificationError as exc:
                raise VerificationError(f"{with_number}: {exc}") from exc
            if self._kept.setdefault(checkpoint.size, checkpoint) != checkpoint:
                raise VerificationError(f"{with_number} forks from another kept one over {checkpoint.size} entries.")
        empty = self._kept.pop(0, None)
        if empty is not None and empty.root != EMPTY_ROOT:
            raise VerificationError("A kept checkpoint over no entries has a root that is not the empty tree's.")

    def take(self, text: str) -> tuple[dict[str, Any], list[tuple[int, int, bytes]]]:
        """Take the next entry; return its body and the inner nodes that it completes.

        Raises:
            VerificationError: The entry is malformed, belongs elsewhere, or contradicts a kept checkpoint.
        """
        index = self.tree.size
        try:
            body = parse_body(text)
            verify_fields(body, index=index)
            self._verify_rotation(body, index=index)
        except VerificationError as exc:
            raise VerificationError(f"Entry {index}: {exc}") from exc
        completed = self.tree.append(leaf_hash(text.encode()))
        kept = self._kept.pop(self.tree.size, None)
        if kept is not None and kept.root != self.tree.root():
            raise VerificationError(
                f"Entries 0 to {index} are not those of the kept checkpoint over {kept.size}: history was rewritten."
            )
        return body, completed

    def finish(self) -> None:
        """Say that there are no more entries.

        Raises:
            VerificationError: A kept checkpoint covers more, or a key was rotated that no entry tells of.
        """
        if self._kept:
            raise VerificationError(
                f"The ledger ends after {self.tree.size} entries, but a kept checkpoint covers {max(self._kept)}: "
                f"entry {self.tree.size} and what followed were cut off."
            )
        if self._rotations:
            raise VerificationError(f"The key was rotated at entry {min(self._rotations)}, which the ledger lacks.")

    def _verify_rotation(self, body: Mapping[str, Any], *, index: int) -> None:
        expected = self._rotations.pop(index, None)
        if (body["kind"] == ROTATED or expected is not None) and body.get("rotation") != expected:
            raise VerificationError("It and the history of the ledger's keys tell different rotations.")


def verify_ledger(store: Store, *, verifier_key: str, kept: Sequence[str] = ()) -> None:
    """Check every entry, node and checkpoint of a ledger, in bounded memory and one snapshot.

    Args:
        store: The database.
        verifier_key: A public key's text form, from a source that is trusted; after rotations any of the ledger's keys.
        kept: Checkpoints that were kept outside of the database.

    Raises:
        VerificationError: The ledger does not verify; the message names the first bad entry and what is wrong.
        LedgerError: The database can't be read.
    """
    _verify(store, trusted=verifier_key, kept=kept)


def check_ledger(
    store: Store, *, verifier_key: str, clock: Callable[[], datetime], kept: Sequence[str] = ()
) -> LedgerHealth:
    """Return the outcome of `verify_ledger` as a value."""
    try:
        tree = _verify(store, trusted=verifier_key, kept=kept)
    except LedgerError as exc:
        return LedgerHealth(ok=False, size=None, root=None, checked_at=clock(), problem=str(exc))
    root = base64.b64encode(tree.root()).decode("ascii")
    return LedgerHealth(ok=True, size=tree.size, root=root, checked_at=clock(), problem=None)


def _verify(store: Store, *, trusted: str, kept: Sequence[str]) -> CompactTree:
    with ledger_errors("read"), store.read() as session:
        connection = session.connection()
        history = read_history(connection, trusted=trusted)
        walk = Walk(history=history, kept=kept)
        checkpoints = 0
        while True:
            # 1. Each entry: without gaps, its text as hashed, its columns as its text says.
            # 2. Each checkpoint: signed by the key, over exactly the entries so far.
            page = _read_page(connection, after=walk.tree.size - 1 if walk.tree.size else _BEFORE_FIRST)
            if not page:
                break
            checkpoints += _verify_page(connection, page, walk=walk, history=history)
        # 3. Nothing is left over: no checkpoint over more, no node that no entries complete, nothing kept that is gone.
        walk.finish()
        _verify_counts(connection, size=walk.tree.size, checkpoints=checkpoints)
    return walk.tree


def _verify_page(connection: Connection, page: Sequence[Sequence[Any]], *, walk: Walk, history: KeyHistory) -> int:
    """Verify some entries with the nodes and checkpoints that end among them; return the number of checkpoints."""
    begin = walk.tree.size
    notes = _read_checkpoints(connection, begin, begin + len(page))
    nodes: dict[NodeId, bytes] = {}
    verified = 0
    for row in page:
        at, completed = _verify_entry(row, walk=walk)
        nodes |= {(level, index): hashed for level, index, hashed in completed}
        note = notes.get(walk.tree.size)
        if note is not None:
            _verify_checkpoint(*note, tree=walk.tree, sealed_at=at, history=history)
            verified += 1
    _verify_nodes(connection, nodes, begin=begin, end=walk.tree.size)
    return verified


def _verify_entry(row: Sequence[Any], *, walk: Walk) -> tuple[datetime, list[tuple[int, int, bytes]]]:
    """Verify an entry; return its time and the nodes that it completes."""
    index, kind, turn_id, agent_id, actor_id, stored_at, text, hashed = row
    expected = walk.tree.size
    if index != expected:
        raise VerificationError(f"Entry {expected} is missing: the next one in the ledger is {index!r:.40}.")
    if not isinstance(text, str) or leaf_hash(text.encode()) != hashed:
        raise VerificationError(f"Entry {index}: its text or its leaf hash was altered; they do not fit each other.")
    body, completed = walk.take(text)
    columns = {"kind": kind, "turn_id": turn_id, "agent_id": agent_id, "actor_id": actor_id}
    for name in ("kind", *ID_FIELDS):
        if columns[name] != body[name]:
            raise VerificationError(f"Entry {index}: its column {name} is not what its text says.")
    at = parse_time(body["at"])
    if not _is_time(stored_at, at):
        raise VerificationError(f"Entry {index}: its column at is not what its text says.")
    return at, completed


def _is_time(stored: object, expected: datetime) -> bool:
    return stored == (expected.strftime(_SQLITE_TIME) if isinstance(stored, str) else expected)


def _verify_checkpoint(note: str, at: object, *, tree: CompactTree, sealed_at: datetime, history: KeyHistory) -> None:
    try:
        checkpoint = history.open_checkpoint(note)
    except VerificationError as exc:
        raise VerificationError(f"The checkpoint over {tree.size} entries: {exc}") from exc
    if checkpoint != Checkpoint(checkpoint.origin, tree.size, tree.root()):
        raise VerificationError(
            f"The checkpoint over {tree.size} entries is signed for others: entry {tree.size - 1} or one since the "
            "checkpoint before was altered, and its hashes with it."
        )
    if not _is_time(at, sealed_at):
        raise VerificationError(f"The checkpoint over {tree.size} entries: its column at is not its last entry's.")


def _verify_nodes(connection: Connection, nodes: Mapping[NodeId, bytes], *, begin: int, end: int) -> None:
    """Check the stored nodes that the entries begin..end-1 complete."""
    levels = range(1, end.bit_length())
    ranges = [and_(NODES.level == level, NODES.index >= begin >> level, NODES.index < end >> level) for level in levels]
    if not ranges:
        return
    rows = _read(connection, select(NODES.level, NODES.index, NODES.hash).where(or_(*ranges)))
    stored = {(level, index): hashed for level, index, hashed in rows}
    for (level, index), hashed in nodes.items():
        if stored.get((level, index)) != hashed:
            last = ((index + 1) << level) - 1
            raise VerificationError(f"The tree's node over entries {index << level} to {last} was altered or dropped.")


def _verify_counts(connection: Connection, *, size: int, checkpoints: int) -> None:
    counted = select(func.count(), func.max(CHECKPOINTS.size))
    ((stored, latest),) = _read(connection, counted)
    if stored != checkpoints or (latest or 0) != size:
        if latest is None or (isinstance(latest, int) and latest < size):
            raise VerificationError(
                f"Entry {latest or 0} and what follows are under no checkpoint: they were inserted."
            )
        raise VerificationError(
            f"The ledger ends after {size} entries, but checkpoints over other sizes exist, up to {latest!r:.40}: "
            f"entry {size} and what followed were cut off."
        )
    ((nodes,),) = _read(connection, select(func.count()).select_from(NODES.level.table))
    expected = size - size.bit_count()
    if nodes != expected:
        raise VerificationError(f"A tree over {size} entries has {expected} inner nodes; {nodes} are stored.")


def _read_checkpoints(connection: Connection, begin: int, end: int) -> dict[int, tuple[str, object]]:
    query = select(CHECKPOINTS.size, CHECKPOINTS.note, type_coerce(CHECKPOINTS.at, String))
    rows = _read(connection, query.where(CHECKPOINTS.size > begin, CHECKPOINTS.size <= end))
    return {size: (note, at) for size, note, at in rows}


def _read_page(connection: Connection, *, after: int) -> Sequence[Sequence[Any]]:
    """Return the next entries; name the first that can't even be read, such as one that is no longer UTF-8."""
    query = select(*_COLUMNS).where(ENTRIES.index > after).order_by(ENTRIES.index)
    try:
        return _read(connection, query.limit(PAGE))
    except VerificationError as exc:
        readable, unreadable = 0, PAGE
        while unreadable - readable > 1:
            middle = (readable + unreadable) // 2
            try:
                _read(connection, query.limit(middle))
                readable = middle
            except VerificationError:
                unreadable = middle
        raise VerificationError(f"Entry {max(after, -1) + unreadable}: {exc}") from exc


def _read(connection: Connection, query: Executable) -> Sequence[Sequence[Any]]:
    try:
        rows: Iterable[Sequence[Any]] = connection.execute(query).all()
    except (SQLAlchemyError, ValueError, TypeError) as exc:
        reason = getattr(exc, "orig", None) or type(exc).__name__
        raise VerificationError(f"The database holds something unreadable there ({reason}).") from exc
    return list(rows)
