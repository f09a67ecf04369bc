"""Tests for training the cross-encoder: what it learns, what it leaves, that it goes on, and what is written."""

import json
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from core.encoder.cross_encoder import CrossEncoder
from core.encoder.minilm import minilm_folder
from core.encoder.packing import load_tokenizer
from core.errors import TrainingError
from core.training.cross_data import load_written
from core.training.cross_model import load_cross, load_cross_base, save_cross
from core.training.cross_training import CrossRecipe, drop_some, score_groups, train_cross
from core.training.reader_data import Group, Labelled

HEADING = "Paint > Names"
SENTENCES = ("Vorn is what the north calls the warm one.", "Tessel is the cold one.", "Both are mixed by hand.")
GROUPS = [
    Group("zib zib?", (Labelled(HEADING, SENTENCES, (0,)),)),
    Group("quolo?", (Labelled(HEADING, SENTENCES, (1,)),)),
    Group("what is the weather?", (Labelled(HEADING, SENTENCES),)),
]
PASSAGE = {
    "id": "p",
    "domain": "paint",
    "heading": HEADING,
    "sentences": list(SENTENCES),
    "questions": [{"answers": 0, "direct": "What is Vorn?", "other_words": ["which paint is warm"]}],
    "unanswered": ["What does Vorn cost?"],
}


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return load_tokenizer((minilm_folder() / "tokenizer.json").read_text(encoding="utf-8"))


def write(folder: Path, *rows: dict[str, object]) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "passages_test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def test_training_learns_goes_on_and_exports_what_it_learnt(tmp_path: Path, tokenizer: Tokenizer) -> None:
    model = load_cross_base()
    frozen = model.base.encoder.encoder.layer[0].attention.self.query.weight.clone()
    recipe = CrossRecipe(max_seconds=600, max_steps=8, groups=3, rate=6e-4)
    options = {"recipe": recipe, "checkpoint": tmp_path / "state.pt"}
    said: list[str] = []
    facts = train_cross(model, GROUPS, tokenizer, progress=said.append, **options)
    assert facts["steps"] == 8
    (first,), (second,), (nothing,) = score_groups(model, GROUPS, tokenizer)
    assert max(first) == first[0] > 0
    assert max(second) == second[1] > 0
    assert max(nothing) < 0
    assert model.base.encoder.encoder.layer[0].attention.self.query.weight.equal(frozen)

    again = load_cross_base()
    assert train_cross(again, GROUPS, tokenizer, progress=said.append, **options)["steps"] == 8
    assert again.head.weight.equal(model.head.weight)

    save_cross(model, tmp_path / "reader", facts=facts)
    (scores,) = CrossEncoder(tmp_path / "reader").score("zib zib?", [(HEADING, SENTENCES)])
    assert np.allclose(scores, first, atol=1.5)
    assert scores.index(max(scores)) == 0

    ((exported, *_), *_) = score_groups(load_cross(tmp_path / "reader"), GROUPS, tokenizer)
    assert np.allclose(exported, first, atol=0.1)


def test_model_begins_as_the_sentence_encoder_with_a_cosine(tokenizer: Tokenizer) -> None:
    model = load_cross_base()
    asked = Group("How cold is Tessel?", (Labelled(HEADING, SENTENCES, (1,)),))
    ((scores,),) = score_groups(model, [asked], tokenizer)
    assert max(scores) == scores[1]
    sharpness, nothing = model.sharpness.item(), model.nothing.item()
    assert all(sharpness * (-1 - nothing) <= score <= sharpness * (1 - nothing) for score in scores)


def test_one_written_passage_in_ten_is_kept_out(tmp_path: Path) -> None:
    write(tmp_path, *(PASSAGE | {"id": f"p{n}"} for n in range(300)))
    kept = [p.is_kept_out for p in load_written(tmp_path)]
    assert 15 <= sum(kept) <= 45


@pytest.mark.parametrize(
    "change", [{"questions": [{"answers": 3, "direct": "?", "other_words": []}]}, {"heading": None}]
)
def test_damaged_written_passage_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    row = {name: value for name, value in (PASSAGE | change).items() if value is not None}
    write(tmp_path, row)
    with pytest.raises(TrainingError, match="line 1"):
        load_written(tmp_path)


def test_the_passages_that_answer_are_never_dropped() -> None:
    readings = (*(Labelled(f"h{n}", ("a",)) for n in range(5)), Labelled("gold", ("b",), (0,)))
    fewer = drop_some(Random(0), Group("q", readings))
    assert fewer.readings[0] == readings[-1]
    assert 2 <= len(fewer.readings) <= 3


def test_nothing_to_learn_from_is_refused(tmp_path: Path, tokenizer: Tokenizer) -> None:
    with pytest.raises(TrainingError, match="no groups"), torch.no_grad():
        train_cross(
            load_cross_base(),
            [],
            tokenizer,
            CrossRecipe(max_seconds=1),
            checkpoint=tmp_path / "state.pt",
            progress=str,
        )
