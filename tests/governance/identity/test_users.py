"""Creating, changing and disabling users, and the first of them."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from core.store.database import Store
from core.store.tables import User
from governance.errors import AccessDenied, InputError, SignInRefused
from governance.identity import Identity
from governance.schema import Actor

PASSWORD = "correct horse battery"
HOME = "192.0.2.1"

START = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from core.store.database import connect
from governance.identity import Identity
identity = Identity(connect(sys.argv[1]), key_folder=Path(sys.argv[2]), session_ttl_s=60, login_attempts=5,
                    login_window_s=60, clock=lambda: datetime.now(UTC))
print(identity.first_admin()[1])
"""


class Interrupted(PasswordHasher):
    """A hasher during whose work something else happens, once."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.meanwhile: Callable[[], object] | None = meanwhile

    def _interrupt(self) -> None:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()

    def hash(self, *args: Any, **kwargs: Any) -> str:
        self._interrupt()
        return super().hash(*args, **kwargs)

    def verify(self, *args: Any, **kwargs: Any) -> Literal[True]:
        self._interrupt()
        return super().verify(*args, **kwargs)


@pytest.fixture
def interrupted(any_store: Store, tmp_path: Path, clock: Callable[[], datetime]) -> Callable[..., Identity]:
    """Opens identities whose password work is interrupted by what another process does."""

    def opener(meanwhile: Callable[[], object]) -> Identity:
        return Identity(
            any_store,
            key_folder=tmp_path / "keys",
            session_ttl_s=3600,
            login_attempts=3,
            login_window_s=300,
            clock=clock,
            hasher=Interrupted(meanwhile),
        )

    return opener


@pytest.fixture
def ada(identity: Identity, admin: Actor) -> Actor:
    user = identity.create_user(admin, "ada", role="builder", password=PASSWORD, must_change_password=False)
    return Actor(id=user.id, name=user.name, role=user.role)


def test_the_first_start_makes_an_administrator_who_must_change_the_password(identity: Identity) -> None:
    admin, password = identity.first_admin()
    assert admin is not None
    assert password is not None
    session = identity.sign_in("admin", password, address=HOME)
    assert session.actor == admin
    assert session.must_change_password
    assert identity.must_change_password(admin)
    assert identity.first_admin() == (None, None)


def test_starts_at_once_make_one_administrator(any_store: Store, database_url: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", START, database_url, str(tmp_path / "shared-keys")]
    starts = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    printed = [start.communicate(timeout=60)[0].strip() for start in starts]
    assert [start.returncode for start in starts] == [0, 0, 0]
    assert sorted(len(line) for line in printed) == [4, 4, 24]  # "None", "None" and a password
    with any_store.read() as db:
        assert db.scalars(select(User.name)).all() == ["admin"]


def test_a_password_is_never_stored_as_it_is(identity: Identity, ada: Actor, any_store: Store) -> None:
    with any_store.read() as db:
        stored = db.get_one(User, ada.id).password_hash
    assert stored is not None
    assert stored.startswith("$argon2id$")
    assert PASSWORD not in stored


def test_a_new_user_is_asked_to_change_the_password_unless_told(identity: Identity, admin: Actor) -> None:
    view = identity.create_user(admin, "Bob", role="member", password=PASSWORD)
    assert (view.name, view.role, view.must_change_password, view.by_oidc) == ("bob", "member", True, False)
    assert identity.sign_in("bob", PASSWORD, address=HOME).must_change_password


def test_users_are_listed_by_name(identity: Identity, admin: Actor, ada: Actor) -> None:
    identity.disable_user(admin, ada.id)
    assert [(user.name, user.disabled_at is not None) for user in identity.list_users()] == [
        ("ada", True),
        ("admin", False),
    ]


@pytest.mark.parametrize("name", ["", "two words", "a" * 81, "semi;colon", "new\nline", "nul\0", "slash/"])
def test_a_malformed_name_is_refused(identity: Identity, admin: Actor, name: str) -> None:
    with pytest.raises(InputError, match="A user name has 1 to 80"):
        identity.create_user(admin, name, role="member", password=PASSWORD)


@pytest.mark.parametrize("name", ["ada", "ADA", "ａｄａ"])
def test_a_taken_name_is_refused_in_any_spelling(identity: Identity, admin: Actor, ada: Actor, name: str) -> None:
    with pytest.raises(InputError, match="already"):
        identity.create_user(admin, name, role="member", password=PASSWORD)


def test_an_unknown_role_or_weak_password_or_user_is_refused(identity: Identity, admin: Actor, ada: Actor) -> None:
    with pytest.raises(InputError, match="There is no role 'owner'"):
        identity.create_user(admin, "bob", role="owner", password=PASSWORD)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="There is no role 'owner'"):
        identity.set_role(admin, ada.id, "owner")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="12 to 1024"):
        identity.create_user(admin, "bob", role="member", password="short")
    with pytest.raises(InputError, match="no user with this id"):
        identity.set_role(admin, "nobody", "member")


def test_only_administrators_manage_users(identity: Identity, admin: Actor, ada: Actor) -> None:
    attempts: list[Callable[[], object]] = [
        lambda: identity.create_user(ada, "bob", role="admin", password=PASSWORD),
        lambda: identity.set_role(ada, ada.id, "admin"),
        lambda: identity.disable_user(ada, admin.id),
        lambda: identity.enable_user(ada, admin.id),
        lambda: identity.reset_password(ada, admin.id),
    ]
    for attempt in attempts:
        with pytest.raises(AccessDenied):
            attempt()
    assert [(user.name, user.role, user.disabled_at) for user in identity.list_users()] == [
        ("ada", "builder", None),
        ("admin", "admin", None),
    ]


def test_another_role_holds_from_the_next_request_on(identity: Identity, admin: Actor, ada: Actor) -> None:
    cookie = identity.sign_in("ada", PASSWORD, address=HOME).cookie
    assert identity.set_role(admin, ada.id, "reviewer").role == "reviewer"
    actor = identity.actor_from_cookie(cookie)
    assert actor is not None
    assert actor.role == "reviewer"


def test_the_last_administrator_stays(identity: Identity, admin: Actor, ada: Actor) -> None:
    with pytest.raises(InputError, match="last administrator"):
        identity.set_role(admin, admin.id, "member")
    with pytest.raises(InputError, match="last administrator"):
        identity.disable_user(admin, admin.id)
    identity.set_role(admin, admin.id, "admin")
    identity.set_role(admin, ada.id, "admin")
    identity.disable_user(admin, admin.id)
    with pytest.raises(InputError, match="last administrator"):  # a disabled one does not count
        identity.disable_user(replace(ada, role="admin"), ada.id)


def test_changing_the_password_ends_all_sessions_but_the_new_one(identity: Identity, admin: Actor, ada: Actor) -> None:
    old = identity.sign_in("ada", PASSWORD, address=HOME).cookie
    session = identity.change_password(ada, current=PASSWORD, new="battery staple correct")
    assert identity.actor_from_cookie(old) is None
    assert identity.actor_from_cookie(session.cookie) == ada
    with pytest.raises(SignInRefused):
        identity.sign_in("ada", PASSWORD, address=HOME)
    assert identity.sign_in("ada", "battery staple correct", address=HOME).actor == ada


def test_the_one_time_password_is_gone_once_changed(identity: Identity) -> None:
    admin, password = identity.first_admin()
    assert admin is not None
    assert password is not None
    assert not identity.change_password(admin, current=password, new=PASSWORD).must_change_password
    assert not identity.must_change_password(admin)


@pytest.mark.parametrize(
    ("new", "message"), [("short", "12 to 1024"), (PASSWORD, "is the current one"), ("ada loves horses", "user's name")]
)
def test_a_bad_new_password_changes_nothing(identity: Identity, ada: Actor, new: str, message: str) -> None:
    cookie = identity.sign_in("ada", PASSWORD, address=HOME).cookie
    for _ in range(4):  # more often than sign-ins may fail: these are no failed sign-ins
        with pytest.raises(InputError, match=message):
            identity.change_password(ada, current=PASSWORD, new=new)
    assert identity.actor_from_cookie(cookie) == ada


def test_the_current_password_can_not_be_guessed_with_a_stolen_session(identity: Identity, ada: Actor) -> None:
    for _ in range(3):
        with pytest.raises(SignInRefused, match="current password is wrong"):
            identity.change_password(ada, current="wrong horse battery", new="battery staple correct")
    with pytest.raises(SignInRefused, match="Too many"):
        identity.change_password(ada, current=PASSWORD, new="battery staple correct")


def test_a_key_can_not_change_the_password(identity: Identity, ada: Actor) -> None:
    key = Actor(id=ada.id, name=ada.name, role=ada.role, kind="key", scopes=frozenset({"chat.use"}))
    with pytest.raises(AccessDenied):
        identity.change_password(key, current=PASSWORD, new="battery staple correct")


def test_a_reset_password_works_once_and_ends_sessions(identity: Identity, admin: Actor, ada: Actor) -> None:
    cookie = identity.sign_in("ada", PASSWORD, address=HOME).cookie
    one_time = identity.reset_password(admin, ada.id)
    assert identity.actor_from_cookie(cookie) is None
    assert identity.sign_in("ada", one_time, address=HOME).must_change_password


def test_a_password_that_is_changed_while_it_is_checked_opens_nothing(
    identity: Identity, ada: Actor, interrupted: Callable[..., Identity]
) -> None:
    slow = interrupted(lambda: identity.change_password(ada, current=PASSWORD, new="battery staple correct"))
    with pytest.raises(SignInRefused):
        slow.sign_in("ada", PASSWORD, address=HOME)


def test_a_user_who_is_disabled_while_the_password_is_checked_stays_out(
    identity: Identity, admin: Actor, ada: Actor, interrupted: Callable[..., Identity]
) -> None:
    slow = interrupted(lambda: identity.disable_user(admin, ada.id))
    with pytest.raises(SignInRefused):
        slow.sign_in("ada", PASSWORD, address=HOME)


def test_a_start_that_was_overtaken_makes_no_second_administrator(
    identity: Identity, interrupted: Callable[..., Identity]
) -> None:
    made: list[object] = []
    assert interrupted(lambda: made.append(identity.first_admin())).first_admin() == (None, None)
    assert [user.name for user in identity.list_users()] == ["admin"]
    assert len(made) == 1


def test_a_name_taken_while_the_password_is_hashed_is_refused(
    identity: Identity, admin: Actor, interrupted: Callable[..., Identity]
) -> None:
    slow = interrupted(lambda: identity.create_user(admin, "bob", role="member", password=PASSWORD))
    with pytest.raises(InputError, match="already"):
        slow.create_user(admin, "bob", role="builder", password=PASSWORD)
    assert [(user.name, user.role) for user in identity.list_users()] == [("admin", "admin"), ("bob", "member")]


def test_a_password_that_was_reset_meanwhile_is_not_overwritten(
    identity: Identity, admin: Actor, ada: Actor, interrupted: Callable[..., Identity]
) -> None:
    one_time: list[str] = []
    slow = interrupted(lambda: one_time.append(identity.reset_password(admin, ada.id)))
    with pytest.raises(SignInRefused):
        slow.change_password(ada, current=PASSWORD, new="battery staple correct")
    assert identity.sign_in("ada", one_time[0], address=HOME).must_change_password
