"""Datasets under governance: the gate that data passes before it is used, and the people who decide on what waits.

Every move of a dataset is in the ledger before it happens: which version, from which state to which, by whom (a rule or
a person), and why. Data that no rule and no person approved is not indexed, so no query sees it.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, undefer

from core.datasets.card import DatasetCard
from core.datasets.scan import Scan, ScanResult
from core.datasets.states import Approval, Change, Move, State, move_datasets
from core.store.database import Store
from core.store.tables import Dataset, DatasetVersion
from governance.dataset_rules import DatasetRules
from governance.errors import InputError
from governance.identity import require
from governance.ledger import Ledger, build_draft
from governance.schema import Actor, Resource

MOVED = "dataset.moved"
REVIEWED = "dataset.reviewed"
REVIEWER = "reviewer"
MAX_REASON_CHARS = 2_000
MAX_QUEUE = 1_000
Outcome = Literal["approved", "quarantined"]
_OUTCOME = DatasetVersion.approval["outcome"].as_string()


class DatasetGate:
    """Decides by rule on what was scanned, and records what happens to datasets.

    Attributes:
        scan: Looks for personal data, secrets and planted instructions; sent to the processes that read datasets.
    """

    def __init__(self, ledger: Ledger, *, rules: Callable[[], DatasetRules], scan: Scan) -> None:
        """Take the ledger, what reads the rules in force, and the scan."""
        self._ledger = ledger
        self._rules = rules
        self.scan = scan

    def decide(self, card: DatasetCard, scan: ScanResult) -> Approval:
        """Approve a version by the rules in force, let it wait for a reviewer, or quarantine it.

        Raises:
            PolicyError: The rules can't be read; then nothing is approved.
        """
        return self._rules().decide(card, scan)

    def record(self, changes: Sequence[Change]) -> None:
        """Put changes on record, all of them or none.

        Raises:
            LedgerError: They can't be written; then they must not happen.
        """
        if changes:
            self._ledger.append_many([build_draft(MOVED, _body(change)) for change in changes])


@dataclass(frozen=True, slots=True)
class WaitingDataset:
    """A version that waits for a reviewer, or was quarantined.

    Attributes:
        rule: The rule that did not let it through.
        scan: What was found in it, as `ScanResult.to_json` gives it; None when it was not scanned.
        in_use: Whether an older version of it stays in use meanwhile.
    """

    dataset_id: str
    title: str
    tier: str
    licence: str
    version: str
    outcome: str
    reason: str
    rule: str
    scan: dict[str, Any] | None
    in_use: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a dataset stands, and its version that waits or was refused, if there is one."""

    state: State
    waiting: WaitingDataset | None


