"""An embedder for tests: a text's vector is the sum of its words' own directions."""

import hashlib
from collections.abc import Sequence

import numpy as np

from core.rag.embedding import DIMENSIONS, Embedder, Vectors


class WordEmbedder(Embedder):
    """Counts what it embeds."""

    def __init__(self) -> None:
        self.embedded = 0

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.embedded += len(texts)
        vectors = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for word in text.lower().split():
                seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big")
                row += np.random.default_rng(seed).normal(size=DIMENSIONS).astype(np.float32)
            row /= np.linalg.norm(row) or 1
        return vectors
