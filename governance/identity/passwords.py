"""Passwords: what is accepted, and argon2id hashes of it (RFC 9106).

Whether a password is known from a leak is not checked: that would need a network.
"""

import base64
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from governance.errors import InputError

MIN_CHARS = 12
MAX_CHARS = 1024
MIN_DISTINCT = 5


class Passwords:
    """Hashes and verifies passwords with one set of argon2id parameters."""

    def __init__(self, hasher: PasswordHasher) -> None:
        self._hasher = hasher
        salt, digest = (base64.b64encode(bytes(n)).decode().rstrip("=") for n in (hasher.salt_len, hasher.hash_len))
        costs = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
        # Costs as much to verify as a real hash, and nobody knows a password for it.
        self._nobody = f"$argon2id$v=19${costs}${salt}${digest}"

    def hash(self, password: str) -> str:
        """Return the hash of a password."""
        return self._hasher.hash(_normal(password))

    def is_right(self, password: str, stored: str | None) -> bool:
        """Say whether a password fits a stored hash; without one, take as long and say no."""
        try:
            self._hasher.verify(stored or self._nobody, _normal(password)[:MAX_CHARS])
        except (VerificationError, InvalidHashError):
            return False
        return stored is not None


def refuse_weak(password: str, *, name: str) -> None:
    """Accept a new password or say what it lacks.

    Raises:
        InputError: It is too short, too long, too uniform, or holds the user's name.
    """
    normal = _normal(password)
    if not MIN_CHARS <= len(normal) <= MAX_CHARS:
        raise InputError(f"A password has {MIN_CHARS} to {MAX_CHARS} characters; this one has {len(normal)}.")
    if len(set(normal)) < MIN_DISTINCT:
        raise InputError(f"A password needs at least {MIN_DISTINCT} different characters. A few random words do well.")
    if len(name) > 2 and name.casefold() in normal.casefold():
        raise InputError("A password must not hold the user's name. A few random words do well.")


def _normal(password: str) -> str:
    """Return the same string for the same password typed on another keyboard (NIST SP 800-63B, 5.1.1.2)."""
    return unicodedata.normalize("NFKC", password.encode(errors="replace").decode())
