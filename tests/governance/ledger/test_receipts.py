"""Receipts: what a genuine one proves, and that whatever else is refused with the same clear kind of error."""

import base64
import copy
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from core.store.database import Store
from governance.errors import VerificationError
from governance.ledger import Ledger, Signer, build_draft, verify_ledger, verify_receipt
from governance.ledger.merkle import leaf_hash
from governance.ledger.notes import Checkpoint, create_signer, sign_checkpoint
from governance.ledger.receipts import build_receipt

ANSWER = "“Blue” [1], as the policy says."
SIGNER = create_signer(hashlib.sha256(b"receipts").digest())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@pytest.fixture
def filled(ledger: Ledger) -> Ledger:
    digest = "sha256:" + hashlib.sha256(ANSWER.encode()).hexdigest()
    ledger.append_many([build_draft("turn.closed", {"n": n, "released_digest": digest}) for n in range(11)])
    return ledger


def _nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def _alone(text: str) -> dict[str, Any]:
    """A receipt whose key holder signed this text as the only entry."""
    note = sign_checkpoint(Checkpoint(SIGNER.verifier.name, 1, leaf_hash(text.encode())), signer=SIGNER)
    return build_receipt(text, index=0, proof=[], checkpoint=note, key=SIGNER.verifier.vkey())


def test_every_entry_of_every_size_has_a_receipt_that_verifies(ledger: Ledger, signer: Signer) -> None:
    for size in range(1, 20):
        ledger.append("note", {"n": size})
        for index in range(size):
            verified = verify_receipt(ledger.receipt(index), key=ledger.key)
            assert (verified.index, verified.size, verified.origin) == (index, size, signer.verifier.name)
            assert verified.body == ledger.entry(index).body


def test_receipt_verifies_on_any_database(any_ledger: Ledger) -> None:
    any_ledger.append_many([build_draft("note", {"n": n}) for n in range(100)])
    assert verify_receipt(any_ledger.receipt(70), key=any_ledger.key).body["n"] == 70


@pytest.mark.parametrize("form", [dict, json.dumps, lambda receipt: json.dumps(receipt).encode()])
def test_receipt_verifies_in_every_form(filled: Ledger, form: Callable[[dict[str, Any]], Any]) -> None:
    assert verify_receipt(form(filled.receipt(4)), key=filled.key, text=ANSWER).body["n"] == 4


def test_old_receipt_stays_good_and_pins_the_history(filled: Ledger, store: Store) -> None:
    receipt = filled.receipt(4)
    filled.append("note", {})
    assert verify_receipt(receipt, key=filled.key).size == 11
    verify_ledger(store, verifier_key=filled.key, kept=[receipt["checkpoint"]])


def test_text_must_be_the_released_one(filled: Ledger) -> None:
    receipt = filled.receipt(2)
    for other in (ANSWER + " ", ANSWER.replace("Blue", "Red"), "", "\ud800"):
        with pytest.raises(VerificationError):
            verify_receipt(receipt, key=filled.key, text=other)


def test_text_can_not_be_checked_against_an_entry_without_one(ledger: Ledger) -> None:
    ledger.append("note", {"released_digest": None})
    with pytest.raises(VerificationError, match="no digest of a released text"):
        verify_receipt(ledger.receipt(0), key=ledger.key, text=ANSWER)


def test_key_inside_the_receipt_is_never_trusted(filled: Ledger, other_signer: Signer) -> None:
    receipt = filled.receipt(0)
    forged = _alone(receipt["entry"])
    assert verify_receipt(forged, key=SIGNER.verifier.vkey()).index == 0
    with pytest.raises(VerificationError, match="is not signed by"):
        verify_receipt(forged, key=filled.key)
    with pytest.raises(VerificationError, match="is not signed by"):
        verify_receipt(receipt, key=other_signer.verifier.vkey())
    with pytest.raises(VerificationError):
        verify_receipt(receipt, key="no key")


def test_altered_entry_gets_no_receipt(filled: Ledger, store: Store) -> None:
    with store.write() as session:
        edit = text('UPDATE ledger_entries SET body = replace(body, :old, :new) WHERE "index" = 3')
        session.execute(edit, {"old": '"n":3', "new": '"n":4'})
    with pytest.raises(VerificationError, match="does not lead to the signed root"):
        filled.receipt(3)
    assert filled.receipt(2)["index"] == 2


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", 2),
        ("version", "1"),
        ("version", True),
        ("entry", 3),
        ("entry", "{}"),
        ("entry", ""),
        ("index", 5),
        ("index", -1),
        ("index", "4"),
        ("index", 4.0),
        ("index", True),
        ("index", 10**400),
        ("inclusion", []),
        ("inclusion", "AAAA"),
        ("inclusion", [1]),
        ("inclusion", ["!"]),
        ("inclusion", ["AAAA"]),
        ("inclusion", ["A" * 43 + "="] * 4),
        ("inclusion", ["A" * 43 + "="] * 64),
        ("checkpoint", ""),
        ("checkpoint", None),
        ("checkpoint", "x" * 100_000),
        ("key", None),
        ("key", "x" * 1000),
        ("more", 1),
    ],
)
def test_altered_field_is_refused(filled: Ledger, field: str, value: object) -> None:
    with pytest.raises(VerificationError):
        verify_receipt({**filled.receipt(4), field: value}, key=filled.key)


