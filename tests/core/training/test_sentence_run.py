"""Tests for training the sentence encoder: what it learns, what it leaves, and what is kept out."""

import json
from pathlib import Path

import numpy as np
import pytest

from core.encoder.minilm import minilm_folder
from core.encoder.packing import load_tokenizer
from core.encoder.sentence_encoder import SentenceEncoder
from core.errors import TrainingError
from core.training.reader_data import Group, Labelled
from core.training.sentence_run import KEPT_OUT, is_kept_out, main
from core.training.sentence_vectors import (
    SentenceData,
    SentenceRecipe,
    load_sentence_base,
    measure_sentences,
    train_sentences,
)

COLOURS = Labelled(
    "Paint > Names",
    ("Vorn is what the north calls the warm one.", "Tessel is the cold one.", "Both are mixed by hand."),
)


def groups() -> list[Group]:
    """Return questions in words of their own, which only training can bring together with their answers."""
    first, second = (COLOURS.__class__(COLOURS.heading, COLOURS.sentences, gold) for gold in ((0,), (1,)))
    return [
        *(Group(text, (first,)) for text in ("zib zib?", "zib please", "say zib")),
        *(Group(text, (second,)) for text in ("quolo?", "quolo please", "say quolo")),
        Group("what is the weather?", (COLOURS,)),
    ]


def tokenizer():
    return load_tokenizer((minilm_folder() / "tokenizer.json").read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.parametrize("nothing_from", [0.0, 1.0])
def test_training_brings_questions_and_answers_together(nothing_from: float) -> None:
    data = SentenceData(groups(), tokenizer())
    assert data.answered == 6
    model = load_sentence_base(minilm_folder(), frozen=3)
    frozen = model.encoder.encoder.layer[0].attention.self.query.weight.clone()
    recipe = SentenceRecipe(max_seconds=600, max_steps=25, run=6, runs=1, rate=3e-4, nothing_from=nothing_from)
    said: list[str] = []
    facts = train_sentences(model, data, recipe, progress=said.append)
    assert facts["steps"] == 25
    assert facts["loss"] < 1.5
    assert measure_sentences(model, data).right_sentence == 1.0
    assert model.encoder.encoder.layer[0].attention.self.query.weight.equal(frozen)
    assert said[-1].startswith("step 25, 96%: loss")


@pytest.mark.slow
def test_a_run_exports_an_encoder_that_the_product_reads(
    group_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([str(group_folder), "--output", str(tmp_path / "encoder"), "--max-steps", "2", "--limit", "12"])
    card = json.loads((tmp_path / "encoder" / "model.json").read_text())
    assert card["steps"] == 2
    assert set(card["figures"]["trained"]) == {"q_test", "facts_test"}
    (vectors,) = SentenceEncoder(tmp_path / "encoder").passages([(COLOURS.heading, COLOURS.sentences)])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert "The encoder is in" in capsys.readouterr().out


def test_missing_groups_are_an_error_that_says_how_to_build_them(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="reader_data"):
        main([str(tmp_path), "--output", str(tmp_path / "encoder")])


def test_nothing_to_learn_is_an_error() -> None:
    data = SentenceData([Group("where?", (COLOURS,))], tokenizer())
    model = load_sentence_base(minilm_folder(), frozen=3)
    with pytest.raises(TrainingError, match="No group"):
        train_sentences(model, data, SentenceRecipe(max_seconds=1), progress=print)


def test_articles_that_fit_the_reader_are_kept_out_of_the_training() -> None:
    kept = Labelled(f"{min(KEPT_OUT)} > paragraph 1", ("Text.",), (0,))
    beside = Labelled(f"{min(KEPT_OUT)} > paragraph 2", ("Text.",))
    other = Labelled("Another article > paragraph 1", ("Text.",), (0,))
    assert is_kept_out(Group("?", (kept, beside)))
    assert is_kept_out(Group("?", (beside,)))
    assert not is_kept_out(Group("?", (other, beside)))
