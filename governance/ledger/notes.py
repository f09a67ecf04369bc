"""Signed notes and checkpoints in the text forms that outside tools and witnesses read.

Forms: C2SP `signed-note` with Ed25519 keys, and C2SP `tlog-checkpoint`. Signatures by keys that the verifier
does not know, such as witnesses', are passed over. What a checkpoint's tree holds is not looked at here.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from governance.errors import VerificationError
from governance.ledger.merkle import HASH_BYTES

ED25519 = b"\x01"
KEY_BYTES = 32
SIGNATURE_BYTES = 64
MAX_NOTE_CHARS = 65_536
MAX_SIGNATURES = 64
MAX_SIZE = 2**63 - 1
_PRIVATE = "PRIVATE+KEY+"
_NAME = re.compile(r"[^\s+\x00-\x1f\x7f]{1,200}")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint says: the log's name, how many entries, and the root over them."""

    origin: str
    size: int
    root: bytes


class Verifier:
    """A public key with the name under which it signs."""

    def __init__(self, name: str, public: bytes) -> None:
        self.name = name
        self.key_id = hashlib.sha256(f"{name}\n".encode() + ED25519 + public).digest()[:4]
        self._public = public
        self._key = Ed25519PublicKey.from_public_bytes(public)

    def vkey(self) -> str:
        """Return the key's text form, `name+hex8+base64`."""
        return f"{self.name}+{self.key_id.hex()}+{_encode(ED25519 + self._public)}"

    def is_signed(self, text: str, *, signature: bytes) -> bool:
        """Say whether the signature is this key's over the text."""
        try:
            self._key.verify(signature, text.encode())
        except InvalidSignature:
            return False
        return True


class Signer:
    """A private key with the name under which it signs."""

    def __init__(self, name: str, seed: bytes) -> None:
        self._seed = seed
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        public = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.verifier = Verifier(name, public)

    def secret_text(self) -> str:
        """Return the private key's text form, `PRIVATE+KEY+name+hex8+base64`, for the key file alone."""
        verifier = self.verifier
        return f"{_PRIVATE}{verifier.name}+{verifier.key_id.hex()}+{_encode(ED25519 + self._seed)}"

    def sign(self, text: str) -> str:
        """Return the signed note over a text that ends with a newline."""
        return f"{text}\n{self.signature_line(text)}"

    def signature_line(self, text: str) -> str:
        """Return the line that adds this key's signature to a note over the text."""
        signature = self.verifier.key_id + self._key.sign(text.encode())
        return f"— {self.verifier.name} {_encode(signature)}\n"


def create_signer(seed: bytes) -> Signer:
    """Build a signer that is named after its own public key, so that no two ledgers share a name.

    The name is the ledger's; the keys that follow by rotation keep it.
    """
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return Signer(f"promethios-ledger/{hashlib.sha256(public).hexdigest()[:16]}", seed)


def parse_signer(text: str) -> Signer:
    """Read a private key's text form.

    Raises:
        VerificationError: It is malformed or its parts contradict each other.
    """
    if not text.startswith(_PRIVATE):
        raise VerificationError(f"A ledger key starts with {_PRIVATE}; this text does not.")
    name, seed = _parse_key(text.removeprefix(_PRIVATE))
    signer = Signer(name, seed)
    if signer.secret_text() != text:
        raise VerificationError("The ledger key's id does not belong to its key: the text was altered.")
    return signer


def parse_vkey(text: str) -> Verifier:
    """Read a public key's text form.

    Raises:
        VerificationError: It is malformed or its parts contradict each other.
    """
    verifier = Verifier(*_parse_key(text))
    if verifier.vkey() != text:
        raise VerificationError("The public key's id does not belong to its key: the text was altered.")
    return verifier


def sign_checkpoint(checkpoint: Checkpoint, *, signer: Signer) -> str:
    """Return a checkpoint as a signed note."""
    return signer.sign(f"{checkpoint.origin}\n{checkpoint.size}\n{_encode(checkpoint.root)}\n")