@pytest.mark.parametrize("field", ["version", "entry", "index", "inclusion", "checkpoint", "key"])
def test_missing_field_is_refused(filled: Ledger, field: str) -> None:
    receipt = filled.receipt(4)
    del receipt[field]
    with pytest.raises(VerificationError, match=field):
        verify_receipt(receipt, key=filled.key)


@pytest.mark.parametrize(
    "receipt",
    [
        pytest.param("", id="empty"),
        pytest.param(b"\xff", id="not UTF-8"),
        pytest.param("null", id="null"),
        pytest.param("[]", id="list"),
        pytest.param("[" * 100_000, id="deep"),
        pytest.param('{"version":1,"version":1}', id="field twice"),
        pytest.param("9" * 5000, id="huge number"),
        pytest.param('"\\ud800"', id="surrogate"),
        pytest.param('{"entry":"\\ud800"}', id="surrogate inside"),
        pytest.param(" " * 9_000_000, id="too long"),
        pytest.param(None, id="nothing"),
        pytest.param(7, id="number"),
        pytest.param({"version": _nested(100_000)}, id="deep value"),
    ],
)
def test_what_is_no_receipt_is_refused(receipt: Any) -> None:
    with pytest.raises(VerificationError):
        verify_receipt(receipt, key=SIGNER.verifier.vkey())


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "[" * 100_000, '{"v":1,"v":1}', '{"a":"\\ud800"}', "9" * 5000, '{"v": 1}']
)
def test_signed_nonsense_is_refused(text: str) -> None:
    with pytest.raises(VerificationError):
        verify_receipt(_alone(text), key=SIGNER.verifier.vkey())


@given(st.one_of(st.text(), st.binary(), JSON, JSON.map(lambda value: json.dumps(value))))
def test_anything_is_refused_with_the_same_kind_of_error(receipt: Any) -> None:
    with pytest.raises(VerificationError):
        verify_receipt(receipt, key=SIGNER.verifier.vkey())


@given(
    st.dictionaries(st.sampled_from(["version", "entry", "index", "inclusion", "checkpoint", "key"]), JSON, min_size=1)
)
def test_any_other_values_are_refused_with_the_same_kind_of_error(values: dict[str, Any]) -> None:
    entry = (
        '{"actor_id":null,"agent_id":null,"at":"2026-01-01T00:00:00.000Z","index":0,"kind":"a","turn_id":null,"v":1}'
    )
    genuine = _alone(entry)
    assert verify_receipt(genuine, key=SIGNER.verifier.vkey()).index == 0
    altered = {**genuine, **values}
    same = {name: value for name, value in altered.items() if name != "key"} == {
        name: value for name, value in genuine.items() if name != "key"
    }
    if not same:
        with pytest.raises(VerificationError):
            verify_receipt(altered, key=SIGNER.verifier.vkey())


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_any_altered_character_is_refused(filled: Ledger, data: st.DataObject) -> None:
    receipt = filled.receipt(4)
    field = data.draw(st.sampled_from(["entry", "checkpoint", "inclusion"]))
    altered = copy.deepcopy(receipt)
    texts = altered["inclusion"] if field == "inclusion" else [altered[field]]
    place = data.draw(st.integers(0, len(texts) - 1))
    at = data.draw(st.integers(0, len(texts[place]) - 1))
    new = data.draw(st.characters().filter(lambda char: char != texts[place][at]))
    texts[place] = texts[place][:at] + new + texts[place][at + 1 :]
    if field != "inclusion":
        altered[field] = texts[0]
    with pytest.raises(VerificationError):
        verify_receipt(altered, key=filled.key)


def test_proof_of_one_entry_does_not_prove_another(filled: Ledger) -> None:
    receipts = [filled.receipt(index) for index in range(11)]
    for mine, other in ((0, 1), (3, 4), (9, 10), (10, 0)):
        for fields in (["entry"], ["index"], ["inclusion"], ["entry", "index"]):
            mixed = receipts[mine] | {name: receipts[other][name] for name in fields}
            with pytest.raises(VerificationError):
                verify_receipt(mixed, key=filled.key)


def test_proof_hashes_are_in_the_receipt_as_base64(filled: Ledger) -> None:
    receipt = filled.receipt(0)
    assert receipt["version"] == 1
    assert receipt["key"] == filled.key
    assert [len(base64.b64decode(hashed)) for hashed in receipt["inclusion"]] == [32] * 4
