import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.encoder.minilm import load_words, minilm_folder
from core.encoder.onnx_encoder import OnnxEncoder
from core.training.encoder_export import export_encoder
from core.training.reader import ReaderRecipe, train_reader
from core.training.reader_batches import collate, encode_groups
from core.training.reader_data import Group, Labelled, read_groups, write_groups
from core.training.reader_evaluation import evaluate_reader
from core.training.reader_model import ReaderModel, load_reader, save_reader, score_batch

MEALS = Labelled("Travel > Meals", ("The policy covers meals.", "Meals are paid up to 60 USD a day."), (1,))
LASER = Labelled("Laser > Focus", ("The focus height is 7 mm.", "Clean the lens weekly."))
GROUPS = [
    Group("How much is paid for meals?", (LASER, MEALS)),
    Group("How high is the focus?", (replace(LASER, gold=(0,)), replace(MEALS, gold=()))),
    Group("What is the capital of France?", (LASER,)),
]


@pytest.fixture(scope="module")
def trained() -> tuple[ReaderModel, list[str]]:
    torch.set_num_threads(1)  # two of them wait for each other on a busy machine
    lines: list[str] = []
    recipe = ReaderRecipe(layers=1, epochs=50, groups_per_step=3, learning_rate=3e-4)
    return train_reader(GROUPS, minilm_folder(), recipe=recipe, report=lines.append), lines


def scores_of(model: ReaderModel, group: Group) -> list[list[float]]:
    batch = collate([encode_groups([group], load_words()[0])[0]], "cpu")
    with torch.no_grad():
        own = torch.sigmoid(score_batch(model, batch, "cpu")[0]).tolist()
    sizes = np.cumsum([0, *(len(r.sentences) for r in group.readings)])
    return [own[a:b] for a, b in itertools.pairwise(sizes)]


def test_groups_survive_being_written(tmp_path: Path) -> None:
    path = tmp_path / "groups.jsonl.gz"
    assert write_groups(GROUPS, path) == 3
    assert read_groups(path) == GROUPS


def test_rows_know_which_sentences_answer() -> None:
    batch = collate(encode_groups(GROUPS, load_words()[0]), "cpu")
    assert batch.groups == 3
    assert batch.answers.tolist() == [0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
    assert batch.group.tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2]
    assert batch.row_answers.tolist() == [0, 1, 1, 0, 0]


def test_training_learns_its_examples(trained: tuple[ReaderModel, list[str]]) -> None:
    figures = evaluate_reader(lambda group: scores_of(trained[0], group), GROUPS, threshold=0.5)
    assert (figures.right_sentence, figures.abstains, figures.wrongly_abstains) == (1, 1, 0)
    assert trained[1][0].startswith("step 50/50 loss ")


def test_the_word_vectors_stay_those_of_the_embedder(trained: tuple[ReaderModel, list[str]]) -> None:
    kept = trained[0].encoder.embeddings.word_embeddings.weight.detach().numpy()
    assert np.array_equal(kept, load_words()[1])


def test_a_saved_and_an_exported_reader_score_alike(trained: tuple[ReaderModel, list[str]], tmp_path: Path) -> None:
    save_reader(trained[0], tmp_path / "reader.safetensors")
    loaded = load_reader(tmp_path / "reader.safetensors", base=minilm_folder(), layers=1)
    assert np.allclose(scores_of(loaded, GROUPS[0])[1], scores_of(trained[0], GROUPS[0])[1], atol=0.02)
    export_encoder(loaded, tmp_path / "out", outputs=("logits",), facts={"layers": 1})
    rows = encode_groups(GROUPS[:1], load_words()[0])[0]
    (logits,) = OnnxEncoder(tmp_path / "out").run([rows[1].ids], first_parts=[rows[1].question_length])
    own = 1 / (1 + np.exp(-logits[0, list(rows[1].marks), 0]))
    assert np.allclose(own, scores_of(loaded, GROUPS[0])[1], atol=0.1)


def test_another_shape_is_refused(trained: tuple[ReaderModel, list[str]], tmp_path: Path) -> None:
    save_reader(trained[0], tmp_path / "reader.safetensors")
    with pytest.raises(ValueError, match="does not fit a reader of 2 layers"):
        load_reader(tmp_path / "reader.safetensors", base=minilm_folder(), layers=2)


def test_nothing_to_measure_is_none() -> None:
    figures = evaluate_reader(lambda group: scores_of_none(group), [GROUPS[2]], threshold=0.5)
    assert figures.right_passage is None
    assert figures.abstains == 1


def scores_of_none(group: Group) -> list[list[float]]:
    return [[0.0] * len(reading.sentences) for reading in group.readings]
