"""Signing in and out, sessions, and what slows guessing down."""

import threading
from collections.abc import Callable
from typing import Protocol

import pytest
from sqlalchemy import select

from core.store.database import Store
from core.store.tables import LoginAttempt, Session
from governance.errors import SignInRefused
from governance.identity import Identity
from governance.identity.identity import WRONG
from governance.schema import Actor

PASSWORD = "correct horse battery"
HOME = "192.0.2.1"


class FakeClock(Protocol):
    def advance(self, seconds: float) -> None: ...


@pytest.fixture
def ada(identity: Identity, admin: Actor) -> str:
    return identity.create_user(admin, "ada", role="member", password=PASSWORD, must_change_password=False).id


def test_a_session_says_who_is_signed_in(identity: Identity, ada: str) -> None:
    session = identity.sign_in("ada", PASSWORD, address=HOME)
    assert session.actor == Actor(id=ada, name="ada", role="member")
    assert not session.must_change_password
    assert identity.actor_from_cookie(session.cookie) == session.actor


@pytest.mark.parametrize("name", ["ADA", " ada ", "ａｄａ"], ids=["capitals", "spaces", "full-width"])
def test_a_name_is_found_however_it_is_typed(identity: Identity, ada: str, name: str) -> None:
    assert identity.sign_in(name, PASSWORD, address=HOME).actor.id == ada


def test_another_process_accepts_the_cookie(
    identity: Identity, ada: str, any_store: Store, open_identity: Callable[[Store], Identity]
) -> None:
    cookie = identity.sign_in("ada", PASSWORD, address=HOME).cookie
    actor = open_identity(any_store).actor_from_cookie(cookie)
    assert actor is not None
    assert actor.id == ada


def test_the_cookie_is_not_in_the_database_nor_shown(identity: Identity, ada: str, any_store: Store) -> None:
    session = identity.sign_in("ada", PASSWORD, address=HOME)
    secret = session.cookie.split(".")[0]
    with any_store.read() as db:
        assert secret not in db.scalars(select(Session.id_hash)).one()
    assert secret not in repr(session)
    assert len(secret) == 43


@pytest.mark.parametrize(
    ("name", "password"),
    [("ada", "wrong horse battery"), ("nobody", PASSWORD), ("", ""), ("a\0da", PASSWORD), ("x" * 500, "\udcff")],
    ids=["password", "name", "empty", "nul", "odd"],
)
def test_whatever_is_wrong_is_said_in_the_same_words(identity: Identity, ada: str, name: str, password: str) -> None:
    with pytest.raises(SignInRefused) as caught:
        identity.sign_in(name, password, address=HOME)
    assert str(caught.value) == WRONG


def test_a_disabled_user_is_refused_in_the_same_words(identity: Identity, admin: Actor, ada: str) -> None:
    cookie = identity.sign_in("ada", PASSWORD, address=HOME).cookie
    identity.disable_user(admin, ada)
    assert identity.actor_from_cookie(cookie) is None
    with pytest.raises(SignInRefused) as caught:
        identity.sign_in("ada", PASSWORD, address=HOME)
    assert str(caught.value) == WRONG
    identity.enable_user(admin, ada)
    assert identity.actor_from_cookie(cookie) is None  # that session stays ended
    assert identity.sign_in("ada", PASSWORD, address="192.0.2.9").actor.id == ada


def test_a_name_has_to_wait_after_failures_from_anywhere(identity: Identity, ada: str, clock: FakeClock) -> None:
    for n in range(3):
        with pytest.raises(SignInRefused, match=WRONG):
            identity.sign_in("ada", "wrong horse battery", address=f"192.0.2.{n}")
        clock.advance(10)
    with pytest.raises(SignInRefused, match=r"Too many .* Wait 270 seconds"):
        identity.sign_in("ada", PASSWORD, address="192.0.2.77")
    clock.advance(270)
    assert identity.sign_in("ada", PASSWORD, address="192.0.2.77").actor.id == ada


