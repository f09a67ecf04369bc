"""The ledger: append-only, durable when `append` returns, one order over all threads and processes.

Whoever appends while another batch is being written joins the next batch, so that many share one transaction, one
fsync and one signature, and a lone append waits for nobody. It can't be appended to from inside another write
transaction of the same SQLite database: that one holds the only write lock.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Condition
from typing import Any

from sqlalchemy import Connection, select

from core.store.database import Store
from governance.errors import InputError, LedgerError
from governance.ledger.entries import Draft, Entry, Sealed, build_draft, render_body
from governance.ledger.merkle import CompactTree, consistency_parts, inclusion_parts, leaf_hash, verify_consistency
from governance.ledger.notes import Checkpoint, Signer, open_checkpoint, sign_checkpoint
from governance.ledger.receipts import build_receipt
from governance.ledger.storage import (
    ENTRIES,
    ENTRY_COLUMNS,
    count_entries,
    insert_batch,
    ledger_errors,
    load_tree,
    read_entry,
    read_head,
    read_proof,
    write_alone,
)


@dataclass(slots=True)
class _Ticket:
    """One caller's drafts on their way through a batch."""

    drafts: Sequence[Draft]
    sealed: list[Sealed] = field(default_factory=list)
    problem: BaseException | None = None
    done: bool = False


