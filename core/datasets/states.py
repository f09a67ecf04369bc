"""The states of a dataset, and the only ways between them.

    registered -> profiled -> scanned -> approved -> indexed -> retired
                                `-> quarantined (from any state but retired; a reviewer can lead it back)

Only an indexed dataset is retrievable. A newer version of an indexed dataset is profiled, scanned and decided on while
the old one stays in use; what was decided on a version is kept with it. Who may move what is the gate's to decide.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.datasets.card import DatasetCard
from core.datasets.scan import Scan, ScanResult
from core.errors import DatasetError
from core.store.database import Store
from core.store.tables import Dataset

State = Literal["registered", "profiled", "scanned", "approved", "indexed", "quarantined", "retired"]
STATES: tuple[State, ...] = ("registered", "profiled", "scanned", "approved", "indexed", "quarantined", "retired")
TRANSITIONS: Mapping[State, frozenset[State]] = {
    "registered": frozenset({"profiled", "quarantined", "retired"}),
    "profiled": frozenset({"scanned", "quarantined", "retired"}),
    "scanned": frozenset({"approved", "quarantined", "retired"}),
    "approved": frozenset({"indexed", "quarantined", "retired"}),
    "indexed": frozenset({"indexed", "quarantined", "retired"}),
    "quarantined": frozenset({"approved", "registered", "retired"}),
    "retired": frozenset({"registered"}),
}
RETRIEVABLE: State = "indexed"


@dataclass(frozen=True, slots=True)
class Approval:
    """What was decided on a version.

    Attributes:
        outcome: "waits" for a reviewer; only "approved" may be indexed.
        rule: The rule that decided, such as "licence.open"; for a person "reviewer".
        by: Id of the person; empty for a rule.
    """

    outcome: Literal["approved", "waits", "quarantined"]
    reason: str
    rule: str
    by: str = ""
    role: str = ""
    at: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-like values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Move:
    """A way that a dataset shall go.

    Attributes:
        path: The states to pass, in order; the last one stays.
        by: The rule or the id of the person who moves it.
    """

    dataset_id: str
    path: tuple[State, ...]
    version: str | None
    by: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """A move that was checked: it starts at the state `before`."""

    move: Move
    before: State


class Gate(Protocol):
    """What stands between data and its use; `governance.datasets.DatasetGate` does."""

    scan: Scan
    """Looks for personal data, secrets and planted instructions; can be sent to other processes."""

    def decide(self, card: DatasetCard, scan: ScanResult) -> Approval:
        """Approve a version by rule, let it wait for a reviewer, or quarantine it."""

    def record(self, changes: Sequence[Change]) -> None:
        """Put changes on record, before they happen."""


Record = Callable[[Sequence[Change]], None]


def check_moves(session: Session, moves: Sequence[Move]) -> list[Change]:
    """Return the moves with the states they start at.

    Raises:
        DatasetError: A dataset is not known, or one of the steps does not exist.
    """
    ids = [move.dataset_id for move in moves]
    states = dict(session.execute(select(Dataset.id, Dataset.state).where(Dataset.id.in_(ids))).all())
    changes: list[Change] = []
    for move in moves:
        if move.dataset_id not in states:
            raise DatasetError(f"No dataset is called {move.dataset_id!r}.")
        before: State = states[move.dataset_id]  # type: ignore[assignment]
        _check_path(move, before)
        changes.append(Change(move, before))
        states[move.dataset_id] = move.path[-1]
    return changes


def apply_changes(session: Session, changes: Sequence[Change], *, now: datetime) -> None:
    """Write checked and recorded changes, as part of a caller's transaction.

    Raises:
        DatasetError: A dataset was moved meanwhile.
    """
    for change in changes:
        row = session.get_one(Dataset, change.move.dataset_id)
        if row.state != change.before:
            raise DatasetError(f"{row.id} was {change.before} and is {row.state} now; look at it and try again.")
        row.state, row.state_reason = change.move.path[-1], change.move.reason
        row.retired_at = now if row.state == "retired" else None
        row.updated_at = now


def move_datasets(store: Store, moves: Sequence[Move], *, record: Record, now: datetime) -> None:
    """Check moves, record them, then make them, so that nothing is ever usable that is not on record.

    Raises:
        DatasetError: A dataset is not known, a step does not exist, or a dataset was moved meanwhile.
    """
    with store.read() as session:
        changes = check_moves(session, moves)
    record(changes)
    with store.write(lock="datasets") as session:
        apply_changes(session, changes, now=now)


def _check_path(move: Move, before: State) -> None:
    at = before
    for to in move.path:
        if to not in TRANSITIONS[at]:
            allowed = ", ".join(state for state in STATES if state in TRANSITIONS[at])
            raise DatasetError(f"{move.dataset_id} is {at} and can't become {to}; it can become {allowed}.")
        at = to
