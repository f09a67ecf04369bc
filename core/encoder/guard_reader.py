"""The guard model at work: how likely a text is an attack or a harmful request, of which kind, and the names in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.encoder.onnx_encoder import OnnxEncoder
from core.encoder.packing import CLS, SEP
from core.errors import ModelError

WINDOW = 126  # tokens that are read together, as in training
STRIDE = 32  # of them that the next window reads again
MAX_WINDOWS = 32
ROWS = 8  # windows of one pass
ENTITIES = ("PERSON", "LOCATION", "ORGANISATION", "DATE")


@dataclass(frozen=True, slots=True)
class Name:
    """A stretch of a text that names something.

    Attributes:
        entity: One of `ENTITIES`.
        probability: That its surest token is part of a name of any kind.
    """

    start: int
    end: int
    entity: str
    probability: float


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

    def find_names(self, text: str, *, least: float = 0.5) -> list[Name]:
        """Return the names in the whole of a text, in order; names of at least that probability."""
        encoding = self._encoder.tokenizer.encode(text, add_special_tokens=False)
        if not encoding.ids:
            return []
        scores = self._read_tags(encoding.ids)
        odds = np.exp(scores - scores.max(axis=1, keepdims=True))
        chances = 1 - odds[:, 0] / odds.sum(axis=1)
        tags = 1 + scores[:, 1:].argmax(axis=1)
        names = list[Name]()
        for tag, chance, (start, end) in zip(tags.tolist(), chances.tolist(), encoding.offsets, strict=True):
            if chance < least:
                continue
            entity = ENTITIES[(tag - 1) // 2]
            last = names[-1] if names else None
            goes_on = last is not None and (start == last.end or (tag % 2 == 0 and not text[last.end : start].strip()))
            if last is not None and goes_on and (entity == last.entity or start == last.end):
                names[-1] = Name(last.start, end, last.entity, max(chance, last.probability))
            else:
                names.append(Name(start, end, entity, chance))
        return names

    def _read_tags(self, ids: list[int]) -> NDArray[Any]:
        """Return the scores of the tags for every token; where windows overlap, of the one that reads more of it."""
        starts = list(range(0, max(1, len(ids) - STRIDE), WINDOW - STRIDE))
        rows = [[CLS, *ids[start : start + WINDOW], SEP] for start in starts]
        pieces = list[NDArray[Any]]()
        for first in range(0, len(rows), ROWS):
            pieces.extend(self._encoder.run(rows[first : first + ROWS])[1])
        cut = STRIDE // 2
        kept = [
            piece[1 + (cut if at else 0) : 1 + (len(row) - 2 if at == len(rows) - 1 else WINDOW - cut)]
            for at, (piece, row) in enumerate(zip(pieces, rows, strict=True))
        ]
        return np.concatenate(kept)
