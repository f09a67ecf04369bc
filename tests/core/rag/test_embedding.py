import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from core.encoder.minilm import WEIGHTS_SHA256, minilm_folder
from core.errors import ModelError
from core.rag.embedding import DIMENSIONS, Embedder


def test_vectors_are_unit_float32_and_the_same_each_time(embedder: Embedder) -> None:
    texts = ["Meals are paid up to 60 USD a day.", "", "🛠️ " * 400]
    vectors = embedder.embed(texts)
    assert vectors.dtype == np.float32
    assert vectors.shape == (3, DIMENSIONS)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.array_equal(vectors, embedder.embed(texts))


def test_meaning_is_near_and_the_unrelated_far(embedder: Embedder) -> None:
    question, near, far = embedder.embed(
        ["How much may I spend on food?", "Meals are paid up to 60 USD a day.", "The nozzle is made of brass."]
    )
    assert question @ near > question @ far + 0.2


def test_nothing_gives_an_empty_matrix_without_loading() -> None:
    assert Embedder(folder=Path("nowhere")).embed([]).shape == (0, DIMENSIONS)


def test_threads_share_one_embedder(embedder: Embedder) -> None:
    texts = [f"Sentence number {n}." for n in range(8)]
    alone = [embedder.embed([text])[0] for text in texts]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda text: embedder.embed([text])[0], texts))
    assert np.array_equal(alone, together)


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"can't be read at .*model\.safetensors"):
        Embedder(folder=tmp_path).embed(["x"])


def test_other_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"not the weights")
    with pytest.raises(ModelError, match=f"expected {WEIGHTS_SHA256}"):
        Embedder(folder=tmp_path).embed(["x"])


def test_broken_tokenizer_is_refused(tmp_path: Path) -> None:
    shutil.copyfile(minilm_folder() / "model.safetensors", tmp_path / "model.safetensors")
    (tmp_path / "tokenizer.json").write_text("{broken")
    with pytest.raises(ModelError, match=r"tokenizer .* can't be read"):
        Embedder(folder=tmp_path).embed(["x"])


def test_vectors_are_those_of_the_weights_in_float32(embedder: Embedder) -> None:
    reference = SentenceTransformer(str(minilm_folder()), device="cpu", local_files_only=True)
    texts = [
        "Meals are paid up to 60 USD a day.",
        "Country: Chad | Year: 1999 | Life expectancy: 47.5\nCountry: Chad | Year: 2004 | Life expectancy: 48.2",
        "Crème brûlée, 東京, naïve coöperation",
        "word " * 400,
    ]
    ours, theirs = embedder.embed(texts), reference.encode(texts, normalize_embeddings=True)
    assert (ours * theirs).sum(axis=1).min() > 0.98
    assert np.array_equal(embedder.embed(["word " * 254 + "other"]), embedder.embed(["word " * 254 + "end"]))
    assert not np.array_equal(embedder.embed(["word " * 253 + "other"]), embedder.embed(["word " * 253 + "end"]))


def test_a_text_has_the_same_vector_beside_any_others_and_on_any_number_of_threads(embedder: Embedder) -> None:
    texts = [f"The part number {n} costs {n * 7} USD. " * (n % 5 + 1) for n in range(12)]
    alone = np.concatenate([embedder.embed([text]) for text in texts])
    assert np.array_equal(embedder.embed(texts), alone)
    assert np.array_equal(Embedder(threads=1).embed(texts[::-1])[::-1], alone)


def test_import_loads_no_torch() -> None:
    code = "import sys, core.rag.retriever; sys.exit('torch' in sys.modules or 'sentence_transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
