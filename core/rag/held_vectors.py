"""Keeps vectors of versions in memory, so that a search of few datasets is one product and no question to Chroma.

A version's vectors never change once it is in use, so what was read once stays true. Kept as float16, which moves a
cosine by some 0.00002.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.encoder.sentence_encoder import Vectors


@dataclass(frozen=True, slots=True)
class Block:
    """The vectors of a version: row n is the one of `ids[n]`."""

    ids: tuple[str, ...]
    vectors: NDArray[np.float16]


class HeldVectors:
    """Blocks by version, up to a size; those not asked for longest go first. Safe to use from several threads."""

    def __init__(self, max_bytes: int) -> None:
        """Take the most that all blocks together may hold."""
        self._max_bytes = max_bytes
        self._bytes = 0
        self._blocks: OrderedDict[str, Block] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, versions: Sequence[str]) -> dict[str, Block]:
        """Return the blocks of those of these versions that are held."""
        with self._lock:
            found = {version: self._blocks[version] for version in versions if version in self._blocks}
            for version in found:
                self._blocks.move_to_end(version)
        return found

    def keep(self, version: str, block: Block) -> None:
        """Hold a block from now on."""
        with self._lock:
            self._drop(version)
            self._blocks[version] = block
            self._bytes += block.vectors.nbytes
            while self._bytes > self._max_bytes:
                self._drop(next(iter(self._blocks)))

    def drop(self, version: str) -> None:
        """Hold a version no longer."""
        with self._lock:
            self._drop(version)

    def clear(self) -> None:
        """Hold nothing."""
        with self._lock:
            self._blocks.clear()
            self._bytes = 0

    def _drop(self, version: str) -> None:
        block = self._blocks.pop(version, None)
        self._bytes -= block.vectors.nbytes if block is not None else 0


def rank(blocks: Sequence[Block], vector: Vectors, *, top_k: int) -> list[tuple[str, float]]:
    """Return the rows nearest to a unit vector as (id, cosine), best first; of equal ones that which stands first."""
    ids = [i for block in blocks for i in block.ids]
    cosines = [block.vectors.astype(np.float32) @ vector for block in blocks]
    scores = np.concatenate(cosines) if cosines else np.empty(0, dtype=np.float32)
    return [(ids[n], float(scores[n])) for n in np.argsort(-scores, kind="stable")[:top_k]]
