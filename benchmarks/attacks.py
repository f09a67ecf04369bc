"""Attacks on a stored ledger, and whether verification finds each: `python -m benchmarks.attacks`.

They are those that AGT's audit log was tried with, carried out here on a copy of a real database: without the key, with
hashes made to fit, and with the stolen key. The ledger's tests carry out many more, and say what each is found by.
"""

import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, text

from benchmarks.machine import describe_machine
from core.schema import canonical_bytes
from core.store.database import connect
from core.store.migrate import open_store
from governance.errors import VerificationError
from governance.ledger import Ledger, Signer, load_signer, verify_ledger
from governance.ledger.merkle import CompactTree, leaf_hash
from governance.ledger.notes import Checkpoint, sign_checkpoint

ENTRIES, AT = 60, 40
BODY = {
    "decision": {"action": "block", "rule_id": "core.harm.refuse"},
    "conversation_id": "c",
    "outcome": "refused",
    "policy_digest": "sha256:1",
    "released_digest": "sha256:2",
}
FIELDS = (*BODY, "turn_id", "agent_id", "actor_id", "kind", "at")
REFERENCE = "AGT 4.1.0, its own log and verification: 1 of the 6 kinds of attack found"

Step = Callable[[Connection, Signer], object]


def main() -> None:
    """Carry out every attack, and print what became of it."""
    attacks: dict[str, tuple[Step, ...]] = {f"edit the field {name}": (edit(name),) for name in FIELDS} | {
        "edit a field, all hashes made to fit": (edit("outcome"), fit),
        "drop an entry, all hashes made to fit": (cut(AT, AT + 1), fit),
        "drop the last entries": (cut(AT, ENTRIES),),
        "drop the last entries and their checkpoints": (cut(AT, ENTRIES), forget(AT), fit),
        "empty it": (cut(0, ENTRIES), forget(0), fit),
        "rewrite all with the stolen key": (edit("outcome"), fit, sign),
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = open_store(f"sqlite:///{folder}/ledger.db")
        signer = load_signer(folder)
        ledger = Ledger(store, signer=signer, clock=lambda: datetime.now(UTC))
        for _ in range(ENTRIES):
            ledger.append("turn.closed", BODY, turn_id="t", agent_id="a", actor_id="u")
        kept = [ledger.latest_checkpoint() or ""]
        ledger.close()
        store.close()
        print(describe_machine())
        found = [is_found(name, steps, folder=folder, signer=signer, kept=kept) for name, steps in attacks.items()]
        untouched = is_found("nothing", (), folder=folder, signer=signer, kept=kept)
    print(f"found {sum(found)} of {len(found)}; false alarm on what was not touched: {'yes' if untouched else 'no'}")
    print(REFERENCE)


def is_found(name: str, steps: Sequence[Step], *, folder: Path, signer: Signer, kept: list[str]) -> bool:
    """Attack a copy, verify it against a checkpoint that was kept elsewhere, and say whether it was found."""
    shutil.copy(folder / "ledger.db", folder / "attacked.db")
    store = connect(f"sqlite:///{folder}/attacked.db")
    with store.write() as session:
        for step in steps:
            step(session.connection(), signer)
    try:
        verify_ledger(store, verifier_key=signer.verifier.vkey(), kept=kept)
        said = "nothing found"
    except VerificationError as exc:
        said = str(exc)
    store.close()
    print(f"{name:46}{said[:90]}")
    return said != "nothing found"


def edit(field: str) -> Step:
    """Return what changes a field of an entry, in its text."""

    def change(connection: Connection, _: Signer) -> None:
        stored = connection.scalar(text('SELECT body FROM ledger_entries WHERE "index" = :i'), {"i": AT})
        body = json.loads(stored)
        body[field] = {"action": "allow"} if field == "decision" else f"{body[field]}"[:-1] + "0"
        values = {"i": AT, "body": canonical_bytes(body).decode()}
        connection.execute(text('UPDATE ledger_entries SET body = :body WHERE "index" = :i'), values)

    return change


def cut(begin: int, end: int) -> Step:
    """Return what drops entries."""
    where = {"begin": begin, "end": end}
    drop = text('DELETE FROM ledger_entries WHERE "index" >= :begin AND "index" < :end')
    return lambda connection, _: connection.execute(drop, where)


def forget(size: int) -> Step:
    """Return what drops the checkpoints over more entries."""
    drop = text("DELETE FROM ledger_checkpoints WHERE size > :size")
    return lambda connection, _: connection.execute(drop, {"size": size})


def fit(connection: Connection, _: Signer) -> CompactTree:
    """Number the entries anew, compute all hashes from their texts, and return their tree."""
    rows = connection.execute(text('SELECT "index", body FROM ledger_entries ORDER BY "index"')).all()
    connection.execute(text("DELETE FROM ledger_nodes"))
    update = text('UPDATE ledger_entries SET "index" = :place, body = :body, leaf_hash = :hash WHERE "index" = :i')
    tree = CompactTree()
    for place, (index, stored) in enumerate(rows):
        body = canonical_bytes(json.loads(stored) | {"index": place})
        hashed = leaf_hash(body)
        connection.execute(update, {"place": place, "body": body.decode(), "hash": hashed, "i": index})
        for level, position, inner in tree.append(hashed):
            node = {"l": level, "i": position, "h": inner}
            connection.execute(text("INSERT INTO ledger_nodes VALUES (:l, :i, :h)"), node)
    return tree


def sign(connection: Connection, signer: Signer) -> None:
    """Replace all checkpoints by one over what is there now."""
    tree = fit(connection, signer)
    connection.execute(text("DELETE FROM ledger_checkpoints"))
    note = sign_checkpoint(Checkpoint(signer.verifier.name, tree.size, tree.root()), signer=signer)
    insert = "INSERT INTO ledger_checkpoints SELECT :size, :note, max(at) FROM ledger_entries"
    connection.execute(text(insert), {"size": tree.size, "note": note})


if __name__ == "__main__":
    main()
