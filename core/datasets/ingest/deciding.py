"""Leads datasets along their states while they are ingested: read, scanned, decided on, indexed.

Nothing becomes usable that is not on record first. A version of a dataset in use is decided on without moving it.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy.orm import Session

from core.datasets.ingest.reading import Reading
from core.datasets.states import Approval, Change, Gate, Move, State, check_moves
from core.store.tables import Dataset

_ORDER: tuple[State, ...] = ("registered", "profiled", "scanned", "approved")
_REACHED: Mapping[str, State] = {"approved": "approved", "waits": "scanned", "quarantined": "quarantined"}


def decide(gate: Gate, reading: Reading) -> Approval:
    """Decide on a version by what its scan found."""
    if reading.scan is None:
        return Approval("quarantined", "Nothing has scanned it.", rule="scan.missing")
    return gate.decide(reading.task.source.card, reading.scan)


def moves_after_reading(
    session: Session, readings: Sequence[Reading], approvals: Mapping[str, Approval]
) -> list[Change]:
    """Return the moves of datasets that were read; none for one in use whose new version is approved or waits."""
    moves = []
    for reading in readings:
        dataset = session.get_one(Dataset, reading.task.source.card.id)
        approval = approvals[dataset.id]
        state: State = dataset.state  # type: ignore[assignment]
        path = steps(state, _REACHED[approval.outcome])
        if path:
            moves.append(Move(dataset.id, path, reading.task.version, approval.by or approval.rule, approval.reason))
    return check_moves(session, moves)


def moves_to_index(session: Session, versions: Mapping[str, str]) -> list[Change]:
    """Return the moves of datasets whose version becomes the one in use."""
    return check_moves(session, [Move(i, ("indexed",), version, "ingest") for i, version in versions.items()])


def steps(state: State, target: State) -> tuple[State, ...]:
    """Return the states to pass from one to another, the last included; none when there is no need to move."""
    if state == target or (state == "indexed" and target != "quarantined"):
        return ()
    if target not in _ORDER:
        return ("registered", target) if state == "retired" else (target,)
    end = _ORDER.index(target) + 1
    if state in _ORDER:
        start = _ORDER.index(state)
        return _ORDER[start + 1 : end] if start < end else ("quarantined", *_ORDER[:end])
    return _ORDER[:end]
