"""Finding entries again, and proofs between checkpoints."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from governance.errors import InputError, LedgerError
from governance.ledger import Ledger, Signer
from governance.ledger.merkle import verify_consistency
from governance.ledger.notes import open_checkpoint


def _fill(ledger: Ledger, clock: Any) -> None:
    for number in range(12):
        ids = {"turn_id": f"t{number // 2}", "agent_id": f"a{number % 3}", "actor_id": None if number % 4 else "u"}
        ledger.append("turn.closed" if number % 2 else "turn.opened", {"n": number}, **ids)
        clock.advance(60)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        pytest.param({}, list(range(12)), id="all"),
        pytest.param({"newest_first": True, "limit": 3}, [11, 10, 9], id="newest"),
        pytest.param({"after": 4, "limit": 2}, [5, 6], id="next page"),
        pytest.param({"after": 4, "limit": 2, "newest_first": True}, [3, 2], id="next page, newest first"),
        pytest.param({"kinds": ["turn.closed"]}, [1, 3, 5, 7, 9, 11], id="kind"),
        pytest.param({"kinds": []}, [], id="no kind"),
        pytest.param({"kinds": ["turn.closed", "turn.opened"], "limit": 2}, [0, 1], id="kinds"),
        pytest.param({"agent_id": "a1"}, [1, 4, 7, 10], id="agent"),
        pytest.param({"turn_id": "t2"}, [4, 5], id="turn"),
        pytest.param({"actor_id": "u"}, [0, 4, 8], id="actor"),
        pytest.param({"actor_id": "nobody"}, [], id="nobody"),
        pytest.param({"since": 180, "until": 300}, [3, 4], id="time"),
    ],
)
def test_entries_are_found(any_ledger: Ledger, clock: Any, asked: dict[str, Any], expected: list[int]) -> None:
    start = clock()
    _fill(any_ledger, clock)
    times = {name: start + timedelta(seconds=asked[name]) for name in ("since", "until") if name in asked}
    assert [entry.index for entry in any_ledger.entries(**{**asked, **times})] == expected


def test_unknown_entry_is_named(ledger: Ledger) -> None:
    ledger.append("note", {})
    for index in (1, -1, 10**6):
        with pytest.raises(InputError, match=f"no entry {index}"):
            ledger.entry(index)
        with pytest.raises(InputError, match=f"no entry {index}"):
            ledger.receipt(index)


def test_naive_time_is_refused_in_a_query(ledger: Ledger) -> None:
    with pytest.raises(LedgerError):
        ledger.entries(since=datetime(2026, 1, 1))  # noqa: DTZ001 a naive time is what is tested


def test_consistency_proofs_hold_between_all_checkpoints(ledger: Ledger, signer: Signer) -> None:
    roots = {}
    for size in range(1, 18):
        ledger.append("note", {"n": size})
        roots[size] = open_checkpoint(ledger.latest_checkpoint() or "", verifier=signer.verifier).root
    for old in range(1, 18):
        proof = ledger.consistency_proof(old)
        verify_consistency(old_size=old, old_root=roots[old], size=17, root=roots[17], proof=proof)
    for old in (0, 18):
        with pytest.raises(InputError):
            ledger.consistency_proof(old)
