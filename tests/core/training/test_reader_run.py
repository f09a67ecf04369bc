"""Tests for the command that trains readers: what it leaves, what it says, and what a cut-off run keeps."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.encoder.minilm import minilm_folder
from core.errors import TrainingError
from core.training.reader_data import TRAIN, data_file
from core.training.reader_model import load_reader
from core.training.reader_run import STAGES, main

TINY = ("--limit", "10", "--groups-per-step", "5", "--report-every", "1")


@pytest.fixture(scope="module")
def run(group_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("readers")
    main([str(group_folder), "--output", str(output), "--epochs", "4", "--workers", "1", *TINY])
    return output


def report_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "reader.json").read_text())


def losses_of(model: dict[str, Any]) -> list[float]:
    return [loss for _, loss in model["losses"]]


@pytest.mark.slow
def test_building_leaves_the_groups_and_the_baselines(group_folder: Path) -> None:
    names = {path.name for path in group_folder.iterdir()}
    assert names == {"train.jsonl.gz", "q_test.jsonl.gz", "facts_test.jsonl.gz", "baselines.json"}
    baselines = json.loads((group_folder / "baselines.json").read_text())
    assert set(baselines["figures"]) == {"cosine", "words"}
    assert baselines["groups"]["facts_test"] > 0


@pytest.mark.slow
def test_a_run_leaves_each_reader_and_its_figures(run: Path) -> None:
    assert {path.name for path in run.iterdir()} == {"reader.json", *(f"{stage.name}.safetensors" for stage in STAGES)}
    report = report_of(run)
    assert [(name, model["recipe"]["layers"]) for name, model in report["models"].items()] == [
        ("teacher", 6),
        ("student3", 3),
        ("student2", 2),
    ]
    measured = [*(model["figures"] for model in report["models"].values()), *report["baselines"].values()]
    assert len(measured) == 5
    for figures in measured:
        assert set(figures) == {"q_test", "facts_test"}
        for rows in figures.values():
            assert [row["is_fitted"] for row in rows] == [False] * 5 + [True]
            assert all(0 <= row["right_passage"] <= 1 for row in rows)
            assert len({row["answered"] for row in rows}) == 1
    for stage in STAGES:
        load_reader(run / f"{stage.name}.safetensors", base=minilm_folder(), layers=stage.layers)


@pytest.mark.slow
def test_the_loss_falls_in_a_run(run: Path) -> None:
    for model in report_of(run)["models"].values():
        losses = losses_of(model)
        assert len(losses) >= 8
        assert sum(losses[-3:]) < sum(losses[:3])


@pytest.mark.slow
def test_a_run_that_breaks_off_keeps_what_was_done(
    group_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(TrainingError, match="loss is nan"):
        main([str(group_folder), "--output", str(tmp_path), "--epochs", "2", "--student-rate", "inf", *TINY])
    assert {path.name for path in tmp_path.iterdir()} == {"reader.json", "teacher.safetensors"}
    report = report_of(tmp_path)
    assert list(report["models"]) == ["teacher"]
    assert report["models"]["teacher"]["figures"]["q_test"]
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("teacher q_test at 0.35")]
    assert len(said) == 1
    assert "right passage " in said[0]
    assert "wrongly abstains " in said[0]


@pytest.mark.slow
def test_what_the_time_does_not_allow_is_not_measured(
    group_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = (group_folder / "baselines.json").read_bytes()
    main([str(group_folder), "--output", str(tmp_path), "--max-seconds", "0", "--limit", "1"])
    assert (group_folder / "baselines.json").read_bytes() == kept  # of all the groups, not of one
    assert report_of(tmp_path)["models"] == {"teacher": None, "student3": None, "student2": None}
    out = capsys.readouterr().out
    assert "student2 is not trained: the time is up." in out
    assert "words facts_test fitted" in out


def test_missing_groups_are_said(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="--source"):
        main([str(tmp_path), "--output", str(tmp_path / "out")])
    assert not data_file(tmp_path, TRAIN).exists()
