"""Fixtures of the ledger: a signer whose key never changes, and ledgers on a fresh store."""

import hashlib
from collections.abc import Callable
from datetime import datetime

import pytest

from core.store.database import Store
from governance.ledger import Ledger, Signer, create_signer


@pytest.fixture
def signer() -> Signer:
    return create_signer(hashlib.sha256(b"the tests' ledger").digest())


@pytest.fixture
def other_signer() -> Signer:
    return create_signer(hashlib.sha256(b"somebody else").digest())


@pytest.fixture
def ledger(store: Store, signer: Signer, clock: Callable[[], datetime]) -> Ledger:
    return Ledger(store, signer=signer, clock=clock)


@pytest.fixture
def any_ledger(any_store: Store, signer: Signer, clock: Callable[[], datetime]) -> Ledger:
    return Ledger(any_store, signer=signer, clock=clock)
