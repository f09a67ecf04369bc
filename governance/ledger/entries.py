"""An entry of the ledger: its fields, its canonical JSON (RFC 8785), and the checks that a stored one must pass.

An entry holds digests and metadata only; that no personal content gets in is the caller's part.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from core.schema import canonical_bytes
from governance.errors import LedgerError, VerificationError

VERSION = 1
MAX_BODY_BYTES = 262_144
ID_FIELDS = ("turn_id", "agent_id", "actor_id")
OWN_FIELDS = frozenset({"v", "kind", "index", "at", *ID_FIELDS})
_KIND = re.compile(r"[a-z][a-z0-9_.-]{0,39}")
_ID = re.compile(r"[\x21-\x7e]{1,36}")
_AT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@dataclass(frozen=True, slots=True)
class Draft:
    """What shall be sealed; it has no place and no time yet.

    Attributes:
        members: Name -> canonical JSON of name and value, for all that the body will hold but `index` and `at`.
    """

    kind: str
    turn_id: str | None
    agent_id: str | None
    actor_id: str | None
    members: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Sealed:
    """The place that an entry got: durable, in the tree, under a signed checkpoint."""

    index: int
    leaf_hash: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as it was read. Reading does not verify: `verify_ledger` does.

    Attributes:
        body: Everything that the leaf commits to, the other fields here included.
    """

    index: int
    kind: str
    turn_id: str | None
    agent_id: str | None
    actor_id: str | None
    at: datetime
    body: dict[str, Any]
    leaf_hash: bytes


def build_draft(
    kind: str,
    body: Mapping[str, Any],
    *,
    turn_id: str | None = None,
    agent_id: str | None = None,
    actor_id: str | None = None,
) -> Draft:
    """Check what shall be sealed, and turn its values into canonical JSON.

    Raises:
        LedgerError: The kind, an id or the body can't stand in an entry.
    """
    if not _KIND.fullmatch(kind):
        raise LedgerError(f"An entry's kind is 1 to 40 of a-z 0-9 _ . - from a letter on; found {kind[:60]!r}.")
    ids = {"turn_id": turn_id, "agent_id": agent_id, "actor_id": actor_id}
    for name, value in ids.items():
        if value is not None and not _ID.fullmatch(value):
            raise LedgerError(f"An entry's {name} is 1 to 36 visible ASCII characters; found {value[:60]!r}.")
    taken = OWN_FIELDS & body.keys()
    if taken:
        raise LedgerError(f"An entry's body can't set {', '.join(sorted(taken))}: the ledger sets them.")
    members = _canonical_members({"v": VERSION, "kind": kind, **ids, **body})
    return Draft(kind, turn_id, agent_id, actor_id, members)


def render_body(draft: Draft, *, index: int, at: datetime) -> str:
    """Return the canonical JSON of a draft that got its place and time."""
    members = {**draft.members, **_canonical_members({"index": index, "at": format_time(at)})}
    # RFC 8785, 3.2.3: names are ordered by their UTF-16 code units.
    names = sorted(members, key=lambda name: name.encode("utf-16-be"))
    return (b"{" + b",".join(members[name] for name in names) + b"}").decode()


def parse_body(text: str) -> dict[str, Any]:
    """Read an entry's body, which must be the canonical JSON of an object.

    Raises:
        VerificationError: It is not.
    """
    if not isinstance(text, str) or len(text) > MAX_BODY_BYTES:
        raise VerificationError(f"Expected an entry's text of at most {MAX_BODY_BYTES} bytes.")
    try:
        body = json.loads(text, parse_int=_parse_int)
        canonical = canonical_bytes(body)
    except (ValueError, RecursionError) as exc:
        raise VerificationError("Expected an entry in JSON and found something else.") from exc
    if not isinstance(body, dict) or canonical != text.encode():
        raise VerificationError("Expected an entry as a JSON object in canonical form (RFC 8785).")
    return body


def verify_fields(body: Mapping[str, Any], *, index: int) -> None:
    """Check the fields that the ledger itself sets.

    Raises:
        VerificationError: One is missing, has another type, or the entry says that it stands elsewhere.
    """
    if body.get("v") != VERSION or isinstance(body["v"], bool):
        raise VerificationError(f"Expected an entry of version {VERSION}.")
    if body.get("index") != index or isinstance(body["index"], bool):
        raise VerificationError(f"The entry says that its index is {str(body.get('index'))[:40]}, not {index}.")
    if not isinstance(body.get("kind"), str) or not _KIND.fullmatch(body["kind"]):
        raise VerificationError("The entry's kind is missing or malformed.")
    for name in ID_FIELDS:
        value = body.get(name, "")
        if value is not None and not (isinstance(value, str) and _ID.fullmatch(value)):
            raise VerificationError(f"The entry's {name} is missing or malformed.")
    parse_time(body.get("at"))


def format_time(at: datetime) -> str:
    """Return a time as RFC 3339 in UTC with milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(text: object) -> datetime:
    """Read a time that `format_time` wrote.

    Raises:
        VerificationError: It has another form.
    """
    if not isinstance(text, str) or not _AT.fullmatch(text):
        raise VerificationError("The entry's time is missing, or not RFC 3339 in UTC with milliseconds.")
    try:
        return datetime.fromisoformat(text)
    except ValueError as exc:
        raise VerificationError(f"The entry's time does not exist: {text}.") from exc


def _parse_int(digits: str) -> int | float:
    """Read a number as RFC 8785 means it: beyond 2**53 - 1 every number is a double."""
    number = float(digits)
    return int(digits) if abs(number) < 2**53 else number


def _canonical_members(values: Mapping[str, Any]) -> dict[str, bytes]:
    try:
        members = {name: canonical_bytes({name: value})[1:-1] for name, value in values.items()}
    except (ValueError, TypeError, RecursionError) as exc:
        raise LedgerError(f"An entry's body must be JSON (RFC 8785) and is not: {exc}.") from exc
    size = sum(len(member) + 1 for member in members.values())
    if size > MAX_BODY_BYTES - 100:
        raise LedgerError(f"An entry has at most {MAX_BODY_BYTES} bytes; this one has {size}. Store content apart.")
    return members
