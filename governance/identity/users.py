"""Users as rows: names, roles, and the rule that one working administrator always remains."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.store.tables import User
from governance.errors import InputError
from governance.schema import ROLES, Actor, UserRole

NAME_CHARS = 80
NAME = re.compile(rf"[\w.@+-]{{1,{NAME_CHARS}}}")


@dataclass(frozen=True, slots=True)
class UserView:
    """A user, as administrators see them.

    Attributes:
        by_oidc: Whether they sign in at the OpenID Connect issuer instead of with a password.
    """

    id: str
    name: str
    role: UserRole
    by_oidc: bool
    must_change_password: bool
    created_at: datetime
    disabled_at: datetime | None


def view_of(row: User) -> UserView:
    """Return what may be shown of a user."""
    return UserView(
        id=row.id,
        name=row.name,
        role=cast(UserRole, row.role),
        by_oidc=row.oidc_subject is not None,
        must_change_password=row.must_change_password,
        created_at=row.created_at,
        disabled_at=row.disabled_at,
    )


def actor_of(row: User) -> Actor:
    """Return the user as one who acts."""
    return Actor(id=row.id, name=row.name, role=cast(UserRole, row.role))


def normal_name(name: str) -> str:
    """Return the one form of a name: "Ada" and "ada" are the same person."""
    return unicodedata.normalize("NFKC", name).strip().casefold()


def checked_name(name: str) -> str:
    """Return the normal form of a new name.

    Raises:
        InputError: It is empty, too long, or holds something else than letters, digits and . _ @ + -
    """
    normal = normal_name(name)
    if not NAME.fullmatch(normal):
        raise InputError(f"A user name has 1 to {NAME_CHARS} letters, digits or . _ @ + - and no spaces.")
    return normal


def checked_role(role: str) -> UserRole:
    """Return a role.

    Raises:
        InputError: There is no such role.
    """
    if role not in ROLES:
        raise InputError(f"There is no role {role!r}. The roles are {', '.join(ROLES)}.")
    return role


def find_user(db: Session, name: str) -> User | None:
    """Return the user of this name; a name that nobody could have finds nobody."""
    normal = normal_name(name)
    return db.scalar(select(User).where(User.name == normal)) if NAME.fullmatch(normal) else None


def get_user(db: Session, user_id: str) -> User:
    """Return the user with this id.

    Raises:
        InputError: There is none.
    """
    row = db.get(User, user_id)
    if row is None:
        raise InputError("There is no user with this id. `promethios users list` shows them.")
    return row


def refuse_taken(db: Session, name: str) -> None:
    """Refuse a name that somebody has.

    Raises:
        InputError: It is taken.
    """
    if find_user(db, name) is not None:
        raise InputError(f"There is a user named {name!r} already. Choose another name.")


def refuse_last_admin(db: Session, row: User) -> None:
    """Refuse to take the last working administrator's rights.

    Raises:
        InputError: No other administrator could sign in.
    """
    if row.role != "admin" or row.disabled_at is not None:
        return
    others = select(func.count()).where(User.role == "admin", User.disabled_at.is_(None), User.id != row.id)
    if not db.scalar(others):
        raise InputError(f"{row.name!r} is the last administrator. Make somebody else one first.")
