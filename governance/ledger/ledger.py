"""The ledger: append-only, durable when `append` returns, one order over all threads and processes.

It can't be appended to from inside another write transaction of the same SQLite database: that one holds the only
write lock, and the append fails once it has waited for it.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from core.store.database import Store
from governance.errors import InputError, LedgerError
from governance.ledger.entries import Draft, Entry, Sealed, build_draft
from governance.ledger.merkle import consistency_parts, inclusion_parts, verify_consistency
from governance.ledger.notes import Signer
from governance.ledger.receipts import build_receipt, verify_receipt
from governance.ledger.storage import (
    ENTRIES,
    ENTRY_COLUMNS,
    count_entries,
    ledger_errors,
    read_entry,
    read_head,
    read_history,
    read_proof,
)
from governance.ledger.witness import Witness, WitnessState
from governance.ledger.writer import Writer


class Ledger:
    """An open ledger. Any number may be open on one database."""

    def __init__(
        self,
        store: Store,
        *,
        signer: Signer,
        clock: Callable[[], datetime],
        witness: Witness | None = None,
        current_signer: Callable[[], Signer] | None = None,
    ) -> None:
        """Open the ledger in a database.

        Args:
            store: The database.
            signer: Signs checkpoints.
            clock: Tells the time of entries.
            witness: Gets checkpoints, and is compared with; closed with the ledger.
            current_signer: Reads the key that signs now, for when another process rotated it; without it nothing is
                appended any more then.

        Raises:
            LedgerError: It can't be read, another key signed it, its latest checkpoint does not fit its entries, or it
                does not continue what the witness holds.
        """
        self._store = store
        with ledger_errors("opened"), store.read() as session:
            self._history = read_history(session.connection(), trusted=signer.verifier.vkey())
        if self._history.newest.vkey() != signer.verifier.vkey():
            raise LedgerError("The ledger goes on under a newer key than this one. Restore the newest key.")
        self.witness = witness
        if witness is not None:
            self._compare(witness)
        self._current_signer = current_signer
        self._writer = Writer(store, signer=signer, clock=clock)

    @property
    def key(self) -> str:
        """Return the public key that verifies this ledger, in its text form."""
        return self._history.newest.vkey()

    @property
    def rotations(self) -> list[str]:
        """Return the signed notes by which older keys handed over, oldest first."""
        return self._history.notes

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
        key = self.key
        try:
            sealed = self._writer.append_many(drafts)
        except LedgerError:
            if not self._goes_on_under_a_newer_key(than=key):
                raise
            sealed = self._writer.append_many(drafts)
        if self.witness is not None:
            self.witness.offer(*self._writer.checkpoint())
        return sealed

    def _goes_on_under_a_newer_key(self, *, than: str) -> bool:
        """Take up the key that another process rotated in, if the one that signed here so far leads to it."""
        if self._current_signer is not None and self.key == than:
            with ledger_errors("read"), self._store.read() as session:
                history = read_history(session.connection(), trusted=than)
            newest = history.newest.vkey()
            signer = self._current_signer() if newest != than else None
            if signer is not None and signer.verifier.vkey() == newest:
                self._writer.sign_with(signer)
                self._history = history
        return self.key != than

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
            _, size, note = read_head(connection)
            text = connection.execute(select(ENTRIES.body).where(ENTRIES.index == index)).scalar()
            if text is None or note is None:
                raise InputError(f"The ledger has no entry {index}.")
            proof = read_proof(connection, inclusion_parts(index, size))
            receipt = build_receipt(
                text, index=index, proof=proof, checkpoint=note, key=self.key, rotations=self.rotations
            )
        verify_receipt(receipt, key=self.key)
        return receipt

    def close(self) -> None:
        """Refuse further appends; those under way are finished, and the witness keeps the last checkpoint."""
        self._writer.close()
        if self.witness is not None:
            self.witness.close()

    def check_witness(self) -> WitnessState | None:
        """Return how the witness stands now; None where there is none."""
        if self.witness is None:
            return None
        try:
            size = self._compare(self.witness)
        except LedgerError as exc:
            return WitnessState(self.witness.place.name, None, str(exc))
        return WitnessState(self.witness.place.name, size, self.witness.problem)

    def _compare(self, witness: Witness) -> int:
        """Check that the ledger continues what the witness holds; return over how many entries that is."""
        notes = witness.notes()
        if not notes:
            return 0
        kept = self._history.open_checkpoint(notes[-1])
        size, head = self.size(), self.latest_checkpoint()
        if kept.size > size or (kept.size and head is None):
            raise LedgerError(
                f"The ledger ends after {size} entries, but the witness at {witness.place.name} holds a checkpoint "
                f"over {kept.size}: its end was cut off. Restore the newest backup; if you went back to an older "
                f"one on purpose, move the newer notes out of the witness and keep them."
            )
        if kept.size and head is not None:
            now = self._history.open_checkpoint(head)
            proof = self.consistency_proof(kept.size)
            verify_consistency(old_size=kept.size, old_root=kept.root, size=now.size, root=now.root, proof=proof)
        return kept.size
