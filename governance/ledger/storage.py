"""The ledger's rows in the database: what is read and written, in one place, and the lock that writers share.

Rows are given back as they lie there; whether they are true is for the callers to check.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, and_, func, insert, or_, select, text
from sqlalchemy.exc import SQLAlchemyError, StatementError

from core.errors import StoreError
from core.store.database import BUSY_TIMEOUT_S, Store
from core.store.tables import LedgerCheckpoint, LedgerEntry, LedgerNode
from governance.errors import LedgerError, VerificationError
from governance.ledger.entries import Entry, parse_body
from governance.ledger.key_history import ROTATED, KeyHistory, load_history
from governance.ledger.merkle import CompactTree, NodeId, build_proof, perfect_subtrees
from governance.ledger.notes import Checkpoint, Verifier, open_checkpoint

ENTRIES = LedgerEntry.__table__.c
ENTRY_COLUMNS = (
    ENTRIES.index,
    ENTRIES.kind,
    ENTRIES.turn_id,
    ENTRIES.agent_id,
    ENTRIES.actor_id,
    ENTRIES.at,
    ENTRIES.body,
    ENTRIES.leaf_hash,
)
NODES = LedgerNode.__table__.c
CHECKPOINTS = LedgerCheckpoint.__table__.c
_WRITER_LOCK = 0x70726F6D_6C656467  # any number that no other user of this database's advisory locks takes
# Statements are built once: for a single append, building them took longer than running them.
_HIGHEST = select(func.max(ENTRIES.index))
_HEAD = (
    select(_HIGHEST.scalar_subquery(), CHECKPOINTS.size, CHECKPOINTS.note).order_by(CHECKPOINTS.size.desc()).limit(1)
)
_INSERT_ENTRIES, _INSERT_NODES, _INSERT_CHECKPOINT = insert(LedgerEntry), insert(LedgerNode), insert(LedgerCheckpoint)


@contextmanager
def ledger_errors(what: str) -> Iterator[None]:
    """Raise a LedgerError for whatever the database reports; `what` ends the sentence "The ledger can't be ..."."""
    try:
        yield
    except StatementError as exc:  # its own text would repeat the values, so only the database's is passed on
        raise LedgerError(f"The ledger can't be {what}: {exc.orig}.") from exc
    except (SQLAlchemyError, StoreError, OSError) as exc:
        raise LedgerError(f"The ledger can't be {what}: {exc}.") from exc
    except (ValueError, TypeError) as exc:  # SQLite lets anybody put a text where a number or a time belongs
        raise LedgerError(f"The ledger can't be {what}: it holds a value of another type. Restore a backup.") from exc


@contextmanager
def write_alone(store: Store) -> Iterator[Connection]:
    """Open the ledger's only write transaction over all processes; waiting for it ends after BUSY_TIMEOUT_S."""
    with store.write() as session:
        connection = session.connection()
        if not store.is_sqlite:
            connection.execute(text("SELECT set_config('lock_timeout', :ms, true)"), {"ms": f"{BUSY_TIMEOUT_S:.0f}s"})
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _WRITER_LOCK})
        yield connection


def count_entries(connection: Connection) -> int:
    """Return one more than the highest index."""
    highest = connection.execute(_HIGHEST).scalar_one()
    return 0 if highest is None else int(highest) + 1


def read_head(connection: Connection) -> tuple[int, int, str | None]:
    """Return the number of entries, the latest checkpoint's size, and its note (0 and None without one)."""
    row = connection.execute(_HEAD).first()
    if row is None:
        return count_entries(connection), 0, None
    return (0 if row[0] is None else row[0] + 1), row[1], row[2]


def read_nodes(connection: Connection, nodes: Iterable[NodeId]) -> dict[NodeId, bytes]:
    """Return the hashes of these nodes; level 0 are the entries' leaf hashes.

    Raises:
        VerificationError: One of them is missing.
    """
    wanted = set(nodes)
    leaves = [index for level, index in wanted if level == 0]
    inner = [and_(NODES.level == level, NODES.index == index) for level, index in wanted if level]
    found: dict[NodeId, bytes] = {}
    if leaves:
        rows = connection.execute(select(ENTRIES.index, ENTRIES.leaf_hash).where(ENTRIES.index.in_(leaves)))
        found |= {(0, index): hashed for index, hashed in rows}
    if inner:
        triples = connection.execute(select(NODES.level, NODES.index, NODES.hash).where(or_(*inner)))
        found |= {(level, index): hashed for level, index, hashed in triples}
    missing = sorted(wanted - found.keys())
    if missing:
        level, index = missing[0]
        raise VerificationError(f"The ledger's tree lacks the node at level {level}, index {index}. Restore a backup.")
    return found


def read_proof(connection: Connection, parts: Sequence[Sequence[NodeId]]) -> list[bytes]:
    """Return the proof with these parts."""
    nodes = read_nodes(connection, [node for part in parts for node in part])
    return build_proof(parts, nodes=nodes)


def read_history(connection: Connection, *, trusted: str) -> KeyHistory:
    """Return the ledger's keys as its entries tell them, checked from a trusted key.

    Raises:
        VerificationError: The entries that tell them are malformed, or the trusted key is none of them.
    """
    rows = connection.execute(select(ENTRIES.body).where(ENTRIES.kind == ROTATED).order_by(ENTRIES.index)).scalars()
    return load_history(trusted, [str(parse_body(body).get("rotation")) for body in rows])


def load_tree(connection: Connection, *, verifier: Verifier) -> tuple[CompactTree, str | None]:
    """Return the tree as the database holds it, and the latest checkpoint, which must be signed over exactly it.

    Raises:
        VerificationError: Entries, tree and latest checkpoint do not fit each other, or another key signed.
    """
    entries, size, note = read_head(connection)
    if entries != size:
        raise VerificationError(
            f"The ledger holds {entries} entries, but its latest checkpoint covers {size}. Restore a backup."
        )
    if note is None:
        return CompactTree(), None
    checkpoint = open_checkpoint(note, verifier=verifier)
    peaks = perfect_subtrees(0, size)
    nodes = read_nodes(connection, peaks)
    tree = CompactTree(size, [nodes[peak] for peak in peaks])
    if checkpoint != Checkpoint(verifier.name, size, tree.root()):
        raise VerificationError(f"The checkpoint over {size} entries is signed for others. Restore a backup.")
    return tree, note


def insert_batch(
    connection: Connection,
    *,
    entries: Sequence[Mapping[str, Any]],
    nodes: Sequence[tuple[int, int, bytes]],
    checkpoint: Mapping[str, Any],
) -> None:
    """Write entries, the nodes that they complete, and the checkpoint over them."""
    connection.execute(_INSERT_ENTRIES, list(entries))
    if nodes:
        rows = [{"level": level, "index": index, "hash": hashed} for level, index, hashed in nodes]
        connection.execute(_INSERT_NODES, rows)
    connection.execute(_INSERT_CHECKPOINT, dict(checkpoint))


def read_entry(row: Sequence[Any]) -> Entry:
    """Return a row of `select(*ENTRY_COLUMNS)` as an Entry.

    Raises:
        VerificationError: Its body is no canonical JSON object.
    """
    index, kind, turn_id, agent_id, actor_id, at, body, hashed = row
    return Entry(index, kind, turn_id, agent_id, actor_id, at, parse_body(body), hashed)
