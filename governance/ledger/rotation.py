"""Rotation of the ledger's signing key, in steps of which each can be the last before a crash.

The database decides: once the entry that rotates is sealed, the next key signs, and whoever opens the ledger puts it in
place. Processes that have the ledger open sign nothing more with the old key: their next entry is signed with the new,
once the old one is seen to lead to it.
"""

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from core.store.database import Store
from governance.errors import LedgerError, VerificationError
from governance.ledger.entries import build_draft
from governance.ledger.key_history import MAX_ROTATIONS, ROTATED, load_history, sign_rotation
from governance.ledger.keys import (
    RandomBytes,
    adopt_next_signer,
    create_next_signer,
    load_next_signer,
    load_signer,
)
from governance.ledger.notes import Signer
from governance.ledger.storage import ledger_errors, load_tree, read_history, write_alone
from governance.ledger.writer import seal_batch


def load_current_signer(folder: Path, store: Store) -> Signer:
    """Return the key that signs now, and finish a rotation that was sealed but not put in place.

    Raises:
        LedgerError: The key files or the ledger can't be read.
    """
    pending = load_next_signer(folder)
    if pending is not None and _signs_now(pending, store):
        adopt_next_signer(folder, pending)
    return load_signer(folder)


def rotate_key(
    folder: Path,
    store: Store,
    *,
    clock: Callable[[], datetime],
    actor_id: str | None = None,
    random_bytes: RandomBytes = os.urandom,
) -> Signer:
    """Let a new key sign from now on; the old one signs it in and is destroyed.

    Raises:
        LedgerError: The files or the database can't be written; then the old key still signs, or the next opening of
            the ledger finishes the rotation.
        VerificationError: The ledger does not continue what the old key signed.
    """
    # 1. Finish what was interrupted, and make the next key, durably, before anything says that it signs.
    old = load_current_signer(folder, store)
    new = create_next_signer(folder, name=old.verifier.name, random_bytes=random_bytes)
    # 2. Seal the rotation: the old key hands over in the entry, the new one signs the checkpoint over it.
    with ledger_errors("written"), write_alone(store) as connection:
        tree, _ = load_tree(connection, verifier=old.verifier)
        known = read_history(connection, trusted=old.verifier.vkey()).notes
        if len(known) == MAX_ROTATIONS:
            raise LedgerError(f"The ledger's key was rotated {MAX_ROTATIONS} times, which is as often as it can be.")
        note = sign_rotation(old, new, size=tree.size)
        load_history(new.verifier.vkey(), [*known, note])
        body = {"rotation": note, "old_key": old.verifier.vkey(), "new_key": new.verifier.vkey()}
        draft = build_draft(ROTATED, body, actor_id=actor_id)
        seal_batch(connection, [draft], tree=tree, signer=new, at=clock())
    # 3. Put it in place.
    adopt_next_signer(folder, new)
    return new


def _signs_now(signer: Signer, store: Store) -> bool:
    with ledger_errors("read"), store.read() as session:
        try:
            history = read_history(session.connection(), trusted=signer.verifier.vkey())
        except VerificationError:
            return False
    return bool(history.rotations) and history.newest.vkey() == signer.verifier.vkey()
