"""The only code that adds entries: group commit, one order over threads and processes, a signature per batch.

Whoever appends while a batch is being written joins the next one, so that many share one transaction, one fsync and
one signature; a lone append waits for nobody and for no timer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from threading import Condition
from typing import Any

from sqlalchemy import Connection

from core.store.database import Store
from governance.errors import LedgerError
from governance.ledger.entries import Draft, Sealed, render_body
from governance.ledger.merkle import CompactTree, consistency_parts, leaf_hash, verify_consistency
from governance.ledger.notes import Checkpoint, Signer, sign_checkpoint
from governance.ledger.storage import insert_batch, ledger_errors, load_tree, read_head, read_proof, write_alone


@dataclass(slots=True)
class _Ticket:
    """One caller's drafts on their way through a batch."""

    drafts: Sequence[Draft]
    sealed: list[Sealed] = field(default_factory=list)
    problem: BaseException | None = None
    done: bool = False


class Writer:
    """Appends to a ledger. Any number of threads may share one, any number of processes may have one each."""

    def __init__(self, store: Store, *, signer: Signer, clock: Callable[[], datetime]) -> None:
        """Read the tree that shall grow.

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

    def append_many(self, drafts: Sequence[Draft]) -> list[Sealed]:
        """Seal entries next to each other, all of them or none.

        Raises:
            LedgerError: They can't be written.
        """
        if not drafts:
            return []
        ticket = _Ticket(drafts)
        if self._wait_or_lead(ticket):
            self._lead()
        if ticket.problem is not None:
            raise LedgerError(f"The entries were not written. {ticket.problem}") from ticket.problem
        return ticket.sealed

    def sign_with(self, signer: Signer) -> None:
        """Sign the next batches with another key; the tree still has to extend what was signed here before."""
        with self._batches:
            self._signer = signer

    def checkpoint(self) -> tuple[int, str]:
        """Return the size and the note of the checkpoint that this writer knows as the latest."""
        with self._batches:
            return self._tree.size, self._note or ""

    def close(self) -> None:
        """Refuse further appends; those under way are finished."""
        with self._batches:
            self._is_closed = True

    def _wait_or_lead(self, ticket: _Ticket) -> bool:
        """Return False once the ticket is done, or True when this thread has to write the next batch."""
        with self._batches:
            if self._is_closed:
                raise LedgerError("The ledger is closed; open it again to append.")
            self._waiting.append(ticket)
            while self._is_writing and not ticket.done:
                self._batches.wait()
            if ticket.done:
                return False
            self._is_writing = True
            return True

    def _lead(self) -> None:
        batch: list[_Ticket] = []
        problem: BaseException | None = None
        try:
            self._write(batch)
        except BaseException as exc:
            problem = exc
            raise
        finally:
            # When it failed before it took anybody along, it failed for all who wait: nobody tries for each anew.
            taken = batch or self._take_waiting()
            with self._batches:
                self._is_writing = False
                for ticket in taken:
                    ticket.problem, ticket.done = problem, True
                self._batches.notify_all()

    def _take_waiting(self) -> list[_Ticket]:
        with self._batches:
            taken, self._waiting = self._waiting, []
        return taken

    def _write(self, batch: list[_Ticket]) -> None:
        """Write whoever waits once the write lock is held, and name them in `batch`."""
        with ledger_errors("written"), write_alone(self._store) as connection:
            tree = self._refreshed_tree(connection)
            batch += self._take_waiting()
            drafts = [draft for ticket in batch for draft in ticket.drafts]
            sealed, note = seal_batch(connection, drafts, tree=tree, signer=self._signer, at=self._clock())
            places = iter(sealed)
            for ticket in batch:
                ticket.sealed += islice(places, len(ticket.drafts))
        with self._batches:
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


def seal_batch(
    connection: Connection, drafts: Sequence[Draft], *, tree: CompactTree, signer: Signer, at: datetime
) -> tuple[list[Sealed], str]:
    """Write drafts as the tree's next entries, with the checkpoint over them; return their places and its note.

    The caller holds `storage.write_alone`, and the tree is the database's; it grows.
    """
    at = at.astimezone(UTC)
    at = at.replace(microsecond=at.microsecond // 1000 * 1000)
    rows: list[dict[str, Any]] = []
    nodes: list[tuple[int, int, bytes]] = []
    for draft in drafts:
        rows.append(_build_row(draft, index=tree.size, at=at))
        nodes += tree.append(rows[-1]["leaf_hash"])
    note = sign_checkpoint(Checkpoint(signer.verifier.name, tree.size, tree.root()), signer=signer)
    insert_batch(connection, entries=rows, nodes=nodes, checkpoint={"size": tree.size, "note": note, "at": at})
    return [Sealed(row["index"], row["leaf_hash"], at) for row in rows], note


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
