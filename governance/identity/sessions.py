"""Sessions and failed sign-ins as rows. The cookie holds a random secret; only its hash is stored."""

import base64
import hashlib
import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from core.store.tables import LoginAttempt, User
from core.store.tables import Session as SessionRow
from governance.errors import SignInRefused
from governance.identity.seals import Sealer
from governance.identity.users import NAME, actor_of, normal_name
from governance.schema import Actor

SECRET_BYTES = 32
ADDRESS_CHARS = 64
PURPOSE = "session"


@dataclass(frozen=True, slots=True)
class SessionSecret:
    """A sign-in that succeeded.

    Attributes:
        cookie: What the browser keeps; whoever has it is signed in.
    """

    cookie: str = field(repr=False)
    actor: Actor
    expires_at: datetime
    must_change_password: bool


@dataclass(frozen=True, slots=True)
class AttemptLimit:
    """How many failed sign-ins a name or an address has within a window of time."""

    attempts: int
    window_s: int


def open_session(db: Session, user: User, *, sealer: Sealer, random: bytes, now: datetime, ttl_s: int) -> SessionSecret:
    """Store a new session and return its cookie; sessions that ended by time are deleted."""
    secret = base64.urlsafe_b64encode(random).decode().rstrip("=")
    expires_at = now + timedelta(seconds=ttl_s)
    db.execute(delete(SessionRow).where(SessionRow.expires_at <= now))
    db.add(SessionRow(id_hash=_hash(secret), user_id=user.id, created_at=now, expires_at=expires_at))
    return SessionSecret(sealer.seal(PURPOSE, secret), actor_of(user), expires_at, user.must_change_password)


def find_actor(db: Session, secret: str, *, now: datetime) -> Actor | None:
    """Return who a session's secret belongs to; None when it ended or the user is disabled."""
    query = (
        select(User)
        .join(SessionRow, SessionRow.user_id == User.id)
        .where(SessionRow.id_hash == _hash(secret), SessionRow.revoked_at.is_(None))
        .where(SessionRow.expires_at > now, User.disabled_at.is_(None))
    )
    row = db.scalar(query)
    return None if row is None else actor_of(row)


def revoke_session(db: Session, secret: str, *, now: datetime) -> None:
    """End one session."""
    ended = update(SessionRow).where(SessionRow.id_hash == _hash(secret), SessionRow.revoked_at.is_(None))
    db.execute(ended.values(revoked_at=now))


def revoke_sessions(db: Session, user_id: str, *, now: datetime) -> None:
    """End all sessions of a user."""
    ended = update(SessionRow).where(SessionRow.user_id == user_id, SessionRow.revoked_at.is_(None))
    db.execute(ended.values(revoked_at=now))


def begin_attempt(db: Session, *, name: str, address: str, now: datetime, limit: AttemptLimit) -> int:
    """Count a sign-in as failed before it is checked, so that many at once can't pass the limit; return its id.

    Raises:
        SignInRefused: The name or the address has to wait.
    """
    name, address = _countable(name), address.replace("\0", "")[:ADDRESS_CHARS]
    start = now - timedelta(seconds=limit.window_s)
    db.execute(delete(LoginAttempt).where(LoginAttempt.at <= start))
    for same in (LoginAttempt.name == name, LoginAttempt.address == address):
        count, oldest = db.execute(select(func.count(), func.min(LoginAttempt.at)).where(same)).one()
        if count >= limit.attempts:
            wait_s = math.ceil((oldest - start).total_seconds())
            raise SignInRefused(f"Too many sign-ins failed. Wait {wait_s} seconds, then try again.")
    attempt = LoginAttempt(name=name, address=address, at=now)
    db.add(attempt)
    db.flush()
    return attempt.id


def forget_attempt(db: Session, attempt_id: int) -> None:
    """Take back the failure of a sign-in that succeeded."""
    db.execute(delete(LoginAttempt).where(LoginAttempt.id == attempt_id))


def _countable(name: str) -> str:
    """Return a name that can be stored; all names that nobody can have count as one."""
    normal = normal_name(name)
    return normal if NAME.fullmatch(normal) else ""


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()
