"""An Identity on each database, with password hashes that cost next to nothing."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from core.store.database import Store
from governance.identity import Identity
from governance.schema import Actor

OpenIdentity = Callable[[Store], Identity]


@pytest.fixture
def open_identity(tmp_path: Path, clock: Callable[[], datetime]) -> OpenIdentity:
    """Opens the identities of a store, as a second process of the same installation would."""

    def opener(store: Store) -> Identity:
        return Identity(
            store,
            key_folder=tmp_path / "keys",
            session_ttl_s=3600,
            login_attempts=3,
            login_window_s=300,
            clock=clock,
            hasher=PasswordHasher(time_cost=1, memory_cost=8, parallelism=1),
        )

    return opener


@pytest.fixture
def identity(any_store: Store, open_identity: OpenIdentity) -> Identity:
    return open_identity(any_store)


@pytest.fixture
def admin(identity: Identity) -> Actor:
    actor, _ = identity.first_admin()
    assert actor is not None
    return actor
