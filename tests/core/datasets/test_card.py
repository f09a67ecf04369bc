import json
from pathlib import Path

import pytest
import yaml

from core.datasets.card import MAX_CARD_BYTES, DatasetCard, id_of, load_card
from core.datasets.described import build_card
from core.datasets.ingest.sources import derive_card
from core.errors import DatasetError

CARD = """id: travel-policy
title: Travel policy
description: How trips are paid.
category: Business & Finance
licence: CC0-1.0
source: written for a test
tier: internal
labels: [dated]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "dataset.yaml"
    path.write_text(text)
    return path


def test_card_reads(tmp_path: Path) -> None:
    card = load_card(write(tmp_path, CARD))
    assert (card.id, card.category, card.tier, card.labels) == (
        "travel-policy",
        "Business & Finance",
        "internal",
        ["dated"],
    )


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("id: travel-policy", "id: Travel Policy", "id"),
        ("id: travel-policy", "id: ../travel", "id"),
        ("title: Travel policy", "title: ''", "title"),
        ("title: Travel policy", "title: 7", "title"),
        ("category: Business & Finance", "category: Business", "category"),
        ("tier: internal", "tier: secret", "tier"),
        ("labels: [dated]", "labels: dated", "labels"),
        ("labels: [dated]", "labels: [Has PII]", "labels.0"),
        ("licence: CC0-1.0", "license: CC0-1.0", "licence"),
        ("source: written for a test", "", "source"),
        ("labels: [dated]", "labels: []\ncolour: red", "colour"),
        (CARD, "[1, 2]", "card"),
        (CARD, "", "card"),
    ],
)
def test_card_that_is_wrong_names_the_field(tmp_path: Path, old: str, new: str, field: str) -> None:
    with pytest.raises(DatasetError, match=rf"not a valid card: .*{field}:"):
        load_card(write(tmp_path, CARD.replace(old, new)))


def test_days_of_validity_are_kept_as_text_however_they_are_written(tmp_path: Path) -> None:
    card = load_card(write(tmp_path, CARD + "valid_from: 2026-01-01\nvalid_until: '2026-03-31'\n"))
    assert (card.valid_from, card.valid_until) == ("2026-01-01", "2026-03-31")
    assert DatasetCard.model_validate(json.loads(json.dumps(card.model_dump()))) == card


@pytest.mark.parametrize(
    "said", ["2026-02-30", "'2026-02-30'", "soon", "2026-01-01T12:00:00", "2025-12-31", "20270101"]
)
def test_day_that_is_none_or_lies_before_the_first_is_refused(tmp_path: Path, said: str) -> None:
    with pytest.raises(DatasetError, match=r"valid_until|day is out of range"):
        load_card(write(tmp_path, CARD + f"valid_from: 2026-01-01\nvalid_until: {said}\n"))


def test_card_that_is_not_yaml_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="not valid YAML"):
        load_card(write(tmp_path, "id: [unclosed"))


def test_card_runs_no_code(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="not valid YAML"):
        load_card(write(tmp_path, "!!python/object/apply:os.system [echo]"))


def test_missing_huge_and_unreadable_cards_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="is missing"):
        load_card(tmp_path / "dataset.yaml")
    with pytest.raises(DatasetError, match="can't be read"):
        load_card(tmp_path)
    with pytest.raises(DatasetError, match="at most"):
        load_card(write(tmp_path, "#" * (MAX_CARD_BYTES + 1)))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Café Größe 2025", "cafe-grosse-2025"),
        ("jobs", "jobs-data"),
        ("Jobs!", "jobs-data"),
        ("日本", ""),
        ("a" * 99, "a" * 80),
    ],
)
def test_one_name_gives_one_id_wherever_it_comes_from(name: str, expected: str) -> None:
    assert id_of(name) == expected
    if expected:
        assert derive_card(Path(f"{name}.csv")).id == build_card(name=name).id == expected


def test_id_that_the_api_means_something_else_by_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "dataset.yaml"
    path.write_text(yaml.safe_dump(build_card(name="Jobs").model_dump() | {"id": "jobs"}))
    with pytest.raises(DatasetError, match="jobs-data"):
        load_card(path)