def open_note(note: str, *, verifier: Verifier) -> str:
    """Return a note's text once its signature by `verifier` is checked.

    Raises:
        VerificationError: The note is malformed, is not signed by this key, or a signature of this key is wrong.
    """
    text, lines = _split_note(note)
    signed = False
    for name, signature in map(_parse_signature, lines):
        if (name, signature[:4]) != (verifier.name, verifier.key_id):
            continue
        if not verifier.is_signed(text, signature=signature[4:]):
            raise VerificationError(f"The signature of {verifier.name} does not fit the note: one of them was altered.")
        signed = True
    if not signed:
        raise VerificationError(f"The note is not signed by {verifier.name} with key id {verifier.key_id.hex()}.")
    return text


def is_signed_by(note: str, *, verifier: Verifier) -> bool:
    """Say whether the note has a signature line of this key; whether it is right is not looked at.

    Raises:
        VerificationError: The note is malformed.
    """
    _, lines = _split_note(note)
    return any(
        (name, signature[:4]) == (verifier.name, verifier.key_id) for name, signature in map(_parse_signature, lines)
    )


def open_checkpoint(note: str, *, verifier: Verifier) -> Checkpoint:
    """Return what a checkpoint says once its signature by `verifier` is checked.

    Raises:
        VerificationError: The note does not verify, is no checkpoint, or is another log's.
    """
    lines = open_note(note, verifier=verifier)[:-1].split("\n")
    if len(lines) < 3 or not all(lines):
        raise VerificationError("A checkpoint has an origin, a size and a root on three lines; this note has not.")
    origin, size, root = lines[:3]
    if origin != verifier.name:
        raise VerificationError(f"The checkpoint belongs to the log {origin!r}, not to {verifier.name!r}.")
    return Checkpoint(origin, parse_size(size), decode_base64(root, length=HASH_BYTES))


def parse_size(text: str) -> int:
    """Read a number of entries.

    Raises:
        VerificationError: It is no decimal number, or too large.
    """
    if not _SIZE.fullmatch(text) or int(text) > MAX_SIZE:
        raise VerificationError(f"The checkpoint's size is not a decimal number: {text[:40]!r}.")
    return int(text)


def decode_base64(text: str, *, length: int | None = None) -> bytes:
    """Decode standard base64 in its only canonical form.

    Raises:
        VerificationError: It is another form, or another length than asked for.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise VerificationError("Expected base64 and found something else.") from exc
    if _encode(data) != text:
        raise VerificationError("Expected base64 in canonical form; its unused bits are set.")
    if length is not None and len(data) != length:
        raise VerificationError(f"Expected {length} bytes in base64 and found {len(data)}.")
    return data


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _parse_key(text: str) -> tuple[str, bytes]:
    name, _, rest = text.partition("+")
    key_id, _, data = rest.partition("+")
    if not _NAME.fullmatch(name) or not re.fullmatch(r"[0-9a-f]{8}", key_id):
        raise VerificationError("A ledger key reads name+8 hex digits+base64; this text does not.")
    key = decode_base64(data, length=1 + KEY_BYTES)
    if key[:1] != ED25519:
        raise VerificationError(f"Only Ed25519 keys (type 1) are known; this key's type is {key[0]}.")
    return name, key[1:]


def _split_note(note: str) -> tuple[str, list[str]]:
    if not isinstance(note, str) or len(note) > MAX_NOTE_CHARS:
        raise VerificationError(f"Expected a note as a text of at most {MAX_NOTE_CHARS} characters.")
    if any((char < " " and char != "\n") or "\ud800" <= char <= "\udfff" for char in note):
        raise VerificationError("A note holds no control characters but newlines, and only valid Unicode.")
    text, separator, signatures = note.rpartition("\n\n")
    if not separator or not text or not signatures.endswith("\n"):
        raise VerificationError("A note is a text, an empty line, and signature lines; this one is not.")
    lines = signatures[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise VerificationError(f"A note has at most {MAX_SIGNATURES} signatures; this one has {len(lines)}.")
    return text + "\n", lines


def _parse_signature(line: str) -> tuple[str, bytes]:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    if dash != "—" or not _NAME.fullmatch(name):
        raise VerificationError("A signature line reads: em dash, name, base64. This one does not.")
    signature = decode_base64(encoded)
    if len(signature) <= 4:
        raise VerificationError("A signature line holds a key id of 4 bytes and a signature; this one is too short.")
    return name, signature
