import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from core.encoder.minilm import minilm_folder
from core.encoder.onnx_encoder import CARD, OnnxEncoder
from core.errors import ModelError
from core.training.encoder_export import export_encoder
from core.training.sentence_vectors import load_sentence_base

ROWS = [[101, 2129, 2172, 102, 7954, 102], [101, 2129, 102]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder of one layer, exported."""
    torch.manual_seed(1)
    made = tmp_path_factory.mktemp("encoder")
    model = load_sentence_base(minilm_folder(), frozen=0)
    model.encoder.encoder.layer = model.encoder.encoder.layer[:1]
    export_encoder(model, made, outputs=("hidden",), facts={"layers": 1})
    return made


def test_rows_of_other_lengths_do_not_change_an_output(folder: Path) -> None:
    encoder = OnnxEncoder(folder)
    (together,) = encoder.run(ROWS, first_parts=[4, 3])
    (alone,) = encoder.run(ROWS[1:], first_parts=[3])
    assert together.shape[:2] == (2, 6)
    assert np.allclose(together[1, :3], alone[0], atol=0.2)  # int8 scales are drawn from the whole batch


def test_threads_share_one_encoder(folder: Path) -> None:
    encoder = OnnxEncoder(folder)
    (alone,) = encoder.run(ROWS)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda _: encoder.run(ROWS)[0], range(8)))
    assert all(np.array_equal(each, alone) for each in together)


def test_a_changed_byte_is_refused(folder: Path, tmp_path: Path) -> None:
    changed = Path(shutil.copytree(folder, tmp_path / "encoder"))
    weights = changed / json.loads((changed / CARD).read_text())["weights"]
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)
    with pytest.raises(ModelError, match="have the digest sha256:"):
        OnnxEncoder(changed)


@pytest.mark.parametrize("broken", ["", "{", "[]", "{}", '{"weights": "weights.onnx"}'])
def test_a_broken_card_is_named(tmp_path: Path, broken: str) -> None:
    (tmp_path / CARD).write_text(broken)
    with pytest.raises(ModelError, match=r"model\.json can't be read"):
        OnnxEncoder(tmp_path)


def test_missing_files_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model\.json can't be read"):
        OnnxEncoder(tmp_path)
    shutil.copy(folder / CARD, tmp_path)
    with pytest.raises(ModelError, match="weights can't be read at"):
        OnnxEncoder(tmp_path)