class Ledger:
    """An open ledger. Any number may be open on one database."""

    def __init__(self, store: Store, *, signer: Signer, clock: Callable[[], datetime]) -> None:
        """Open the ledger in a database.

        Raises:
            LedgerError: It can't be read, another key signed it, or its latest checkpoint does not fit its entries.
        """
        self._store = store
        self._signer = signer
        self._clock = clock
        self._batches = Condition()
        self._waiting: list[_Ticket] = []
        self._is_writing = False
        self._is_closed = False
        with ledger_errors("opened"), store.read() as session:
            self._tree, self._note = load_tree(session.connection(), verifier=signer.verifier)

    @property
    def key(self) -> str:
        """Return the public key that verifies this ledger, in its text form."""
        return self._signer.verifier.vkey()

    def append(
        self,
        kind: str,
        body: Mapping[str, Any],
        *,
        turn_id: str | None = None,
        agent_id: str | None = None,
        actor_id: str | None = None,
    ) -> Sealed:
        """Seal one entry; it is durable and under a signed checkpoint when this returns.

        Args:
            kind: What happened, e.g. "turn.closed".
            body: Digests and metadata, JSON-like; it may not set what the ledger sets (`entries.OWN_FIELDS`).
            turn_id: As the next two: to find the entry by, and part of what is sealed.
            agent_id: See `turn_id`.
            actor_id: See `turn_id`.

        Raises:
            LedgerError: The entry is malformed or can't be written; then nothing of it is in the ledger, unless the
                database failed while it confirmed.
        """
        draft = build_draft(kind, body, turn_id=turn_id, agent_id=agent_id, actor_id=actor_id)
        return self.append_many([draft])[0]

    def append_many(self, drafts: Sequence[Draft]) -> list[Sealed]:
        """Seal entries made by `build_draft`, next to each other, all of them or none.

        Raises:
            LedgerError: They can't be written.
        """
        if not drafts:
            return []
        ticket = _Ticket(drafts)
        batch = self._join_batch(ticket)
        if batch:
            self._lead(batch)
        if ticket.problem is not None:
            raise LedgerError(f"The entries were not written: {ticket.problem}") from ticket.problem
        return ticket.sealed

    def size(self) -> int:
        """Return the number of entries."""
        with ledger_errors("read"), self._store.read() as session:
            return count_entries(session.connection())

    def entry(self, index: int) -> Entry:
        """Return one entry.

        Raises:
            InputError: There is none at this index.
        """
        found = self.entries(after=index - 1, limit=1)
        if not found or found[0].index != index:
            raise InputError(f"The ledger has no entry {index}.")
        return found[0]

    def entries(
        self,
        *,
        kinds: Sequence[str] | None = None,
        agent_id: str | None = None,
        turn_id: str | None = None,
        actor_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: int | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> list[Entry]:
        """Return entries in their order, or newest first. Reading does not verify them.

        Args:
            kinds: Only these kinds; None means all.
            agent_id: Only this agent's.
            turn_id: Only this turn's.
            actor_id: Only this actor's.
            since: Not before this aware time.
            until: Before this aware time.
            after: Only what comes after this index in the order asked for, to page on.
            limit: At most so many.
            newest_first: Turn the order round.
        """
        query = select(*ENTRY_COLUMNS)
        for column, value in ((ENTRIES.agent_id, agent_id), (ENTRIES.turn_id, turn_id), (ENTRIES.actor_id, actor_id)):
            if value is not None:
                query = query.where(column == value)
        if kinds is not None:
            query = query.where(ENTRIES.kind.in_(kinds))
        if since is not None:
            query = query.where(ENTRIES.at >= since)
        if until is not None:
            query = query.where(ENTRIES.at < until)
        if after is not None:
            query = query.where(ENTRIES.index < after if newest_first else ENTRIES.index > after)
        query = query.order_by(ENTRIES.index.desc() if newest_first else ENTRIES.index).limit(limit)
        with ledger_errors("read"), self._store.read() as session:
            return [read_entry(row) for row in session.connection().execute(query)]

    def latest_checkpoint(self) -> str | None:
        """Return the latest checkpoint, a signed note to keep elsewhere; None while the ledger is empty."""
        with ledger_errors("read"), self._store.read() as session:
            return read_head(session.connection())[2]

    def consistency_proof(self, old_size: int) -> list[bytes]:
        """Return the proof that the first `old_size` entries are the beginning of what the latest checkpoint covers."""
        with ledger_errors("read"), self._store.read() as session:
            connection = session.connection()
            size = read_head(connection)[1]
            if not 0 < old_size <= size:
                raise InputError(f"A consistency proof starts from 1 to {size} entries, not {old_size}.")
            return read_proof(connection, consistency_parts(old_size, size))

    def receipt(self, index: int) -> dict[str, Any]:
        """Return the proof that an entry is in the ledger, for `verify_receipt`.

        Raises:
            InputError: There is no such entry.
            LedgerError: The ledger can't be read.
            VerificationError: What it holds does not prove the entry.
        """
        with ledger_errors("read"), self._store.read() as session:
            connection = session.connection()
            note = read_head(connection)[2]
            text = connection.execute(select(ENTRIES.body).where(ENTRIES.index == index)).scalar()
            if text is None or note is None:
                raise InputError(f"The ledger has no entry {index}.")
            size = open_checkpoint(note, verifier=self._signer.verifier).size
            proof = read_proof(connection, inclusion_parts(index, size))
        return build_receipt(text, index=index, proof=proof, checkpoint=note, key=self.key)

    def close(self) -> None:
        """Refuse further appends; those under way are finished."""
        with self._batches:
            self._is_closed = True

    def _join_batch(self, ticket: _Ticket) -> list[_Ticket]:
        """Wait until the ticket is done, or return the batch that this thread has to write."""
        with self._batches:
            if self._is_closed:
                raise LedgerError("The ledger is closed; open it again to append.")
            self._waiting.append(ticket)
            while self._is_writing and not ticket.done:
                self._batches.wait()
            if ticket.done:
                return []
            self._is_writing = True
            batch, self._waiting = self._waiting, []
            return batch

    def _lead(self, batch: list[_Ticket]) -> None:
        problem: BaseException | None = None
        try:
            self._write(batch)
        except BaseException as exc:
            problem = exc
            raise
        finally:
            with self._batches:
                self._is_writing = False
                for ticket in batch:
                    ticket.problem, ticket.done = problem, True
                self._batches.notify_all()

    def _write(self, batch: Sequence[_Ticket]) -> None:
        at = self._clock().astimezone(UTC)
        at = at.replace(microsecond=at.microsecond // 1000 * 1000)
        with ledger_errors("written"), write_alone(self._store) as connection:
            tree = self._refreshed_tree(connection)
            rows, nodes = [], []
            for ticket in batch:
                for draft in ticket.drafts:
                    row = _build_row(draft, index=tree.size, at=at)
                    rows.append(row)
                    ticket.sealed.append(Sealed(row["index"], row["leaf_hash"], at))
                    nodes += tree.append(row["leaf_hash"])
            checkpoint = Checkpoint(self._signer.verifier.name, tree.size, tree.root())
            note = sign_checkpoint(checkpoint, signer=self._signer)
            insert_batch(connection, entries=rows, nodes=nodes, checkpoint={"size": tree.size, "note": note, "at": at})
        self._tree, self._note = tree, note

    def _refreshed_tree(self, connection: Connection) -> CompactTree:
        """Return a tree to grow: the one in memory while nobody else wrote, else the database's, which must extend it.

        Signing a tree that does not extend what was signed before would sign a fork.
        """
        known = self._tree
        if read_head(connection) == (known.size, known.size, self._note):
            return known.copy()
        tree, _ = load_tree(connection, verifier=self._signer.verifier)
        parts = consistency_parts(known.size, tree.size) if 0 < known.size < tree.size else []
        proof = read_proof(connection, parts)
        verify_consistency(old_size=known.size, old_root=known.root(), size=tree.size, root=tree.root(), proof=proof)
        return tree


def _build_row(draft: Draft, *, index: int, at: datetime) -> dict[str, Any]:
    body = render_body(draft, index=index, at=at)
    return {
        "index": index,
        "kind": draft.kind,
        "turn_id": draft.turn_id,
        "agent_id": draft.agent_id,
        "actor_id": draft.actor_id,
        "at": at,
        "body": body,
        "leaf_hash": leaf_hash(body.encode()),
    }
