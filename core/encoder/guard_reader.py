"""The guard model at work: how likely a text is an attack or a harmful request, of which kind, and the names in it."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.encoder.onnx_encoder import OnnxEncoder
from core.encoder.packing import CLS, SEP, encodable
from core.errors import ModelError

WINDOW = 126  # tokens that are read together, as in training
STRIDE = 32  # of them that the next window reads again
MAX_WINDOWS = 32
ROWS = 8  # windows of one pass
KEPT = 16  # texts whose last pass is remembered: who asks for labels asks for names next
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


@dataclass(frozen=True, slots=True)
class _Pass:
    """What one pass over a text's windows gave.

    Attributes:
        labels: The highest score of each label.
        tags: For each window the scores of the tags of its tokens.
    """

    labels: NDArray[Any]
    tags: list[NDArray[Any]]


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
        self._kept: OrderedDict[tuple[tuple[int, ...], ...], _Pass] = OrderedDict()
        self._lock = Lock()

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
        highest = self._pass(tokens, starts).labels
        return dict(zip(self.labels, (1 / (1 + np.exp(-highest))).tolist(), strict=True))

    def find_names(self, text: str, *, least: float = 0.5) -> list[Name]:
        """Return the names in the whole of a text, in order; names of at least that probability."""
        encoding = self._encoder.tokenizer.encode(encodable(text), add_special_tokens=False)
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
        pieces = self._pass(ids, starts).tags
        cut, last = STRIDE // 2, len(starts) - 1
        kept = [
            piece[1 + (cut if at else 0) : 1 + (len(ids) - starts[last] if at == last else WINDOW - cut)]
            for at, piece in enumerate(pieces)
        ]
        return np.concatenate(kept)

    def _pass(self, ids: list[int], starts: list[int]) -> "_Pass":
        """Read windows of a text, once for its labels and its names."""
        rows = tuple((CLS, *ids[start : start + WINDOW], SEP) for start in starts)
        with self._lock:
            if rows in self._kept:
                self._kept.move_to_end(rows)
                return self._kept[rows]
        highest, tags = np.full(len(self.labels), -np.inf), list[NDArray[Any]]()
        for first in range(0, len(rows), ROWS):
            labels, of_tokens = self._encoder.run(rows[first : first + ROWS])[:2]
            highest = np.maximum(highest, labels.max(axis=0))
            tags.extend(of_tokens)
        read = _Pass(highest, tags)
        if len(rows) <= MAX_WINDOWS:
            with self._lock:
                self._kept[rows] = read
                if len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
        return read
