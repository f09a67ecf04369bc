from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import update

from core.rag.active_versions import FEW, ActiveVersions
from core.store.database import Store, connect
from core.store.tables import Dataset

NOW = datetime(2026, 1, 1, tzinfo=UTC)
IDS = [f"d{n:03}" for n in range(FEW + 20)]


@pytest.fixture
def filled(store: Store) -> Store:
    with store.write() as session:
        for each in IDS:
            session.add(
                Dataset(
                    id=each, title=each, description="", category="Test", licence="CC0-1.0", source="test",
                    tier="public", labels=[], state="indexed", active_version=f"{each}-1", created_at=NOW,
                    updated_at=NOW,
                )
            )  # fmt: skip
    return store


@pytest.mark.parametrize("ids", [IDS, IDS[:5]], ids=["many", "few"])
@pytest.mark.parametrize(
    ("change", "left"),
    [
        ({"state": "quarantined"}, None),
        ({"state": "retired", "active_version": None}, None),
        ({"active_version": "d003-2"}, "d003-2"),
    ],
    ids=["quarantined", "retired", "replaced"],
)
def test_change_of_another_process_is_seen_at_once(
    filled: Store, ids: list[str], change: dict[str, str | None], left: str | None
) -> None:
    active, read = ActiveVersions(), _reader(filled)
    before = read(active, ids)
    assert before == {each: f"{each}-1" for each in ids}
    other = connect(str(filled.engine.url))
    with other.write() as session:
        session.execute(update(Dataset).where(Dataset.id == "d003").values(**change))
    other.close()
    after = read(active, ids)
    assert after.get("d003") == left
    assert {k: v for k, v in after.items() if k != "d003"} == {k: v for k, v in before.items() if k != "d003"}


def test_only_named_datasets_have_a_version(filled: Store) -> None:
    active, read = ActiveVersions(), _reader(filled)
    assert set(read(active, [*IDS[1:], "unknown"])) == set(IDS[1:])
    assert set(read(active, [*IDS[2:], "unknown", "other"])) == set(IDS[2:])


def _reader(store: Store) -> Callable[[ActiveVersions, list[str]], dict[str, str]]:
    def read(active: ActiveVersions, ids: list[str]) -> dict[str, str]:
        with store.read() as session:
            return dict(active.of(session, ids))

    return read
