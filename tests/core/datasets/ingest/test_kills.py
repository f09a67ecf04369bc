"""Ingests killed in the middle of anything, and run again: what they hold is what one that was left alone holds."""

import random
import signal
from pathlib import Path

from core.datasets.ingest.sources import Source, folder_sources
from tests.core.datasets.ingest.home import Calls, Home, run_elsewhere, write_root
from tests.core.datasets.ingest.test_streaming import CARD, write_table

POINTS = random.Random(5)


def test_ingest_of_many_datasets_killed_at_random_points_ends_the_same(tmp_path: Path) -> None:
    sources = folder_sources(write_root(tmp_path / "root", datasets=40, rules=1, rows=3))
    whole = Home(tmp_path / "whole")
    with Calls() as calls:
        whole.ingest_sources(sources)
    points = [int(calls.count * POINTS.uniform(0.02, latest)) for latest in (0.9, 0.4, 0.4)]
    ended = [run_elsewhere(tmp_path / "home", sources, call=point) for point in points]
    assert ended[0] == -signal.SIGKILL
    assert set(ended) <= {-signal.SIGKILL, 0}  # what is left to do may be less than a later point
    again = Home(tmp_path / "home")
    again.ingest_sources(sources)
    assert again.holds() == whole.holds()


def test_large_dataset_killed_while_it_streams_in_ends_the_same(tmp_path: Path) -> None:
    sources = [Source(CARD, write_table(tmp_path / "big.csv"))]
    whole = Home(tmp_path / "whole")
    reached: dict[str, int] = {}
    with Calls() as calls:
        whole.ingest_sources(sources, progress=lambda step: reached.setdefault(step.stage, calls.count))
    point = int(reached["read"] * POINTS.uniform(0.3, 0.98))
    assert run_elsewhere(tmp_path / "home", sources, call=point) == -signal.SIGKILL
    between = Home(tmp_path / "home")
    assert between.holds()["active"] == [("big", None)]
    assert between.holds()["pending"] == []
    between.ingest_sources(sources)
    assert between.holds() == whole.holds()
