"""The commands of the catalog on a filled data folder, in this process."""

import json
from pathlib import Path

import pytest

from tests.apps.commands.test_cli import home, run

__all__ = ["home"]


def test_datasets_are_found_by_words_and_facets(home: Path) -> None:
    said = run("datasets", "search", "laser", "manual").output
    assert "laser-cutter-manual" in said
    assert "1 datasets" in run("datasets", "search", "--facet", "labels=planted-injection").output
    assert "tier: public" in run("datasets", "search").output
    assert "No dataset" in run("datasets", "search", "zzzz").output
    run("datasets", "search", "--facet", "colour=red", code=2)


def test_profile_shows_columns_quality_scan_and_approval(home: Path) -> None:
    said = run("datasets", "profile", "product-price-list").output
    assert "rows" in said
    assert "(number" in said or "(integer" in said
    assert "Scan: nothing found, by" in said
    assert "Approved by the rule licence.open" in said
    assert "email" in run("datasets", "profile", "customer-letters").output


@pytest.mark.parametrize(
    ("dataset_id", "file"), [("product-price-list", "table-1.parquet"), ("company-story", "passages.jsonl")]
)
def test_dataset_is_exported_with_its_description(home: Path, tmp_path: Path, dataset_id: str, file: str) -> None:
    run("datasets", "export", dataset_id, str(tmp_path / "out"))
    about = json.loads((tmp_path / "out" / "croissant.json").read_text())
    assert about["name"] == dataset_id
    assert (tmp_path / "out" / file).stat().st_size > 100
    assert "Error" in run("datasets", "export", dataset_id, str(tmp_path / "out"), code=1).output


def test_use_names_agents_and_what_was_not_measured(home: Path) -> None:
    said = run("datasets", "use", "laser-cutter-manual").output
    assert "Agents: " in said
    assert "none" not in said.splitlines()[0]
    assert "Complained" in said
    assert "not measured" in run("datasets", "use", "company-story").output


def test_dataset_is_taken_out_of_use_and_let_back(home: Path) -> None:
    assert "No dataset waits" in run("datasets", "review", "list").output
    assert "is quarantined" in run("datasets", "review", "refuse", "company-story", "--reason", "A complaint.").output
    assert "company-story" not in run("datasets", "search", "stories").output
    assert "is indexed" in run("datasets", "review", "approve", "company-story", "--reason", "Unfounded.").output
    assert "company-story" in run("datasets", "search", "stories").output
    assert "nothing to approve" in run("datasets", "review", "approve", "company-story", "--reason", "x", code=1).output


def test_retired_dataset_is_gone(home: Path) -> None:
    assert "Retired" in run("datasets", "retire", "company-story", "--reason", "Replaced.").output
    assert "company-story" not in run("datasets", "search", "stories").output