def test_an_address_has_to_wait_after_failures_with_any_name(identity: Identity, ada: str) -> None:
    for n in range(3):
        with pytest.raises(SignInRefused, match=WRONG):
            identity.sign_in(f"guess{n}", PASSWORD, address=HOME)
    with pytest.raises(SignInRefused, match="Too many"):
        identity.sign_in("ada", PASSWORD, address=HOME)
    assert identity.sign_in("ada", PASSWORD, address="192.0.2.2").actor.id == ada


def test_an_unknown_name_has_to_wait_like_a_known_one(identity: Identity, ada: str) -> None:
    for n in range(3):
        with pytest.raises(SignInRefused, match=WRONG):
            identity.sign_in("nobody", PASSWORD, address=f"192.0.2.{n}")
    with pytest.raises(SignInRefused, match="Too many"):
        identity.sign_in("nobody", PASSWORD, address="192.0.2.77")


def test_signing_in_rightly_uses_up_nothing(identity: Identity, ada: str) -> None:
    for _ in range(8):
        identity.sign_in("ada", PASSWORD, address=HOME)


def test_guesses_made_at_once_do_not_pass_the_limit(identity: Identity, ada: str) -> None:
    outcomes: list[str] = []

    def guess() -> None:
        try:
            identity.sign_in("ada", "wrong horse battery", address=HOME)
        except SignInRefused as exc:
            outcomes.append(str(exc))

    threads = [threading.Thread(target=guess) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count(WRONG) == 3
    assert len(outcomes) == 8


def test_old_failures_are_forgotten(identity: Identity, ada: str, any_store: Store, clock: FakeClock) -> None:
    for n in range(2):
        with pytest.raises(SignInRefused):
            identity.sign_in(f"guess{n}", PASSWORD, address=HOME)
    clock.advance(301)
    identity.sign_in("ada", PASSWORD, address=HOME)
    with any_store.read() as db:
        assert db.scalars(select(LoginAttempt)).all() == []


def test_a_session_ends_by_time_and_is_then_deleted(
    identity: Identity, ada: str, any_store: Store, clock: FakeClock
) -> None:
    session = identity.sign_in("ada", PASSWORD, address=HOME)
    clock.advance(3599)
    assert identity.actor_from_cookie(session.cookie) is not None
    clock.advance(1)
    assert identity.actor_from_cookie(session.cookie) is None
    identity.sign_in("ada", PASSWORD, address=HOME)
    with any_store.read() as db:
        assert len(db.scalars(select(Session)).all()) == 1


def test_signing_out_ends_this_session_alone(identity: Identity, ada: str) -> None:
    first, second = (identity.sign_in("ada", PASSWORD, address=HOME).cookie for _ in range(2))
    identity.sign_out(first)
    identity.sign_out(first)
    identity.sign_out("forged.cookie")
    assert identity.actor_from_cookie(first) is None
    assert identity.actor_from_cookie(second) is not None


def test_a_forged_cookie_is_refused_without_asking_the_database(
    store: Store, open_identity: Callable[[Store], Identity]
) -> None:
    identity = open_identity(store)
    store.close()
    store.engine.connect = lambda: pytest.fail("the database was asked")  # type: ignore[method-assign]
    for forged in ("", ".", "x", "x.y", "A" * 43 + "." + "B" * 43, "ü.ü", "\udcff.x"):
        assert identity.actor_from_cookie(forged) is None
        assert not identity.check_csrf(forged, identity.csrf_token(forged))


def test_a_csrf_token_belongs_to_one_session(identity: Identity, ada: str) -> None:
    first, second = (identity.sign_in("ada", PASSWORD, address=HOME).cookie for _ in range(2))
    token = identity.csrf_token(first)
    assert identity.check_csrf(first, token)
    assert not identity.check_csrf(second, token)
    assert not identity.check_csrf(first, "")
    assert not identity.check_csrf(first, first.split(".")[1])


def test_a_value_sealed_for_one_purpose_is_no_cookie(identity: Identity) -> None:
    sealed = identity.seal("session", "A" * 43)
    assert identity.actor_from_cookie(sealed) is None
    assert identity.unseal("session", sealed) == "A" * 43
    assert identity.unseal("oidc", sealed) is None
