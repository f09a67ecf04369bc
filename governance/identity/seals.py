"""Values that leave for a browser and must come back unchanged: session cookies, CSRF tokens, a sign-in under way.

Each is signed with HMAC-SHA256 under the session key, which every process of the installation shares.
"""

import base64
import binascii
import hashlib
import hmac
from pathlib import Path

from core.store.private_file import write_private
from governance.errors import GovernanceError, InputError

KEY_FILE = "session.key"
KEY_BYTES = 32


class Sealer:
    """Signs short texts, each for one purpose, so that a value made for one is refused for another."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise InputError(f"a session key has {KEY_BYTES} bytes; found {len(key)}.")
        self._key = key

    def tag(self, purpose: str, value: str) -> str:
        """Return the signature of a value."""
        mac = hmac.new(self._key, f"{purpose}\0{value}".encode(errors="replace"), hashlib.sha256)
        return base64.urlsafe_b64encode(mac.digest()).decode().rstrip("=")

    def seal(self, purpose: str, value: str) -> str:
        """Return the value with its signature."""
        return f"{value}.{self.tag(purpose, value)}"

    def open(self, purpose: str, sealed: str) -> str | None:
        """Return the value, or None when the signature is not ours or not for this purpose."""
        value, _, tag = sealed.rpartition(".")
        return value if self.is_tag(purpose, value, tag) else None

    def is_tag(self, purpose: str, value: str, tag: str) -> bool:
        """Say whether this is the value's signature, taking as long either way."""
        return hmac.compare_digest(self.tag(purpose, value).encode(), tag.encode(errors="replace"))


def load_sealer(folder: Path, *, random: bytes) -> Sealer:
    """Read the session key; where there is none, make it of the random bytes given.

    Raises:
        GovernanceError: The file can't be read or written, others can read it, or it does not hold a key.
    """
    path = folder / KEY_FILE
    try:
        if not path.exists():
            write_private(path, base64.b64encode(random), replace=False)
        if path.stat().st_mode & 0o007:
            raise GovernanceError(f"{path} is open to every user of this machine. Run: chmod 600 {path}")
        return Sealer(base64.b64decode(path.read_bytes(), validate=True))
    except OSError as exc:
        raise GovernanceError(f"the session key {path} can't be read or written: {exc.strerror}.") from exc
    except (binascii.Error, InputError) as exc:
        raise GovernanceError(
            f"{path} does not hold a session key: {exc} Delete it; everyone will have to sign in again."
        ) from exc
