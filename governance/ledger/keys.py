"""Key files: the ledger's signing key and the master key of the content vault, each 0600 in the data folder.

Whoever can read `ledger.key` can sign another history; checkpoints kept elsewhere still betray it.
"""

import base64
import binascii
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core.store.sync import sync_folder
from governance.errors import LedgerError, VerificationError
from governance.ledger.notes import KEY_BYTES, Signer, create_signer, parse_signer

SIGNING_KEY = "ledger.key"
PUBLIC_KEY = "ledger.pub"
NEXT_KEY = "ledger.key.next"
MASTER_KEY = "master.key"

RandomBytes = Callable[[int], bytes]


def load_signer(folder: Path, *, random_bytes: RandomBytes = os.urandom) -> Signer:
    """Read the ledger's key pair from a folder; make one where there is neither half.

    Raises:
        LedgerError: The private key is lost or unreadable, others can read it, or the public one does not match.
    """
    private, public = folder / SIGNING_KEY, folder / PUBLIC_KEY
    with _file_errors(folder):
        # The public half is looked for first: it is written last, so whoever sees it must see the private one.
        if public.exists() and not private.exists():
            raise LedgerError(f"{private} is lost, but {public} exists. Restore the key from a backup.")
        if not private.exists():
            _create_file(private, create_signer(random_bytes(KEY_BYTES)).secret_text(), mode=0o600)
        signer = _parse_signer(_read_private(private), path=private)
        vkey = signer.verifier.vkey()
        if not public.exists():
            _create_file(public, vkey, mode=0o644)
        if _read_text(public) != vkey:
            raise LedgerError(f"{public} does not belong to {private}. Restore both from one backup.")
    return signer


def load_next_signer(folder: Path) -> Signer | None:
    """Return the key that a rotation made and has not put in place yet; None where none is under way.

    Raises:
        LedgerError: Its file is unreadable or broken, or others can read it.
    """
    path = folder / NEXT_KEY
    with _file_errors(folder):
        return _parse_signer(_read_private(path), path=path) if path.exists() else None


def create_next_signer(folder: Path, *, name: str, random_bytes: RandomBytes = os.urandom) -> Signer:
    """Make the key that shall sign next, under the ledger's name; one that is there already is kept.

    Raises:
        LedgerError: The file can't be written.
    """
    with _file_errors(folder):
        _create_file(folder / NEXT_KEY, Signer(name, random_bytes(KEY_BYTES)).secret_text(), mode=0o600)
        return _parse_signer(_read_private(folder / NEXT_KEY), path=folder / NEXT_KEY)


def adopt_next_signer(folder: Path, signer: Signer) -> None:
    """Put the next key in the place of the one before, which is destroyed; doing it again finishes it.

    Raises:
        LedgerError: The files can't be written.
    """
    with _file_errors(folder):
        public = folder / f"{PUBLIC_KEY}.next"
        public.unlink(missing_ok=True)
        _create_file(public, signer.verifier.vkey(), mode=0o644)
        public.replace(folder / PUBLIC_KEY)
        # Last: as long as the next key's file is there, whoever opens the ledger does all of this again.
        with suppress(FileNotFoundError):
            (folder / NEXT_KEY).replace(folder / SIGNING_KEY)
        sync_folder(folder)


def load_master_key(folder: Path, setting: str | None, *, random_bytes: RandomBytes = os.urandom) -> bytes:
    """Return the 32 bytes that wrap the content keys: the setting's, else the key file's, made where there is none.

    Raises:
        LedgerError: The setting or the file is not base64 of 32 bytes, or others can read the file.
    """
    if setting is not None:
        return _decode_master_key(setting, source="master_key")
    path = folder / MASTER_KEY
    with _file_errors(folder):
        if not path.exists():
            _create_file(path, base64.b64encode(random_bytes(KEY_BYTES)).decode("ascii"), mode=0o600)
        return _decode_master_key(_read_private(path), source=str(path))


def _parse_signer(text: str, *, path: Path) -> Signer:
    try:
        return parse_signer(text)
    except VerificationError as exc:
        raise LedgerError(f"{path} is not a ledger key: {exc} Restore it from a backup.") from exc


def _decode_master_key(text: str, *, source: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise LedgerError(f"{source} must be base64 of {KEY_BYTES} bytes, and is not base64.") from exc
    if len(key) != KEY_BYTES:
        raise LedgerError(f"{source} must be base64 of {KEY_BYTES} bytes; found {len(key)} bytes.")
    return key


def _create_file(path: Path, text: str, *, mode: int) -> None:
    """Write a file that appears complete or not at all; whoever comes second keeps the first one's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        with suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink()
    sync_folder(path.parent)


def _read_private(path: Path) -> str:
    text = _read_text(path)
    mode = path.stat().st_mode
    if mode & 0o007:
        raise LedgerError(
            f"{path} is open to every user of this machine (mode {mode & 0o777:o}). Run: chmod 600 {path}"
        )
    return text


def _read_text(path: Path) -> str:
    return path.read_text(encoding="utf-8").removesuffix("\n")


@contextmanager
def _file_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, UnicodeDecodeError) as exc:
        raise LedgerError(f"The key files in {folder} can't be read or written: {exc}.") from exc
