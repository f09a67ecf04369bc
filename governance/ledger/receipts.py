"""Receipts: the signed proof that one entry is in the ledger, verified with nothing but the public key.

A receipt proves what was sealed and where. That later entries continue that history is shown by a consistency proof
or by verifying the ledger against the receipt's checkpoint.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.schema import digest_of
from governance.errors import VerificationError
from governance.ledger.entries import MAX_BODY_BYTES, parse_body, verify_fields
from governance.ledger.key_history import MAX_ROTATIONS, load_history
from governance.ledger.merkle import HASH_BYTES, leaf_hash, verify_inclusion
from governance.ledger.notes import MAX_NOTE_CHARS, MAX_SIZE, decode_base64

VERSION = 1
MAX_PROOF_HASHES = 63
MAX_RECEIPT_CHARS = 8 * MAX_BODY_BYTES


@dataclass(frozen=True, slots=True)
class VerifiedReceipt:
    """What a receipt proves: this body stands at this index of the log, as of its checkpoint over `size` entries."""

    body: dict[str, Any]
    index: int
    size: int
    origin: str


class _Receipt(BaseModel):
    """The form of a receipt."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    version: int = Field(ge=VERSION, le=VERSION)  # not Literal[1], which True would pass
    entry: str = Field(max_length=MAX_BODY_BYTES)
    index: int = Field(ge=0, lt=MAX_SIZE)
    inclusion: list[str] = Field(max_length=MAX_PROOF_HASHES)
    checkpoint: str = Field(max_length=MAX_NOTE_CHARS)
    rotations: list[str] = Field(max_length=MAX_ROTATIONS)
    key: str = Field(max_length=400)


def build_receipt(
    entry: str, *, index: int, proof: Sequence[bytes], checkpoint: str, key: str, rotations: Sequence[str] = ()
) -> dict[str, Any]:
    """Return a receipt, JSON-like. `key` only helps people to see which key it was; nobody verifies with it."""
    return {
        "version": VERSION,
        "entry": entry,
        "index": index,
        "inclusion": [base64.b64encode(hashed).decode("ascii") for hashed in proof],
        "checkpoint": checkpoint,
        "rotations": list(rotations),
        "key": key,
    }


def verify_receipt(
    receipt: Mapping[str, Any] | str | bytes, *, key: str, text: str | None = None, rotations: Sequence[str] = ()
) -> VerifiedReceipt:
    """Check a receipt, offline.

    Args:
        receipt: JSON text or what it reads as.
        key: A public key of the ledger in its text form, from a source that is trusted; never the one in the receipt.
        text: Where given, the released answer, whose digest the entry must hold as `released_digest`.
        rotations: The ledger's key rotations; a receipt from before them does not hold those that lead to a later key.

    Raises:
        VerificationError: The receipt is malformed or proves something else.
    """
    parsed = _parse_receipt(receipt)
    history = load_history(key, rotations if len(rotations) > len(parsed.rotations) else parsed.rotations)
    # 1. The entry says of itself what the ledger always writes, and that it stands at this index.
    body = parse_body(parsed.entry)
    verify_fields(body, index=parsed.index)
    # 2. The checkpoint is signed by the key that the caller trusts, or by one that a chain of rotations ties to it.
    checkpoint = history.open_checkpoint(parsed.checkpoint)
    # 3. The entry is under the checkpoint's root, at this index.
    proof = [decode_base64(hashed, length=HASH_BYTES) for hashed in parsed.inclusion]
    hashed = leaf_hash(parsed.entry.encode())
    verify_inclusion(hashed, index=parsed.index, size=checkpoint.size, proof=proof, root=checkpoint.root)
    # 4. The text is the one that was released.
    if text is not None:
        _verify_text(text, body=body)
    return VerifiedReceipt(body, parsed.index, checkpoint.size, checkpoint.origin)


def _parse_receipt(receipt: Mapping[str, Any] | str | bytes) -> _Receipt:
    if isinstance(receipt, str | bytes):
        receipt = _parse_json(receipt)
    try:
        return _Receipt.model_validate(receipt)
    except ValidationError as exc:
        problems = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'receipt'}: {e['msg']}" for e in exc.errors()[:3])
        raise VerificationError(f"The receipt is malformed: {problems}.") from exc


def _parse_json(text: str | bytes) -> Any:
    if len(text) > MAX_RECEIPT_CHARS:
        raise VerificationError(f"A receipt has at most {MAX_RECEIPT_CHARS} characters; this one has {len(text)}.")
    try:
        return json.loads(text if isinstance(text, str) else text.decode(), object_pairs_hook=_refuse_twins)
    except (ValueError, RecursionError) as exc:
        raise VerificationError("The receipt is not JSON, or names a field twice.") from exc


def _refuse_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field is named twice")
    return found


def _verify_text(text: str, *, body: Mapping[str, Any]) -> None:
    expected = body.get("released_digest")
    if not isinstance(expected, str):
        raise VerificationError("The entry holds no digest of a released text, so no text can be checked against it.")
    try:
        found = digest_of(text.encode())
    except UnicodeEncodeError as exc:
        raise VerificationError("The text is not valid Unicode, so it was never released.") from exc
    if found != expected:
        raise VerificationError(f"The text is not the released one: its digest is {found}, the sealed one {expected}.")
