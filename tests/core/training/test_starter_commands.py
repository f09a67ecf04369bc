"""The starter model's two commands: what they are told is what is done, said and kept."""

import json
import re

import pytest

from core.errors import ModelError
from core.training import starter_measure, starter_run
from core.training.starter_card import CARD, EVALUATION

TINY = "--vocabulary 420 --hidden 32 --layers 1 --heads 2 --key-heads 1 --feed-forward 48"
SHORT = "--tokens 3000 --rows 24 --batch-tokens 250 --seed 3 --every-s 0"


@pytest.fixture(scope="module")
def trained(source_folder, tmp_path_factory):
    """A model that the first command trained."""
    model = tmp_path_factory.mktemp("commanded") / "starter"
    starter_run.main([*f"{TINY} {SHORT}".split(), "--source", str(source_folder), "--output", str(model)])
    return model


def test_the_recipe_is_the_one_that_was_asked_for(trained):
    recipe = json.loads((trained / "training.json").read_text())["recipe"]
    assert (recipe["tokens"], recipe["seed"], recipe["batch_tokens"]) == (3000, 3, 250)
    assert (recipe["shape"]["hidden"], recipe["shape"]["key_heads"]) == (32, 1)


def test_what_was_measured_is_printed_kept_and_on_the_card(trained, source_folder, capsys):
    starter_measure.main([str(trained), "--source", str(source_folder), "--samples", "1"])
    printed = re.findall(r"^ *(\d+) / (\d+) +(.+)$", capsys.readouterr().out, re.MULTILINE)
    kept = json.loads((trained / EVALUATION).read_text())
    assert [(int(held), int(n), name) for held, n, name in printed] == [(f["held"], f["n"], f["name"]) for f in kept]
    assert len(kept) > 20
    assert all(name in (trained / CARD).read_text() for _, _, name in printed)


def test_what_is_no_model_is_not_measured(source_folder, tmp_path):
    with pytest.raises(ModelError, match="missing"):
        starter_measure.main([str(tmp_path / "missing"), "--source", str(source_folder), "--samples", "1"])
    assert not (tmp_path / "missing").exists()
