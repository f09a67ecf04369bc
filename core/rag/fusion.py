"""Joins what meaning and words say of the same passages into one order. Pure.

Both scores are known for every passage of the pool, so each is put on its own scale there (mean 0, deviation 1) and the
two are added, as Bruch, Gai and Ingber recommend over ranks ("An Analysis of Fusion Functions for Hybrid Retrieval",
2023). `DENSE_WEIGHT` was chosen on three public sets on which either side is the better one, and is reported on two
others: `python -m benchmarks.fusion`.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

DENSE_WEIGHT = 0.75  # of meaning; words have the rest


def fuse_scores(
    dense: Mapping[str, float], lexical: Mapping[str, float], *, dense_weight: float = DENSE_WEIGHT
) -> list[tuple[str, float]]:
    """Return (id, fused score) best first.

    Args:
        dense: Cosine of each passage that either search found.
        lexical: BM25 score of the same passages; one that is missing holds no word of the query.
        dense_weight: 0..1.
    """
    ids = list(dense)
    by_meaning = _standardised([dense[i] for i in ids])
    by_words = _standardised([lexical.get(i, 0.0) for i in ids])
    fused = dense_weight * by_meaning + (1 - dense_weight) * by_words
    order = np.argsort(-fused, kind="stable")
    return [(ids[place], score) for place, score in zip(order.tolist(), fused[order].tolist(), strict=True)]


def _standardised(scores: list[float]) -> NDArray[np.float64]:
    values = np.asarray(scores, dtype=np.float64)
    spread = values.std() if len(values) else 0.0
    return (values - values.mean()) / spread if spread > 0 else np.zeros_like(values)
