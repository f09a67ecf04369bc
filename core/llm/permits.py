"""Permits: the only way to make an engine run, each for one request, once, for a short while.

The office that issues a Permit is the office that redeems it: its secret lives in this process alone. A Permit says
that somebody recorded the intent to generate; it does not say that the request is harmless.
"""

import hmac
import secrets
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Lock

from core.errors import PermitRefused, SettingsError
from core.schema import Permit, canonical_bytes

SECRET_BYTES = 32


class PermitOffice:
    """Issues Permits and redeems each at most once."""

    def __init__(self, ttl_s: float, *, clock: Callable[[], datetime], secret: bytes | None = None) -> None:
        """Open the office.

        Args:
            ttl_s: Life of a Permit in seconds, above 0.
            clock: Returns the aware UTC time.
            secret: At least 32 bytes; drawn at random when None.
        """
        if ttl_s <= 0:
            raise SettingsError(f"permit_ttl_s is {ttl_s}; a Permit has to live longer than 0 seconds.")
        if secret is not None and len(secret) < SECRET_BYTES:
            raise SettingsError(f"The permit secret has {len(secret)} bytes; {SECRET_BYTES} are needed.")
        self._ttl = timedelta(seconds=ttl_s)
        self._clock = clock
        self._secret = secret or secrets.token_bytes(SECRET_BYTES)
        self._redeemed: dict[str, datetime] = {}
        self._lock = Lock()

    def issue(self, request_digest: str, *, turn_id: str) -> Permit:
        """Return a Permit to run the request with this digest once."""
        permit = Permit(uuid.uuid4().hex, turn_id, request_digest, self._clock() + self._ttl, b"")
        return replace(permit, seal=self._seal(permit))

    def redeem(self, permit: Permit | None, request_digest: str) -> None:
        """Use the Permit up.

        Raises:
            PermitRefused: It is missing, foreign, for another request, expired or already used.
        """
        if permit is None:
            raise PermitRefused("The Permit is missing: the engine runs only what has been recorded first.")
        if not isinstance(permit, Permit) or not hmac.compare_digest(self._seal(permit), permit.seal):
            raise PermitRefused("The Permit is foreign: it was not issued here, or was changed since.")
        if not hmac.compare_digest(permit.request_digest.encode(), request_digest.encode()):
            raise PermitRefused("The Permit is for another request than the one that was to run.")
        with self._lock:
            self._use(permit, now=self._clock())

    def _use(self, permit: Permit, *, now: datetime) -> None:
        if now >= permit.expires_at:
            raise PermitRefused(f"The Permit expired at {permit.expires_at.isoformat()}; permit_ttl_s sets its life.")
        if permit.id in self._redeemed:
            raise PermitRefused("The Permit is reused: it was good for one generation.")
        self._redeemed = {used: expires_at for used, expires_at in self._redeemed.items() if expires_at > now}
        self._redeemed[permit.id] = permit.expires_at

    def _seal(self, permit: Permit) -> bytes:
        sealed = canonical_bytes([permit.id, permit.turn_id, permit.request_digest, permit.expires_at.isoformat()])
        return hmac.digest(self._secret, sealed, "sha256")
