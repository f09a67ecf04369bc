"""The identities of one installation: every way in, and every change to who may come in.

Changes are not recorded here; callers append them to the ledger.
"""

import base64
import os
import uuid
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

from argon2 import PasswordHasher
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.schema import digest_of
from core.store.database import Store
from core.store.tables import ApiKey, User
from governance.errors import AccessDenied, InputError, SignInRefused
from governance.identity import keys, sessions
from governance.identity.access import require
from governance.identity.keys import KeyView, NewKey
from governance.identity.oidc import OidcClaims
from governance.identity.passwords import Passwords, refuse_weak
from governance.identity.seals import KEY_BYTES, load_sealer
from governance.identity.sessions import AttemptLimit, SessionSecret
from governance.identity.users import (
    UserView,
    actor_of,
    checked_name,
    checked_role,
    find_user,
    get_user,
    refuse_last_admin,
    refuse_taken,
    view_of,
)
from governance.schema import Actor, Decision, Resource, UserRole

ONE_TIME_BYTES = 15
WRONG = "Name or password is wrong, or the user is disabled."
LOCK = "identity"  # taken wherever rights change or a session opens, so that none opens on rights just taken


class Identity:
    """Users, sessions and API keys of one installation."""

    def __init__(
        self,
        store: Store,
        *,
        key_folder: Path,
        session_ttl_s: int,
        login_attempts: int,
        login_window_s: int,
        clock: Callable[[], datetime],
        random_bytes: Callable[[int], bytes] = os.urandom,
        hasher: PasswordHasher | None = None,
    ) -> None:
        self._store = store
        self._sealer = load_sealer(key_folder, random=random_bytes(KEY_BYTES))
        self._ttl_s = session_ttl_s
        self._limit = AttemptLimit(login_attempts, login_window_s)
        self._clock = clock
        self._random = random_bytes
        self._passwords = Passwords(hasher or PasswordHasher())

    # Signing in

    def sign_in(self, name: str, password: str, *, address: str) -> SessionSecret:
        """Check name and password and open a session.

        Args:
            name: As the person typed it.
            password: As the person typed it.
            address: Where the request comes from; failures count against it too.

        Raises:
            SignInRefused: Whatever was wrong, in one and the same text; or too many attempts failed.
        """
        attempt = self._begin_attempt(name, address=address)
        with self._store.read() as db:
            row = find_user(db, name)
            stored = row.password_hash if row is not None and row.disabled_at is None else None
        if not self._passwords.is_right(password, stored) or row is None:
            raise SignInRefused(WRONG)
        with self._store.write(lock=LOCK) as db:
            user = _unchanged(db, row.id, stored)
            sessions.forget_attempt(db, attempt)
            return self._open_session(db, user)

    def sign_in_oidc(self, claims: OidcClaims, *, default_role: UserRole) -> SessionSecret:
        """Open a session for a person whom the OpenID Connect issuer vouches for; create the user on first sight.

        Args:
            claims: From `oidc.complete_sign_in`, so verified.
            default_role: Role of a person who comes for the first time.

        Raises:
            SignInRefused: The user is disabled.
        """
        subject = digest_of([claims.issuer, claims.subject])
        with self._store.write(lock=LOCK) as db:
            user = db.scalar(select(User).where(User.oidc_subject == subject))
            if user is None:
                user = self._new_user(name=_free_name(db, claims, subject), role=checked_role(default_role))
                user.oidc_subject = subject
                db.add(user)
                db.flush()
            if user.disabled_at is not None:
                raise SignInRefused(WRONG)
            return self._open_session(db, user)

    def sign_out(self, cookie: str) -> None:
        """End the session of a cookie; one that is not ours changes nothing."""
        secret = self._sealer.open(sessions.PURPOSE, cookie)
        if secret is not None:
            with self._store.write() as db:
                sessions.revoke_session(db, secret, now=self._clock())

    def actor_from_cookie(self, cookie: str) -> Actor | None:
        """Return who is signed in with a cookie; None when it is forged, ended or the user is disabled."""
        secret = self._sealer.open(sessions.PURPOSE, cookie)
        if secret is None:
            return None
        with self._store.read() as db:
            return sessions.find_actor(db, secret, now=self._clock())

    def csrf_token(self, cookie: str) -> str:
        """Return the token that forms of this session must send along."""
        return self._sealer.tag("csrf", cookie)

    def check_csrf(self, cookie: str, token: str) -> bool:
        """Say whether a form's token belongs to the session of its cookie."""
        known = self._sealer.open(sessions.PURPOSE, cookie) is not None
        return known and self._sealer.is_tag("csrf", cookie, token)

    def seal(self, purpose: str, value: str) -> str:
        """Sign a value that goes to a browser and comes back, such as `AuthorizationRequest.dump()`."""
        return self._sealer.seal(f"app:{purpose}", value)

    def unseal(self, purpose: str, sealed: str) -> str | None:
        """Return a value that came back unchanged, else None."""
        return self._sealer.open(f"app:{purpose}", sealed)

    # Users

    def first_admin(self) -> tuple[Actor, str] | tuple[None, None]:
        """Create "admin" with a random one-time password where there is no user, and return both once."""
        with self._store.read() as db:
            if _has_users(db):
                return None, None
        password = base64.b32encode(self._random(ONE_TIME_BYTES)).decode().lower()
        user = self._new_user(name="admin", role="admin", password_hash=self._passwords.hash(password))
        user.must_change_password = True
        with self._store.write(lock=LOCK) as db:
            if _has_users(db):  # another process was faster
                return None, None
            db.add(user)
        return actor_of(user), password

    def create_user(
        self, actor: Actor, name: str, *, role: UserRole, password: str, must_change_password: bool = True
    ) -> UserView:
        """Create a user with a password, which they have to change when they first sign in unless told otherwise.

        Raises:
            AccessDenied: The actor may not manage users.
            InputError: The name is taken or malformed, the role unknown, or the password too weak.
        """
        require(actor, "user.manage", Resource("user"))
        name = checked_name(name)
        refuse_weak(password, name=name)
        user = self._new_user(name=name, role=checked_role(role), password_hash=self._passwords.hash(password))
        user.must_change_password = must_change_password
        with self._store.write(lock=LOCK) as db:
            refuse_taken(db, name)
            db.add(user)
        return view_of(user)

    def list_users(self) -> list[UserView]:
        """Return all users by name, disabled ones included."""
        with self._store.read() as db:
            return [view_of(row) for row in db.scalars(select(User).order_by(User.name))]

    def set_role(self, actor: Actor, user_id: str, role: UserRole) -> UserView:
        """Give a user another role; it holds from their next request on.

        Raises:
            AccessDenied: The actor may not manage users.
            InputError: The user or role is unknown, or no administrator would remain.
        """
        require(actor, "user.manage", Resource("user", user_id))
        with self._store.write(lock=LOCK) as db:
            user = get_user(db, user_id)
            if checked_role(role) != "admin":
                refuse_last_admin(db, user)
            user.role = role
            return view_of(user)

    def disable_user(self, actor: Actor, user_id: str) -> UserView:
        """Keep a user out from now on: their sessions end, their keys are refused. What they made stays.

        Raises:
            AccessDenied: The actor may not manage users.
            InputError: The user is unknown, or the last administrator.
        """
        require(actor, "user.manage", Resource("user", user_id))
        now = self._clock()
        with self._store.write(lock=LOCK) as db:
            user = get_user(db, user_id)
            refuse_last_admin(db, user)
            user.disabled_at = user.disabled_at or now
            sessions.revoke_sessions(db, user.id, now=now)
            return view_of(user)

    def enable_user(self, actor: Actor, user_id: str) -> UserView:
        """Let a disabled user sign in again.

        Raises:
            AccessDenied: The actor may not manage users.
            InputError: The user is unknown.
        """
        require(actor, "user.manage", Resource("user", user_id))
        with self._store.write(lock=LOCK) as db:
            user = get_user(db, user_id)
            user.disabled_at = None
            return view_of(user)

    # Passwords

    def must_change_password(self, actor: Actor) -> bool:
        """Say whether the user has to choose a password before anything else."""
        with self._store.read() as db:
            return get_user(db, actor.id).must_change_password

    def change_password(self, actor: Actor, *, current: str, new: str) -> SessionSecret:
        """Change one's own password, end all one's sessions, and open a new one.

        Raises:
            AccessDenied: A key asked for it.
            SignInRefused: The current password is wrong, or too many attempts failed.
            InputError: The new password is too weak or the same, or the user has none.
        """
        if actor.kind != "user":
            raise AccessDenied(Decision("block", "a key asked for another password", "access.person-only"))
        refuse_weak(new, name=actor.name)
        if new == current:
            raise InputError("The new password is the current one. Choose another.")
        with self._store.read() as db:
            stored = get_user(db, actor.id).password_hash
        if stored is None:
            raise InputError("You sign in at your organisation's issuer; change the password there.")
        attempt = self._begin_attempt(actor.name, address=f"user:{actor.id}")
        if not self._passwords.is_right(current, stored):
            raise SignInRefused("The current password is wrong.")
        hashed = self._passwords.hash(new)
        with self._store.write(lock=LOCK) as db:
            user = _unchanged(db, actor.id, stored)
            sessions.forget_attempt(db, attempt)
            self._set_password(db, user, hashed, must_change=False)
            return self._open_session(db, user)

    def reset_password(self, actor: Actor, user_id: str) -> str:
        """Give a user a random one-time password, end their sessions, and return it once.

        Raises:
            AccessDenied: The actor may not manage users.
            InputError: The user is unknown, or signs in through OpenID Connect.
        """
        require(actor, "user.manage", Resource("user", user_id))
        password = base64.b32encode(self._random(ONE_TIME_BYTES)).decode().lower()
        hashed = self._passwords.hash(password)
        with self._store.write(lock=LOCK) as db:
            user = get_user(db, user_id)
            if user.password_hash is None:
                raise InputError(f"{user.name!r} signs in at your organisation's issuer and has no password here.")
            self._set_password(db, user, hashed, must_change=True)
        return password

    # API keys

    def create_key(self, actor: Actor, *, name: str, scopes: Iterable[str], expires_at: datetime) -> NewKey:
        """Create an API key that acts as the actor within its scopes; its secret is returned this once.

        Raises:
            AccessDenied: The actor is a key itself.
            InputError: The name, a scope or the time of expiry is not acceptable.
        """
        require(actor, "key.manage_own", Resource("key", owner_id=actor.id))
        with self._store.write() as db:
            return keys.add_key(
                db,
                key_id=self._new_id(),
                user_id=actor.id,
                name=name,
                scopes=scopes,
                expires_at=expires_at,
                now=self._clock(),
                random=self._random(keys.SECRET_BYTES),
            )

    def list_keys(self, actor: Actor) -> list[KeyView]:
        """Return the actor's keys, newest first, ended ones included."""
        require(actor, "key.manage_own", Resource("key", owner_id=actor.id))
        with self._store.read() as db:
            return keys.list_keys(db, actor.id)

    def revoke_key(self, actor: Actor, key_id: str) -> None:
        """End one of the actor's keys at once.

        Raises:
            AccessDenied: The actor is a key.
            InputError: The actor has no such key.
        """
        require(actor, "key.manage_own", Resource("key", key_id, actor.id))
        with self._store.write() as db:
            keys.revoke_key(db, key_id, user_id=actor.id, now=self._clock())

    def actor_from_key(self, secret: str) -> Actor | None:
        """Return whom a key acts as; None when it is unknown, ended, or the user is disabled."""
        if not secret.startswith(keys.START):
            return None
        now = self._clock()
        with self._store.read() as db:
            found = keys.find_actor(db, secret, now=now)
        if found is None:
            return None
        actor, key = found
        if keys.is_use_due(key, now=now):
            with self._store.write() as db:
                db.get_one(ApiKey, key.id).last_used_at = now
        return actor

    def _begin_attempt(self, name: str, *, address: str) -> int:
        with self._store.write(lock="sign-in") as db:
            return sessions.begin_attempt(db, name=name, address=address, now=self._clock(), limit=self._limit)

    def _open_session(self, db: Session, user: User) -> SessionSecret:
        random = self._random(sessions.SECRET_BYTES)
        now = self._clock()
        return sessions.open_session(db, user, sealer=self._sealer, random=random, now=now, ttl_s=self._ttl_s)

    def _set_password(self, db: Session, user: User, hashed: str, *, must_change: bool) -> None:
        user.password_hash = hashed
        user.must_change_password = must_change
        sessions.revoke_sessions(db, user.id, now=self._clock())

    def _new_user(self, *, name: str, role: UserRole, password_hash: str | None = None) -> User:
        return User(
            id=self._new_id(),
            name=name,
            role=role,
            password_hash=password_hash,
            must_change_password=False,
            created_at=self._clock(),
        )

    def _new_id(self) -> str:
        return str(uuid.UUID(bytes=self._random(16), version=4))


def _has_users(db: Session) -> bool:
    return bool(db.scalar(select(func.count()).select_from(User)))


def _unchanged(db: Session, user_id: str, stored: str | None) -> User:
    """Return the user whose password was checked, unless it was changed or the user disabled meanwhile."""
    user = get_user(db, user_id)
    if user.password_hash != stored or user.disabled_at is not None:
        raise SignInRefused(WRONG)
    return user


def _free_name(db: Session, claims: OidcClaims, subject_digest: str) -> str:
    """Return a name for a new person; one that somebody has, "admin" say, is never handed over to a namesake."""
    name = claims.user_name()
    return name if find_user(db, name) is None else f"{name[:60]}-{subject_digest[-12:]}"
