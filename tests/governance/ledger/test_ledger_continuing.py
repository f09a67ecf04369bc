"""Nothing is signed on top of a history that was altered, cut or replaced."""

from typing import Any

import pytest
from sqlalchemy import text

from core.store.database import Store
from governance.errors import InputError, LedgerError, VerificationError
from governance.ledger import Ledger, Signer


def test_another_key_can_not_open_the_ledger(ledger: Ledger, store: Store, other_signer: Signer, clock: Any) -> None:
    ledger.append("note", {})
    with pytest.raises(VerificationError, match="is not signed by"):
        Ledger(store, signer=other_signer, clock=clock)


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param('DELETE FROM ledger_entries WHERE "index" = 4', id="tail cut"),
        pytest.param("DELETE FROM ledger_checkpoints WHERE size = 5", id="checkpoint cut"),
        pytest.param("UPDATE ledger_nodes SET hash = zeroblob(32) WHERE level = 2", id="node altered"),
        pytest.param("DELETE FROM ledger_nodes WHERE level = 2", id="node dropped"),
        pytest.param('UPDATE ledger_entries SET leaf_hash = zeroblob(32) WHERE "index" = 4', id="leaf altered"),
        pytest.param(
            "UPDATE ledger_checkpoints SET note = (SELECT note FROM ledger_checkpoints WHERE size = 4) WHERE size = 5",
            id="checkpoint replayed",
        ),
    ],
)
def test_nothing_is_signed_on_top_of_an_altered_ledger(
    ledger: Ledger, store: Store, signer: Signer, clock: Any, statement: str
) -> None:
    for number in range(5):
        ledger.append("note", {"n": number})
    with store.write() as session:
        session.execute(text(statement))
    with pytest.raises(VerificationError):
        Ledger(store, signer=signer, clock=clock)


@pytest.mark.parametrize(
    "statement",
    [
        'UPDATE ledger_entries SET "index" = \'two\' WHERE "index" = 2',
        "UPDATE ledger_entries SET leaf_hash = 'text'",
        "UPDATE ledger_checkpoints SET size = 'three' WHERE size = 3",
        "UPDATE ledger_checkpoints SET note = x'00'",
        "UPDATE ledger_nodes SET hash = 'text'",
        "UPDATE ledger_entries SET at = 'soon'",
        "UPDATE ledger_entries SET body = x'00'",
    ],
)
def test_values_of_other_types_are_ledger_errors(
    ledger: Ledger, store: Store, signer: Signer, clock: Any, statement: str
) -> None:
    for number in range(3):
        ledger.append("note", {"n": number})
    with store.write() as session:
        session.execute(text(statement))
    attempts = (
        lambda: Ledger(store, signer=signer, clock=clock),
        lambda: ledger.append("note", {}),
        lambda: ledger.receipt(2),
        lambda: ledger.receipt(0),
        lambda: ledger.entries(),
    )
    refused = 0
    for attempt in attempts:
        try:
            attempt()
        except (LedgerError, InputError):
            refused += 1
    assert refused


def test_history_that_goes_back_under_an_open_ledger_is_not_continued(
    ledger: Ledger, store: Store, signer: Signer, clock: Any
) -> None:
    ledger.append("note", {"n": 0})
    ledger.append("note", {"n": 1})
    with store.write() as session:
        for table, column, value in (("entries", "index", 1), ("checkpoints", "size", 2), ("nodes", "level", 1)):
            session.execute(text(f'DELETE FROM ledger_{table} WHERE "{column}" = {value}'))
    with pytest.raises(VerificationError, match="cut off"):
        ledger.append("note", {"n": 2})
    # Somebody who opens it afresh knows nothing of the cut, and forks: the older one must notice that as well.
    fresh = Ledger(store, signer=signer, clock=clock)
    for number in range(4):
        fresh.append("note", {"n": 10 + number})
    with pytest.raises(VerificationError, match="forked"):
        ledger.append("note", {"n": 2})


def test_history_replaced_under_an_open_ledger_is_not_continued(
    ledger: Ledger, store: Store, signer: Signer, clock: Any
) -> None:
    ledger.append("note", {"n": 0})
    with store.write() as session:
        session.execute(text("DELETE FROM ledger_entries"))
        session.execute(text("DELETE FROM ledger_checkpoints"))
    Ledger(store, signer=signer, clock=clock).append("note", {"n": 1})
    with pytest.raises(VerificationError, match="forked"):
        ledger.append("note", {"n": 2})
