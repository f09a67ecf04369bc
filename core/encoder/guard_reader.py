"""The guard model at work: how likely a text is an attack or a harmful request, and of which kind, in one pass."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from core.encoder.onnx_encoder import OnnxEncoder
from core.encoder.packing import CLS, SEP
from core.errors import ModelError

WINDOW = 126  # tokens that are read together, as in training
STRIDE = 32  # of them that the next window reads again
MAX_WINDOWS = 32
ROWS = 8  # windows of one pass


class GuardReader:
    """A guard in memory. Safe to use from several threads."""

    def __init__(self, folder: Path, *, threads: int = 2) -> None:
        """Load it.

        Raises:
            ModelError: A file is missing or not the expected one, or the card names no labels.
        """
        self._encoder = OnnxEncoder(folder, threads=threads)
        try:
            self.labels = tuple(str(label) for label in self._encoder.card["labels"])
            self.thresholds: Mapping[str, float] = {
                label: float(self._encoder.card["thresholds"][label]) for label in self.labels
            }
        except (KeyError, TypeError, ValueError) as exc:
            raise ModelError(f"The guard's card in {folder} lacks labels or thresholds: {exc}.") from exc

    @property
    def digest(self) -> str:
        """Return the digest of the weights."""
        return self._encoder.digest

    def read(self, text: str) -> dict[str, float]:
        """Return each label's probability, of a long text the highest of its windows.

        What stands behind `MAX_WINDOWS` windows (about 12,000 characters) is read in its last window alone.
        """
        tokens = self._encoder.tokenize([text])[0]
        starts = list(range(0, max(1, len(tokens) - STRIDE), WINDOW - STRIDE))
        if len(starts) > MAX_WINDOWS:
            starts = [*starts[: MAX_WINDOWS - 1], len(tokens) - WINDOW]
        rows = [[CLS, *tokens[start : start + WINDOW], SEP] for start in starts]
        highest = np.full(len(self.labels), -np.inf)
        for first in range(0, len(rows), ROWS):
            logits = self._encoder.run(rows[first : first + ROWS])[0]
            highest = np.maximum(highest, logits.max(axis=0))
        return dict(zip(self.labels, (1 / (1 + np.exp(-highest))).tolist(), strict=True))
