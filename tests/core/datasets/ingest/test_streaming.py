from pathlib import Path

from core.datasets.card import DatasetCard
from core.datasets.ingest.intake import SMALL_BYTES
from core.datasets.ingest.reading import LARGE_TABLE, TAKE
from core.datasets.ingest.sources import Source
from tests.core.datasets.ingest.home import Home

CARD = DatasetCard(
    id="big",
    title="Big",
    description="A large table.",
    category="Education",
    licence="CC0-1.0",
    source="test",
    tier="public",
    labels=[],
)
ROWS = TAKE + 200


def write_table(path: Path, *, last: str = "") -> Path:
    note = " ".join(f"w{'x' * 40}{n}" for n in range(100))
    with path.open("w") as file:
        file.write("number,note\n")
        file.writelines(f"{n},{note}\n" for n in range(ROWS))
        file.write(last)
    assert path.stat().st_size > SMALL_BYTES
    return path


def test_large_dataset_streams_into_the_store_and_a_bad_one_leaves_nothing(tmp_path) -> None:
    home = Home(tmp_path / "home")
    broken = write_table(tmp_path / "big.csv", last="1\n")
    refused = home.manager.ingest_sources([Source(CARD, broken)])
    assert [refusal.dataset_id for refusal in refused.refused] == ["big"]
    assert home.holds()["chunks"] == []
    assert home.holds()["tables"] == {}
    whole = write_table(tmp_path / "big.csv")
    outcome = home.manager.ingest_sources([Source(CARD, whole)])
    held = home.holds()
    assert (outcome.added, outcome.chunks) == (["big"], len(held["chunks"]))
    assert held["counts"] == [outcome.chunks]
    assert outcome.chunks > LARGE_TABLE
    assert len(held["vectors"]) == sum(by_meaning for *_, by_meaning, _ in held["chunks"]) < 10
    assert [len(rows) for rows in held["tables"].values()] == [ROWS]
