import signal
from pathlib import Path

import numpy as np

from core.datasets.ingest.progress import Progress
from core.datasets.ingest.sources import folder_sources
from tests.core.datasets.ingest.home import Home, run_elsewhere, write_root


def killed(home: Path, root: Path, step: int) -> None:
    assert run_elsewhere(home, folder_sources(root), step=step) == -signal.SIGKILL


def steps_of(home: Home, root: Path) -> list[str]:
    seen: list[Progress] = []
    home.ingest(root, progress=seen.append)
    return [step.stage for step in seen]


def test_resumed_ingest_of_groups_is_the_same_as_one_never_interrupted(tmp_path) -> None:
    root = write_root(tmp_path / "root")
    whole = Home(tmp_path / "whole")
    stages = steps_of(whole, root)
    assert stages.count("published") > 1  # several groups
    # Killed in a half-embedded group, before the flip, and right after it.
    killed(tmp_path / "home", root, stages.index("embedded") + 3)
    read = stages.index("carded")
    killed(tmp_path / "home", root, stages.index("indexed") - read + 1)
    killed(tmp_path / "home", root, stages.index("published") - read + 1)
    again = Home(tmp_path / "home")
    left = steps_of(again, root)
    assert 0 < len(left) < len(stages) - read  # what was published is not done again
    assert "read" not in left
    assert again.holds() == whole.holds()


def test_killed_replacement_leaves_whole_versions_and_the_next_run_the_same_as_new(tmp_path) -> None:
    root = write_root(tmp_path / "root", datasets=3)
    old = Home(tmp_path / "old")
    old.ingest(root)
    assert run_elsewhere(tmp_path / "home", folder_sources(root)) == 0
    write_root(root, datasets=3, year=2026)
    killed(tmp_path / "home", root, 6)
    between = Home(tmp_path / "home")
    assert between.holds()["active"] == old.holds()["active"]
    between.ingest(root)
    old.ingest(root)
    assert between.holds() == old.holds()


def test_second_run_reads_and_embeds_nothing(tmp_path) -> None:
    root = write_root(tmp_path / "root", datasets=2)
    home = Home(tmp_path / "home")
    home.ingest(root)
    before = home.embedder.embedded
    assert steps_of(home, root) == []
    (root / "shop-1" / "rules.md").touch()
    outcome = home.ingest(root)
    assert (outcome.unchanged, outcome.added, home.embedder.embedded) == (["shop-0", "shop-1"], [], before)


def test_only_what_changed_of_a_dataset_is_embedded_again(tmp_path) -> None:
    root = write_root(tmp_path / "root", datasets=1)
    home = Home(tmp_path / "home")
    home.ingest(root)
    before = home.embedder.embedded
    with (root / "shop-0" / "rules.md").open("a") as file:
        file.write("\n## Rule 8\nRule 8 allows none.\n")
    assert home.ingest(root).added == ["shop-0"]
    assert home.embedder.embedded == before + 1
    fresh = Home(tmp_path / "fresh")
    fresh.ingest(root)
    held, expected = home.holds(), fresh.holds()
    taken, made = held.pop("vectors"), expected.pop("vectors")
    assert held == expected
    assert [(i, meta) for i, _, meta in taken] == [(i, meta) for i, _, meta in made]
    for (_, left, _), (_, right, _) in zip(taken, made, strict=True):  # the index rounds what it takes in once more
        assert np.allclose(np.frombuffer(left, np.float32), np.frombuffer(right, np.float32), atol=1e-6)


def test_datasets_that_vanished_from_a_collection_are_retired(tmp_path) -> None:
    root = write_root(tmp_path / "root", datasets=3)
    home = Home(tmp_path / "home")
    home.ingest(root)
    for path in (root / "shop-1").iterdir():
        path.unlink()
    (root / "shop-1").rmdir()
    assert home.manager.retire_missing(root, folder_sources(root)) == ["shop-1"]
    assert home.manager.retire_missing(root, folder_sources(root)) == []
    held = home.holds()
    assert {dataset_id for _, dataset_id, *_ in held["chunks"]} == {"shop-0", "shop-2"}
    assert len(held["tables"]) == 2


def test_bad_rows_are_left_out_with_their_place_or_refuse_the_dataset(tmp_path) -> None:
    root = write_root(tmp_path / "root", datasets=2)
    with (root / "shop-0" / "prices.csv").open("a") as file:
        file.write("Hammer,5\n")
    home = Home(tmp_path / "home")
    outcome = home.ingest(root)
    assert outcome.added == ["shop-0", "shop-1"]
    assert [(str(p.file), p.place) for p in outcome.problems["shop-0"]] == [("prices.csv", "line 32")]
    strict = Home(tmp_path / "strict").manager.ingest_sources(folder_sources(root))
    assert strict.added == ["shop-1"]
    assert [r.dataset_id for r in strict.refused] == ["shop-0"]
    assert "line 32" in strict.refused[0].reason
