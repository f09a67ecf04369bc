"""Fixtures of governance: an open door."""

from collections.abc import Iterator

import pytest

from core.store.database import Store
from tests.governance.door import Door, open_door


@pytest.fixture
def door(store: Store) -> Iterator[Door]:
    opened = open_door(store)
    yield opened
    opened.ledger.close()
