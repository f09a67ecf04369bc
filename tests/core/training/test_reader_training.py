"""Tests for the reader's training: it learns, its students start from it, and time and numbers bound it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.encoder.minilm import load_words, minilm_folder
from core.encoder.onnx_encoder import OnnxEncoder
from core.errors import TrainingError
from core.training.encoder_export import export_encoder
from core.training.reader import Progress, ReaderRecipe, learning_rate, train_reader
from core.training.reader_batches import encode_groups
from core.training.reader_data import Group, Labelled
from core.training.reader_evaluation import Scores, evaluate_reader, reader_scorer
from core.training.reader_model import ReaderModel, cut_reader, load_reader, load_reader_base, save_reader

MEALS = Labelled("Travel > Meals", ("The policy covers meals.", "Meals are paid up to 60 USD a day."), (1,))
LASER = Labelled("Laser > Focus", ("The focus height is 7 mm.", "Clean the lens weekly."))
GROUPS = [
    Group("How much is paid for meals?", (LASER, MEALS)),
    Group("How high is the focus?", (replace(LASER, gold=(0,)), replace(MEALS, gold=()))),
    Group("What is the capital of France?", (LASER,)),
]
RECIPE = ReaderRecipe(layers=1, epochs=2, groups_per_step=2)


def train(recipe: ReaderRecipe, **options: object) -> tuple[ReaderModel, list[Progress]]:
    seen: list[Progress] = []
    rows = encode_groups(GROUPS, load_words()[0])
    options = {"report_every": 1, "progress": seen.append} | options
    return train_reader(rows, minilm_folder(), recipe=recipe, **options), seen


@pytest.fixture(scope="module")
def trained() -> tuple[ReaderModel, list[Progress]]:
    torch.set_num_threads(1)  # two of them wait for each other on a busy machine
    return train(ReaderRecipe(layers=2, epochs=40, groups_per_step=3, learning_rate=3e-4), report_every=30)


def scores_of(model: ReaderModel) -> list[Scores]:
    return reader_scorer(model, load_words()[0], device="cpu")(GROUPS)


def test_training_learns_its_examples(trained: tuple[ReaderModel, list[Progress]]) -> None:
    figures = evaluate_reader(lambda _: scores_of(trained[0]), GROUPS, thresholds=[0.5])[0]
    assert (figures.right_sentence, figures.abstains, figures.wrongly_abstains) == (1, 1, 0)
    assert [(at.step, at.steps) for at in trained[1]] == [(30, 40), (40, 40)]
    assert trained[1][-1].share == 1
    assert trained[1][-1].loss < trained[1][0].loss


def test_the_word_vectors_stay_those_of_the_embedder(trained: tuple[ReaderModel, list[Progress]]) -> None:
    kept = trained[0].encoder.embeddings.word_embeddings.weight.detach().numpy()
    assert np.array_equal(kept, load_words()[1])


def test_a_scorer_gives_each_sentence_its_score_whatever_stands_beside_it(
    trained: tuple[ReaderModel, list[Progress]],
) -> None:
    score = reader_scorer(trained[0], load_words()[0], device="cpu")
    together = score(GROUPS)
    assert [[len(each) for each in scores] for scores in together] == [[2, 2], [2, 2], [2]]
    for group, scores in zip(GROUPS, together, strict=True):
        assert np.allclose(score([group])[0], scores, atol=1e-5)


def test_a_saved_and_an_exported_reader_score_alike(
    trained: tuple[ReaderModel, list[Progress]], tmp_path: Path
) -> None:
    save_reader(trained[0], tmp_path / "reader.safetensors")
    loaded = load_reader(tmp_path / "reader.safetensors", base=minilm_folder(), layers=2)
    own = scores_of(loaded)[0][1]
    assert np.allclose(own, scores_of(trained[0])[0][1], atol=0.02)
    export_encoder(loaded, tmp_path / "out", outputs=("logits",), facts={"layers": 2})
    row = encode_groups(GROUPS[:1], load_words()[0])[0][1]
    (logits,) = OnnxEncoder(tmp_path / "out").run([row.ids.tolist()], first_parts=[row.question_length])
    assert np.allclose(1 / (1 + np.exp(-logits[0, row.marks, 0])), own, atol=0.1)


def test_another_shape_is_refused(trained: tuple[ReaderModel, list[Progress]], tmp_path: Path) -> None:
    save_reader(trained[0], tmp_path / "reader.safetensors")
    with pytest.raises(ValueError, match="does not fit a reader of 3 layers"):
        load_reader(tmp_path / "reader.safetensors", base=minilm_folder(), layers=3)


def test_a_student_starts_from_its_teacher_and_leaves_it_alone(trained: tuple[ReaderModel, list[Progress]]) -> None:
    teacher = trained[0]
    before = scores_of(teacher)
    assert np.allclose(scores_of(cut_reader(teacher, layers=2).eval())[0], before[0])
    recipe = ReaderRecipe(layers=1, epochs=20, groups_per_step=3, learning_rate=3e-4)
    student, seen = train(recipe, teacher=teacher)
    assert len(student.encoder.encoder.layer) == 1
    assert len(teacher.encoder.encoder.layer) == 2
    assert scores_of(teacher) == before
    assert seen[-1].loss < seen[0].loss
    assert evaluate_reader(lambda _: scores_of(student), GROUPS, thresholds=[0.5])[0].right_sentence == 1


def test_worker_processes_change_nothing() -> None:
    alone, helped = (train(RECIPE, workers=workers) for workers in (0, 1))
    assert [at.loss for at in alone[1]] == [at.loss for at in helped[1]]
    assert len(alone[1]) == 4
    assert scores_of(alone[0]) == scores_of(helped[0])


def test_a_time_limit_ends_the_training_early() -> None:
    _, seen = train(replace(RECIPE, epochs=5_000), max_seconds=0.5, report_every=10**6)
    assert len(seen) == 1
    assert 0 < seen[0].step < seen[0].steps == 10_000


def test_a_loss_that_is_no_number_ends_the_training() -> None:
    with pytest.raises(TrainingError, match="loss is nan"):
        train(replace(RECIPE, learning_rate=float("inf"), epochs=3))


def test_nothing_to_learn_from_is_said() -> None:
    with pytest.raises(TrainingError, match="at least one group"):
        train_reader([], minilm_folder(), recipe=RECIPE)


def test_lower_layers_learn_slower_by_the_layer_decay() -> None:
    model, _ = train(replace(RECIPE, layers=2, layer_decay=0.0))
    base = load_reader_base(minilm_folder(), layers=2)
    moved = {
        name: not torch.equal(own, old)
        for (name, own), old in zip(model.named_parameters(), base.parameters(), strict=True)
    }
    assert not any(has for name, has in moved.items() if ".layer.0." in name or "embeddings" in name)
    assert moved["encoder.encoder.layer.1.output.dense.weight"]
    assert moved["head.weight"]


def test_the_learning_rate_rises_and_falls_in_lines() -> None:
    rates = [learning_rate(at / 100, warmup=0.06) for at in range(101)]
    assert rates[:7] == sorted(rates[:7])
    assert rates[6:] == sorted(rates[6:], reverse=True)
    assert 0 < rates[0] < 0.05
    assert (max(rates), rates[-1]) == (pytest.approx(1), 0)
    assert rates[53] == pytest.approx(0.5)
