"""Export: a zip file with all entries, the latest checkpoint and the public key, which verifies on its own.

It holds what the ledger holds: digests and metadata, no content.
"""

import json
import lzma
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from sqlalchemy import Connection, select

from core.store.database import Store
from governance.errors import LedgerError, VerificationError
from governance.ledger.entries import MAX_BODY_BYTES
from governance.ledger.key_history import load_history, parse_rotations
from governance.ledger.notes import MAX_NOTE_CHARS, Checkpoint
from governance.ledger.storage import ENTRIES, ledger_errors, read_head, read_history
from governance.ledger.verify import PAGE, Walk

ENTRIES_FILE = "entries.jsonl"
CHECKPOINT_FILE = "checkpoint.txt"
KEY_FILE = "key.pub"
ROTATIONS_FILE = "rotations.json"
README_FILE = "README.txt"
FILES = (ENTRIES_FILE, CHECKPOINT_FILE, KEY_FILE, ROTATIONS_FILE, README_FILE)
README = """\
This is a ledger, exported whole.

entries.jsonl   one entry per line, in order: canonical JSON (RFC 8785). Line n,
                counted from 0 and without its newline, is leaf n.
checkpoint.txt  a signed note (C2SP signed-note, tlog-checkpoint): the number of entries, and the root over them.
key.pub         the public key. Compare it with one that you got from elsewhere; the file alone proves nothing.
rotations.json  the keys before it: signed notes, oldest first, in which each key hands over to the next.

Leaves and nodes are hashed as RFC 6962 says: SHA-256 of 0x00 and the line; SHA-256 of 0x01, left and right.
"""


def export_ledger(store: Store, target: Path, *, key: str) -> None:
    """Write all entries and what proves them into one zip file, which appears complete or not at all.

    Args:
        store: The database.
        target: The file to write; one that exists is replaced.
        key: A public key of the ledger in its text form.

    Raises:
        VerificationError: The entries are not those that the key signed; nothing is exported.
        LedgerError: The ledger is empty or can't be read, or the file can't be written.
    """
    with ledger_errors("exported"), store.read() as session:
        connection = session.connection()
        history = read_history(connection, trusted=key)
        walk = Walk(history=history, kept=())
        _, size, note = read_head(connection)
        if note is None:
            raise LedgerError("The ledger is empty: there is nothing to export and no checkpoint that proves it.")
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
            draft = Path(file.name)
        try:
            with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(README_FILE, README)
                archive.writestr(KEY_FILE, history.newest.vkey() + "\n")
                archive.writestr(ROTATIONS_FILE, json.dumps(history.notes, ensure_ascii=False))
                archive.writestr(CHECKPOINT_FILE, note)
                with archive.open(ENTRIES_FILE, "w", force_zip64=True) as entries:
                    _write_entries(connection, entries, size=size, walk=walk)
            walk.finish()
            _verify_root(walk, checkpoint=history.open_checkpoint(note))
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)


def verify_export(path: Path, *, key: str, kept: Sequence[str] = ()) -> None:
    """Check an exported ledger alone, in bounded memory.

    Args:
        path: The zip file.
        key: A public key's text form, from a source that is trusted; after rotations any of the ledger's keys.
        kept: Checkpoints that were kept elsewhere.

    Raises:
        VerificationError: The file is malformed, or its entries are not those that the key signed.
    """
    with _export_errors(), zipfile.ZipFile(path) as archive:
        names = sorted(archive.namelist())
        if names != sorted(FILES):
            raise VerificationError(f"Expected the five files of an export in {path.name}; found {len(names)} names.")
        history = load_history(key, parse_rotations(_read_small(archive, ROTATIONS_FILE)))
        if _read_small(archive, KEY_FILE) != history.newest.vkey() + "\n":
            raise VerificationError("The export names another public key than the one given.")
        walk = Walk(history=history, kept=kept)
        checkpoint = history.open_checkpoint(_read_small(archive, CHECKPOINT_FILE))
        with archive.open(ENTRIES_FILE) as entries:
            for line in _read_lines(entries):
                walk.take(line)
    walk.finish()
    _verify_root(walk, checkpoint=checkpoint)


def read_export_key(path: Path) -> str:
    """Return the public key that came with an export; alone it proves nothing.

    Raises:
        VerificationError: The file is malformed.
    """
    with _export_errors(), zipfile.ZipFile(path) as archive:
        return _read_small(archive, KEY_FILE).removesuffix("\n")


def _verify_root(walk: Walk, *, checkpoint: Checkpoint) -> None:
    if checkpoint != Checkpoint(checkpoint.origin, walk.tree.size, walk.tree.root()):
        raise VerificationError(
            f"The ledger holds {walk.tree.size} entries, not the {checkpoint.size} that its checkpoint is signed for."
        )


def _write_entries(connection: Connection, file: IO[bytes], *, size: int, walk: Walk) -> None:
    for begin in range(0, size, PAGE):
        query = select(ENTRIES.body).where(ENTRIES.index >= begin, ENTRIES.index < begin + PAGE).order_by(ENTRIES.index)
        for text in connection.execute(query).scalars():
            walk.take(text)
            file.write(text.encode() + b"\n")


def _read_small(archive: zipfile.ZipFile, name: str) -> str:
    with archive.open(name) as file:
        return file.read(4 * MAX_NOTE_CHARS).decode()


def _read_lines(file: IO[bytes]) -> Iterator[str]:
    while line := file.readline(MAX_BODY_BYTES + 2):
        if not line.endswith(b"\n"):
            raise VerificationError("A line of the export is longer than an entry can be, or its last one is cut.")
        yield line[:-1].decode()


@contextmanager
def _export_errors() -> Iterator[None]:
    """Raise a VerificationError for all that a broken or hostile zip file makes `zipfile` raise."""
    try:
        yield
    except VerificationError:
        raise
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error) as exc:
        raise VerificationError(f"The export is not a sound zip file: {exc}.") from exc
    except (OSError, EOFError, KeyError, ValueError, RuntimeError) as exc:
        raise VerificationError(f"The export can't be read: {exc}.") from exc
