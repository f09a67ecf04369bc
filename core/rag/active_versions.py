"""Tells which version of each dataset may be searched, as the database has it at that moment.

For thousands of datasets the database is asked each time for their versions alone. A version is a digest of its
dataset's id and content, so that equal versions mean that nothing changed, and what was read before still holds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from core.scopes import Scopes
from core.store.tables import Dataset

FEW = 100  # datasets that the database is asked for by name
SCOPES = 8  # lists of datasets whose versions are remembered


@dataclass(frozen=True, slots=True)
class _Known:
    """What was read when all versions in use were these."""

    stamp: str
    versions: Mapping[str, str]
    scopes: Scopes[Mapping[str, str]] = field(default_factory=lambda: Scopes(SCOPES))

    def of(self, dataset_ids: Sequence[str]) -> Mapping[str, str]:
        """Return the versions of some datasets; it is the same object when the same ones are asked for again."""
        return self.scopes.of(
            dataset_ids, lambda: {each: self.versions[each] for each in dataset_ids if each in self.versions}
        )


class ActiveVersions:
    """The versions in use. Safe to use from several threads."""

    def __init__(self) -> None:
        self._known = _Known("", {})

    def of(self, session: Session, dataset_ids: Sequence[str], *, as_of: date | None = None) -> Mapping[str, str]:
        """Return the version of each dataset that is retrievable.

        What is retired, waits or is in quarantine has none, nor has what did not hold on the day `as_of`.
        """
        if as_of is not None:
            held = _read(session, _holds(as_of.isoformat()))
            return {each: held[each] for each in dataset_ids if each in held}
        if len(dataset_ids) <= FEW:
            return _read(session, Dataset.id.in_(dataset_ids))
        stamp = session.scalar(select(func.aggregate_strings(Dataset.active_version, " ")).where(_usable())) or ""
        known = self._known
        if known.stamp != stamp:
            known = self._known = _Known(stamp, _read(session))
        return known.of(dataset_ids)


def all_in_use(session: Session) -> list[str]:
    """Return every version that is retrievable."""
    return list(_read(session).values())


def _usable() -> ColumnElement[bool]:
    return (Dataset.state == "indexed") & Dataset.active_version.is_not(None)


def _holds(day: str) -> ColumnElement[bool]:
    begun = Dataset.valid_from.is_(None) | (Dataset.valid_from <= day)
    return begun & (Dataset.valid_until.is_(None) | (Dataset.valid_until >= day))


def _read(session: Session, *only: ColumnElement[bool]) -> dict[str, str]:
    query = select(Dataset.id, Dataset.active_version).where(_usable(), *only)
    return {dataset_id: str(version) for dataset_id, version in session.execute(query)}
