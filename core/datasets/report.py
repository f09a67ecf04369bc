"""What is known of the active version of a dataset beside its card: profiles, quality, scan, and who let it be used."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import undefer

from core.datasets.profile import TableProfile, read_profile
from core.datasets.quality import Quality, read_quality
from core.datasets.states import Approval
from core.store.database import Store
from core.store.tables import Dataset, DatasetVersion


@dataclass(frozen=True, slots=True)
class DatasetReport:
    """What was found in a version; None is what was not looked at, as in versions from before there were such checks.

    Attributes:
        tables: A profile for each table.
        scan: As `ScanResult.to_json` gives it.
        columns: What the card says of columns, by name.
    """

    tables: tuple[TableProfile, ...]
    quality: Quality | None
    scan: Mapping[str, Any] | None
    approval: Approval | None
    columns: Mapping[str, str]


NOTHING = DatasetReport((), None, None, None, {})


def read_report(store: Store, dataset_id: str) -> DatasetReport:
    """Return the report on the active version; an empty one where there is none."""
    found = (undefer(DatasetVersion.profile), undefer(DatasetVersion.quality), undefer(DatasetVersion.scan))
    query = (
        select(Dataset, DatasetVersion)
        .join(DatasetVersion, DatasetVersion.dataset_id == Dataset.id)
        .where(Dataset.id == dataset_id, DatasetVersion.version == Dataset.active_version)
        .options(*found, undefer(DatasetVersion.approval), undefer(Dataset.columns))
    )
    with store.read() as session:
        row = session.execute(query).one_or_none()
    if row is None:
        return NOTHING
    dataset, version = row
    return DatasetReport(
        tables=tuple(read_profile(each) for each in (version.profile or {}).get("tables", ())),
        quality=read_quality(version.quality) if version.quality else None,
        scan=version.scan,
        approval=Approval(**version.approval) if version.approval else None,
        columns=dataset.columns,
    )
