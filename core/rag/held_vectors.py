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

ROOM = 0.9  # filled up to this share of its size, it has room
PART = 2_048  # rows that are turned into float32 at once: they fit the processor's cache
_SIGN_COPIES = np.int32(0x70000000)  # that int16 leaves above a number when it is widened and moved
_OFFSET = np.float32(2.0**112)  # between the exponents of float16 and float32


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
        self._owners: dict[str, str] = {}  # version of each id that is held
        self._lock = threading.Lock()

    def find(self, versions: Sequence[str]) -> dict[str, Block]:
        """Return the blocks of those of these versions that are held."""
        with self._lock:
            found = {version: self._blocks[version] for version in versions if version in self._blocks}
            for version in found:
                self._blocks.move_to_end(version)
        return found

    def rows(self, ids: Sequence[str]) -> dict[str, NDArray[np.float16]]:
        """Return the vectors of those of these ids that are held."""
        with self._lock:
            blocks = {each: self._blocks[self._owners[each]] for each in ids if each in self._owners}
        return {each: block.vectors[block.ids.index(each)] for each, block in blocks.items()}

    def has_room(self) -> bool:
        """Say whether more can be held without letting go of much."""
        return self._bytes < ROOM * self._max_bytes

    def keep(self, version: str, block: Block) -> None:
        """Hold a block from now on."""
        with self._lock:
            self._drop(version)
            self._blocks[version] = block
            self._owners |= dict.fromkeys(block.ids, version)
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
            self._owners.clear()
            self._bytes = 0

    def _drop(self, version: str) -> None:
        block = self._blocks.pop(version, None)
        if block is not None:
            self._bytes -= block.vectors.nbytes
            for each in block.ids:
                self._owners.pop(each, None)


def rank(blocks: Sequence[Block], vector: Vectors, *, top_k: int) -> list[tuple[str, float]]:
    """Return the rows nearest to a unit vector as (id, cosine), best first; of equal ones that which stands first."""
    if not blocks:
        return []
    rows = np.concatenate([block.vectors for block in blocks])
    scores = np.concatenate([to_float32(rows[at : at + PART]) @ vector for at in range(0, max(len(rows), 1), PART)])
    ends = np.cumsum([len(block.ids) for block in blocks])
    best = best_rows(scores, top_k=top_k)
    owners = np.searchsorted(ends, best, side="right").tolist()
    starts = (ends[owners] - [len(blocks[each].ids) for each in owners]).tolist()
    places = zip(owners, starts, best.tolist(), scores[best].tolist(), strict=True)
    return [(blocks[owner].ids[row - start], score) for owner, start, row, score in places]


def to_float32(values: NDArray[np.float16]) -> Vectors:
    """Return finite numbers as float32, exactly; a fifth of the time that NumPy takes, which converts one by one.

    Sign, exponent and fraction are moved to where float32 has them, and the exponent's other offset is made up for.
    """
    bits = values.view(np.int16).astype(np.int32)
    bits <<= 13
    bits &= ~_SIGN_COPIES
    moved: Vectors = bits.view(np.float32)
    moved *= _OFFSET
    return moved


def best_rows(scores: NDArray[np.float32], *, top_k: int) -> NDArray[np.intp]:
    """Return the rows of the highest scores, best first; of equal ones that which stands first. Sorts few of many."""
    if top_k >= len(scores):
        return np.argsort(-scores, kind="stable")
    least = np.partition(scores, -top_k)[-top_k]
    rows = np.flatnonzero(scores >= least)
    return rows[np.argsort(-scores[rows], kind="stable")][:top_k]
