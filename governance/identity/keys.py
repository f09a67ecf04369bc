"""API keys as rows: scoped, expiring, revocable; only their hashes are stored."""

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.store.tables import ApiKey, User
from governance.errors import InputError
from governance.identity.access import KEY_SCOPES
from governance.identity.users import actor_of
from governance.schema import Actor

START = "pk_"
SECRET_BYTES = 32
PREFIX_CHARS = len(START) + 8
NAME_CHARS = 80
MAX_LIFE = timedelta(days=366)
USE_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class KeyView:
    """A key in a list, without its secret."""

    id: str
    name: str
    prefix: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made: the only moment at which its secret can be read."""

    key: KeyView
    secret: str = field(repr=False)


def add_key(
    db: Session,
    *,
    key_id: str,
    user_id: str,
    name: str,
    scopes: Iterable[str],
    expires_at: datetime,
    now: datetime,
    random: bytes,
) -> NewKey:
    """Store a new key and return it with its secret.

    Raises:
        InputError: The name, a scope or the time of expiry is not acceptable.
    """
    secret = START + base64.urlsafe_b64encode(random).decode().rstrip("=")
    row = ApiKey(
        id=key_id,
        user_id=user_id,
        name=_checked_name(name),
        prefix=secret[:PREFIX_CHARS],
        key_hash=_hash(secret),
        scopes=_checked_scopes(scopes),
        created_at=now,
        expires_at=_checked_expiry(expires_at, now=now),
    )
    db.add(row)
    return NewKey(view_of(row), secret)


def list_keys(db: Session, user_id: str) -> list[KeyView]:
    """Return a user's keys, newest first."""
    query = select(ApiKey).where(ApiKey.user_id == user_id).order_by(ApiKey.created_at.desc(), ApiKey.id)
    return [view_of(row) for row in db.scalars(query)]


def revoke_key(db: Session, key_id: str, *, user_id: str, now: datetime) -> None:
    """End a key of this user.

    Raises:
        InputError: The user has no such key.
    """
    row = db.get(ApiKey, key_id)
    if row is None or row.user_id != user_id:
        raise InputError("You have no API key with this id.")
    row.revoked_at = row.revoked_at or now


def find_actor(db: Session, secret: str, *, now: datetime) -> tuple[Actor, ApiKey] | None:
    """Return who a key acts as, with its row; None when it is unknown or ended, or the user is disabled."""
    query = (
        select(User, ApiKey)
        .join(ApiKey, ApiKey.user_id == User.id)
        .where(ApiKey.key_hash == _hash(secret), ApiKey.revoked_at.is_(None))
        .where(ApiKey.expires_at > now, User.disabled_at.is_(None))
    )
    found = db.execute(query).one_or_none()
    if found is None:
        return None
    user, key = found
    return replace(actor_of(user), kind="key", scopes=frozenset(key.scopes)), key


def is_use_due(key: ApiKey, *, now: datetime) -> bool:
    """Say whether this use is to be noted: at most one a minute, so that reading does not write each time."""
    return key.last_used_at is None or now - key.last_used_at >= USE_NOTED_EVERY


def view_of(row: ApiKey) -> KeyView:
    """Return what may be shown of a key."""
    return KeyView(
        id=row.id,
        name=row.name,
        prefix=row.prefix,
        scopes=tuple(row.scopes),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )


def _checked_name(name: str) -> str:
    stripped = name.strip()
    if not 1 <= len(stripped) <= NAME_CHARS or not stripped.isprintable():
        raise InputError(f"A key's name has 1 to {NAME_CHARS} printable characters. Say what the key is for.")
    return stripped


def _checked_scopes(scopes: Iterable[str]) -> list[str]:
    chosen = sorted(set(scopes))
    unknown = [scope for scope in chosen if scope not in KEY_SCOPES]
    if unknown or not chosen:
        found = f"not {', '.join(unknown)}" if unknown else "at least one is needed"
        raise InputError(f"A key's scopes are actions, {found}. Choose from {', '.join(sorted(KEY_SCOPES))}.")
    return chosen


def _checked_expiry(expires_at: datetime, *, now: datetime) -> datetime:
    if expires_at.tzinfo is None:
        raise InputError("A key's time of expiry needs a zone, such as 2027-01-01T00:00:00+00:00.")
    if not now < expires_at <= now + MAX_LIFE:
        raise InputError(f"A key expires after now and within {MAX_LIFE.days} days.")
    return expires_at


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()
