import os
from pathlib import Path

import pytest

from core.training.guard_data import GuardData, build_guard_data
from core.training.guard_rows import HAZARDS, MAIN
from core.training.guard_sources import HELD_OUT

ROOT = Path(__file__).parents[3]
PUBLIC = Path(os.environ.get("EVALDATA", ROOT.parent / "shared" / "evaldata"))

pytestmark = pytest.mark.skipif(not PUBLIC.is_dir(), reason=f"the public data is not at {PUBLIC}")


def _build() -> GuardData:
    return build_guard_data(ROOT / "data" / "training", PUBLIC, seed=5, scale=0.01)


@pytest.fixture(scope="module")
def data() -> GuardData:
    return _build()


def test_same_seed_builds_the_same_rows(data: GuardData) -> None:
    assert _build() == data


def test_no_held_out_source_is_learnt_or_calibrated(data: GuardData) -> None:
    assert not {row.source for row in [*data.train, *data.calibration]} & HELD_OUT
    assert {row.source for row in data.test} >= HELD_OUT


def test_no_held_out_attack_or_harmful_request_is_in_training(data: GuardData) -> None:
    learnt = {" ".join(row.text.lower().split()) for row in [*data.train, *data.calibration]}
    wanted = [row for row in data.test if any(row.labels.get(name) == 1 for name in MAIN)]
    assert len(wanted) > 1000
    assert not [row.source for row in wanted if " ".join(row.text.lower().split()) in learnt]


@pytest.mark.parametrize("label", MAIN)
def test_every_main_head_has_both_classes_and_unknowns(data: GuardData, label: str) -> None:
    assert {row.labels.get(label) for row in data.train} == {0, 1, None}


@pytest.mark.parametrize("label", HAZARDS)
def test_every_hazard_has_examples(data: GuardData, label: str) -> None:
    assert {0, 1} <= {row.labels.get(label) for row in data.train}


@pytest.mark.parametrize(("source", "unknown"), [("davidson", "harm"), ("own_override", "harm"), ("btc", "injection")])
def test_a_label_that_a_source_lacks_is_unknown(data: GuardData, source: str, unknown: str) -> None:
    rows = [row for row in data.train if row.source == source]
    assert rows
    assert not [row for row in rows if unknown in row.labels]
