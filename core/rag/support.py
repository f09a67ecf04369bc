"""Says how far passages support a sentence, 0..1, from what they share: a small model over `support_features`.

It reads words, not meaning: a fair summary in other words scores low, and a sentence that joins the passage's words to
something wrong scores high. Its card in `data/models/support` holds the figures. English.
"""

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError
from core.rag.support_features import FEATURES, Passages, WordVectors, compare, read_passages
from core.schema import Support, digest_of

CARD = "model.json"
_ADVICE = "Restore the file from the project's release."
_PASSAGES, _SENTENCES = 32, 256  # how many are remembered: an answer is looked at more than once


class SupportReader:
    """The support model in memory. Safe to share between threads."""

    def __init__(self, folder: Path) -> None:
        """Load it.

        Raises:
            ModelError: The file is missing, or its weights don't fit the features.
        """
        try:
            card: dict[str, Any] = json.loads((folder / CARD).read_text(encoding="utf-8"))
            self.threshold = float(card["threshold"])
            self._weights = {name: np.array(values, dtype=np.float64) for name, values in card["weights"].items()}
            places = [FEATURES.index(name) for name in card["features"]]
            _check(self._weights, len(places))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
            raise ModelError(f"The support model in {folder} can't be read: {exc}. {_ADVICE}") from exc
        self.digest = digest_of({name: card[name] for name in ("features", "threshold", "weights")})
        self._places = places
        self._vectors = WordVectors()
        self._passages = lru_cache(_PASSAGES)(self._read)
        self._weighed = lru_cache(_SENTENCES)(self._weigh)

    def weigh(self, sentence: str, passages: Sequence[str]) -> Support:
        """Return how far passages, together, support a sentence."""
        return self._weighed(sentence, tuple(passages))

    def _weigh(self, sentence: str, passages: tuple[str, ...]) -> Support:
        shared = compare(sentence, self._passages(passages), self._vectors)
        score = float(support_of(shared.features[self._places], self._weights))
        return Support(score, shared.in_best, shared.numbers_missing, shared.names_missing, shared.flipped)

    def _read(self, texts: tuple[str, ...]) -> Passages:
        return read_passages(texts, self._vectors)


def support_of(features: NDArray[Any], weights: dict[str, NDArray[Any]]) -> NDArray[Any]:
    """Return the model's score for features of shape (..., number of features)."""
    scaled = (features - weights["mean"]) / weights["spread"]
    hidden = np.tanh(scaled @ weights["inner"] + weights["inner_bias"])
    result: NDArray[Any] = 1 / (1 + np.exp(-(hidden @ weights["outer"] + weights["outer_bias"])))
    return result


def _check(weights: dict[str, NDArray[Any]], features: int) -> None:
    hidden = weights["outer"].shape[0]
    expected = {
        "mean": (features,),
        "spread": (features,),
        "inner": (features, hidden),
        "inner_bias": (hidden,),
        "outer": (hidden,),
        "outer_bias": (),
    }
    found = {name: weights[name].shape for name in expected}
    if found != expected or not all(np.isfinite(values).all() for values in weights.values()):
        raise ValueError(f"weights of shapes {found}, expected {expected}")
