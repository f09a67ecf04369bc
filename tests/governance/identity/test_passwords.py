"""What a password must be, and what its hash is."""

import pytest
from argon2 import PasswordHasher, extract_parameters

from governance.errors import InputError
from governance.identity.passwords import MAX_CHARS, Passwords, refuse_weak

CHEAP = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


def test_the_hash_is_argon2id_with_the_costs_that_rfc_9106_recommends() -> None:
    hashed = Passwords(PasswordHasher()).hash("correct horse battery")
    found = extract_parameters(hashed)
    assert hashed.startswith("$argon2id$")
    assert (found.time_cost, found.memory_cost, found.parallelism) == (3, 65536, 4)


def test_only_the_right_password_fits() -> None:
    stored = CHEAP.hash("correct horse battery")
    assert CHEAP.is_right("correct horse battery", stored)
    assert not CHEAP.is_right("correct horse batterY", stored)
    assert stored != CHEAP.hash("correct horse battery")


@pytest.mark.parametrize("password", ["", "\0" * 32, "anything at all", "\udcff"])
def test_without_a_stored_hash_nothing_fits(password: str) -> None:
    assert not CHEAP.is_right(password, None)


@pytest.mark.parametrize("stored", ["not a hash", "$argon2id$v=19$m=8,t=1,p=1$AAAA", ""])
def test_a_damaged_hash_fits_nothing(stored: str) -> None:
    assert not CHEAP.is_right("correct horse battery", stored)


def test_the_same_password_from_another_keyboard_fits() -> None:
    assert CHEAP.is_right("caf\u00e9 au lait noir", CHEAP.hash("cafe\u0301 au lait noir"))


@pytest.mark.parametrize(
    ("password", "message"),
    [
        ("elevenchars", "has 12 to 1024 characters; this one has 11"),
        ("x1" * MAX_CHARS, "this one has 2048"),
        ("aaaaaaaaaaaabbb", "different characters"),
        ("my name is ADA lovelace", "must not hold the user's name"),
    ],
    ids=["short", "long", "uniform", "name"],
)
def test_a_weak_password_is_refused_with_what_it_lacks(password: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        refuse_weak(password, name="ada")


@pytest.mark.parametrize("password", ["twelve chars", "ünïcödé wörds", "a" * 1000 + "bcdef"])
def test_a_long_enough_password_is_accepted(password: str) -> None:
    refuse_weak(password, name="ada")