class DatasetReviews:
    """What people decide on datasets. Each decision needs a right and a reason."""

    def __init__(self, store: Store, ledger: Ledger, *, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._ledger = ledger
        self._clock = clock

    def queue(self, actor: Actor, *, limit: int = MAX_QUEUE) -> list[WaitingDataset]:
        """Return the first `limit` versions that wait: quarantined ones first, then oldest first.

        Raises:
            AccessDenied: The actor may not decide on datasets.
        """
        require(actor, "dataset.review", Resource("dataset"))
        with self._store.read() as session:
            chosen = _queued(session)[:limit]
            found = {dataset.id: _waiting(dataset, version) for dataset, version in _open_versions(session, chosen)}
        return [found[each] for each in chosen]

    def count_queue(self, actor: Actor) -> int:
        """Return how many datasets wait or are quarantined.

        Raises:
            AccessDenied: The actor may not decide on datasets.
        """
        require(actor, "dataset.review", Resource("dataset"))
        with self._store.read() as session:
            return len(_queued(session))

    def standing(self, dataset_ids: Collection[str]) -> dict[str, Standing]:
        """Return where these datasets stand, those left out that are not known; for who may see that they are there."""
        with self._store.read() as session:
            states = session.execute(select(Dataset.id, Dataset.state).where(Dataset.id.in_(dataset_ids))).all()
            waiting = {
                dataset.id: _waiting(dataset, version) for dataset, version in _open_versions(session, dataset_ids)
            }
        return {dataset_id: Standing(cast(State, state), waiting.get(dataset_id)) for dataset_id, state in states}

    def approve(self, actor: Actor, dataset_id: str, *, reason: str) -> State:
        """Approve what waits of a dataset, quarantined data included; return the state that it has then.

        It is indexed the next time it is added; one that was taken out of use by a person is back at once.

        Raises:
            AccessDenied: The actor may not decide on datasets.
            InputError: There is no such dataset, nothing of it waits, or no reason is given.
        """
        return self._decide(actor, dataset_id, "approved", reason)

    def quarantine(self, actor: Actor, dataset_id: str, *, reason: str) -> State:
        """Refuse what waits of a dataset; where nothing waits, take the dataset out of use. Return its state then.

        Raises:
            AccessDenied: As for `approve`.
            InputError: As for `approve`.
        """
        return self._decide(actor, dataset_id, "quarantined", reason)

    def retire(self, actor: Actor, dataset_id: str, *, reason: str) -> None:
        """Take a dataset out of use for good; its row stays, so that records can name it.

        Raises:
            AccessDenied: The actor may not remove datasets.
            InputError: There is no such dataset, or no reason is given.
        """
        require(actor, "dataset.remove", Resource("dataset", dataset_id))
        said = _reason(reason)
        with self._store.read() as session:
            dataset = _find(session, dataset_id)
        self._move(actor, Move(dataset_id, ("retired",), dataset.active_version, actor.id, said), "retired")

    def _decide(self, actor: Actor, dataset_id: str, outcome: Outcome, reason: str) -> State:
        require(actor, "dataset.review", Resource("dataset", dataset_id))
        said = _reason(reason)
        with self._store.read() as session:
            dataset = _find(session, dataset_id)
            waiting = next((v for d, v in _open_versions(session, [dataset_id])), None)
        version = dataset.active_version if waiting is None else waiting.version
        path = _path(dataset, outcome, waits=waiting is not None)
        if path is None or version is None:
            raise InputError(f"{dataset_id} is {dataset.state}; there is nothing to {_VERBS[outcome]}.")
        move = Move(dataset_id, path, version, actor.id, said)
        self._move(actor, move, outcome)
        approval = Approval(outcome, said, REVIEWER, actor.id, actor.role, self._clock().isoformat())
        with self._store.write() as session:
            row = session.get(DatasetVersion, (dataset_id, version))
            if row is not None:
                row.approval = approval.to_json()
        state: State = dataset.state  # type: ignore[assignment]
        return path[-1] if path else state

    def _move(self, actor: Actor, move: Move, outcome: str) -> None:
        """Record a person's decision, and make the move that it brings, if any."""

        def record(changes: Sequence[Change]) -> None:
            bodies = [_body(change) for change in changes] or [_body(Change(move, "indexed"))]
            extra = {"outcome": outcome, "role": actor.role}
            self._ledger.append_many([build_draft(REVIEWED, body | extra, actor_id=actor.id) for body in bodies])

        move_datasets(self._store, [move] if move.path else [], record=record, now=self._clock())


_VERBS = {"approved": "approve", "quarantined": "quarantine"}


def _path(dataset: Dataset, outcome: Outcome, *, waits: bool) -> tuple[State, ...] | None:
    """Return the states that a decision leads through; none while an older version stays in use, None for no way."""
    state = dataset.state
    if state == "retired":
        return None
    if waits and (state == "indexed" or state == outcome):
        return ()
    if outcome == "quarantined":
        return None if state == "quarantined" else ("quarantined",)
    if state in ("scanned", "quarantined"):
        return ("approved",) if waits else ("approved", "indexed")
    return None


def _queued(session: Session) -> list[str]:
    """Return the ids of the datasets that a person has to decide on, in the order of the queue."""
    rule = DatasetVersion.approval["rule"].as_string()
    newest = {each: (outcome, by) for each, outcome, by in session.execute(_open(Dataset.id, _OUTCOME, rule))}
    waiting = [(outcome, each) for each, (outcome, by) in newest.items() if by != REVIEWER]
    return [each for _, each in sorted(waiting, key=lambda item: item[0] != "quarantined")]


def _open(*columns: Any) -> Select[Any]:
    """Return the query for versions that are not in use and wait or are quarantined, oldest first."""
    return (
        select(*columns)
        .join(DatasetVersion, DatasetVersion.dataset_id == Dataset.id)
        .where(_OUTCOME.in_(("waits", "quarantined")), Dataset.retired_at.is_(None))
        .where((Dataset.active_version.is_(None)) | (Dataset.active_version != DatasetVersion.version))
        .order_by(DatasetVersion.created_at, Dataset.id)
    )


def _open_versions(session: Session, dataset_ids: Collection[str]) -> list[tuple[Dataset, DatasetVersion]]:
    """Return each of these datasets' newest version that is not in use, where it waits or is quarantined."""
    query = _open(Dataset, DatasetVersion).where(Dataset.id.in_(dataset_ids))
    query = query.options(undefer(DatasetVersion.approval), undefer(DatasetVersion.scan))
    newest = {dataset.id: (dataset, version) for dataset, version in session.execute(query)}
    return list(newest.values())


def _waiting(dataset: Dataset, version: DatasetVersion) -> WaitingDataset:
    approval = version.approval or {}
    return WaitingDataset(
        dataset_id=dataset.id,
        title=dataset.title,
        tier=dataset.tier,
        licence=dataset.licence,
        version=version.version,
        outcome=approval["outcome"],
        reason=approval["reason"],
        rule=approval["rule"],
        scan=version.scan,
        in_use=dataset.state == "indexed",
    )


def _find(session: Session, dataset_id: str) -> Dataset:
    dataset = session.get(Dataset, dataset_id)
    if dataset is None:
        raise InputError(f"No dataset is called {dataset_id!r}. `promethios datasets search` finds what there is.")
    return dataset


def _reason(reason: str) -> str:
    said = reason.strip()
    if not 1 <= len(said) <= MAX_REASON_CHARS:
        raise InputError(f"Give a reason of 1 to {MAX_REASON_CHARS} characters; it goes on record.")
    return said


def _body(change: Change) -> dict[str, Any]:
    move = change.move
    return {
        "dataset_id": move.dataset_id,
        "version": move.version,
        "before": change.before,
        "path": list(move.path),
        "by": move.by,
        "reason": move.reason,
    }
