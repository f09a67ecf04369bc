"""API keys: shown once, narrow, expiring, revocable."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

import pytest
from sqlalchemy import select

from core.store.database import Store
from core.store.tables import ApiKey
from governance.errors import AccessDenied, InputError
from governance.identity import Identity, NewKey, authorize
from governance.schema import Actor, Resource


class FakeClock(Protocol):
    def __call__(self) -> datetime: ...
    def advance(self, seconds: float) -> None: ...


@pytest.fixture
def make_key(identity: Identity, admin: Actor, clock: FakeClock) -> Callable[..., NewKey]:
    def make(**changes: object) -> NewKey:
        fields = {"name": "ci", "scopes": ["chat.use"], "expires_at": clock() + timedelta(days=1)} | changes
        return identity.create_key(admin, **fields)  # type: ignore[arg-type]

    return make


def test_a_key_acts_as_its_user_within_its_scopes(
    identity: Identity, admin: Actor, make_key: Callable[..., NewKey]
) -> None:
    actor = identity.actor_from_key(make_key(scopes=["chat.use", "agent.view"]).secret)
    assert actor == Actor(admin.id, "admin", "admin", "key", frozenset({"chat.use", "agent.view"}))
    assert authorize(actor, "chat.use", Resource("agent")).allowed
    assert not authorize(actor, "train.run", Resource("model")).allowed


def test_only_the_hash_of_a_key_is_stored(any_store: Store, make_key: Callable[..., NewKey]) -> None:
    new = make_key()
    assert new.secret.startswith("pk_")
    assert len(new.secret) == 46
    assert new.secret not in repr(new)
    assert new.secret.startswith(new.key.prefix)
    with any_store.read() as db:
        row = db.scalars(select(ApiKey)).one()
        assert new.secret[3:] not in f"{row.key_hash} {row.prefix} {row.name}"


def test_keys_are_listed_without_secrets_newest_first(
    identity: Identity, admin: Actor, make_key: Callable[..., NewKey], clock: FakeClock
) -> None:
    first = make_key(name="first")
    clock.advance(1)
    second = make_key(name="second")
    assert identity.list_keys(admin) == [second.key, first.key]


def test_a_revoked_key_is_refused_at_once(identity: Identity, admin: Actor, make_key: Callable[..., NewKey]) -> None:
    new, other = make_key(), make_key()
    identity.revoke_key(admin, new.key.id)
    identity.revoke_key(admin, new.key.id)
    assert identity.actor_from_key(new.secret) is None
    assert identity.actor_from_key(other.secret) is not None


def test_an_expired_key_is_refused(identity: Identity, make_key: Callable[..., NewKey], clock: FakeClock) -> None:
    secret = make_key().secret
    clock.advance(86_399)
    assert identity.actor_from_key(secret) is not None
    clock.advance(1)
    assert identity.actor_from_key(secret) is None


@pytest.mark.parametrize("secret", ["", "pk_", "pk_" + "A" * 43, "pk_\0", "pk_\udcff", "Bearer x"])
def test_an_unknown_key_is_nobodys(identity: Identity, make_key: Callable[..., NewKey], secret: str) -> None:
    make_key()
    assert identity.actor_from_key(secret) is None


def test_a_disabled_users_key_is_refused(identity: Identity, admin: Actor, clock: FakeClock) -> None:
    user = identity.create_user(admin, "ada", role="member", password="correct horse battery")
    actor = Actor(user.id, user.name, user.role)
    new = identity.create_key(actor, name="k", scopes=["chat.use"], expires_at=clock() + timedelta(days=1))
    identity.disable_user(admin, user.id)
    assert identity.actor_from_key(new.secret) is None


def test_a_use_is_noted_at_most_once_a_minute(
    identity: Identity, admin: Actor, make_key: Callable[..., NewKey], clock: FakeClock
) -> None:
    secret = make_key().secret
    noted = []
    for _ in range(4):
        identity.actor_from_key(secret)
        noted.append(identity.list_keys(admin)[0].last_used_at)
        clock.advance(30)
    assert noted[0] == noted[1]
    assert noted[2] == noted[3]
    assert noted[2] - noted[0] == timedelta(seconds=60)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": " "}, "1 to 80 printable"),
        ({"name": "x" * 81}, "1 to 80 printable"),
        ({"name": "nul\0"}, "1 to 80 printable"),
        ({"scopes": []}, "at least one is needed"),
        ({"scopes": ["chat.use", "chat.everything"]}, r"not chat\.everything"),
        ({"scopes": ["user.manage"]}, r"not user\.manage"),
        ({"scopes": ["key.manage_own"]}, r"not key\.manage_own"),
        ({"expires_at": datetime(2026, 6, 1)}, "needs a zone"),  # noqa: DTZ001
    ],
)
def test_a_malformed_key_is_refused(
    identity: Identity, admin: Actor, make_key: Callable[..., NewKey], changes: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        make_key(**changes)
    assert identity.list_keys(admin) == []


@pytest.mark.parametrize("days", [-1, 0, 367])
def test_a_key_needs_an_expiry_within_a_year(make_key: Callable[..., NewKey], clock: FakeClock, days: int) -> None:
    with pytest.raises(InputError, match="within 366 days"):
        make_key(expires_at=clock() + timedelta(days=days))


def test_nobody_reaches_the_keys_of_others(identity: Identity, admin: Actor, make_key: Callable[..., NewKey]) -> None:
    new = make_key()
    other = Actor("somebody-else", "eve", "admin")
    assert identity.list_keys(other) == []
    with pytest.raises(InputError, match="no API key with this id"):
        identity.revoke_key(other, new.key.id)
    assert identity.actor_from_key(new.secret) is not None


def test_a_key_makes_lists_and_revokes_no_keys(
    identity: Identity, make_key: Callable[..., NewKey], clock: FakeClock
) -> None:
    new = make_key()
    key = identity.actor_from_key(new.secret)
    assert key is not None
    with pytest.raises(AccessDenied):
        identity.create_key(key, name="wider", scopes=["train.run"], expires_at=clock() + timedelta(days=1))
    with pytest.raises(AccessDenied):
        identity.list_keys(key)
    with pytest.raises(AccessDenied):
        identity.revoke_key(key, new.key.id)
