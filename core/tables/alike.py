"""How alike two words are, by the vectors of words that the embedder's package carries: "city" and "location"."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.encoder.minilm import load_words
from core.encoder.packing import tokenize

_FIRST_WORD = 1996  # what comes before are signs and single letters


@lru_cache(maxsize=1)
def _mean() -> NDArray[Any]:
    return np.asarray(load_words()[1][_FIRST_WORD:].mean(axis=0))


@lru_cache(maxsize=16_384)
def _vector(word: str) -> NDArray[Any] | None:
    tokenizer, vectors = load_words()
    ids = tokenize(tokenizer, [word])[0]
    if not ids:
        return None
    vector = vectors[list(ids)].mean(axis=0) - _mean()
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-6))


@lru_cache(maxsize=65_536)
def likeness(one: str, other: str) -> float:
    """Return the cosine of two words' vectors, 0 where it is below that."""
    a, b = _vector(one), _vector(other)
    return 0.0 if a is None or b is None else max(0.0, float(a @ b))
