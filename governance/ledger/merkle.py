"""Merkle trees as RFC 6962 hashes them and RFC 9162 proves them: roots, inclusion proofs, consistency proofs.

Pure: hashes in, hashes out. What the leaves mean and where the nodes lie is told by the caller.
"""

import hashlib
from collections.abc import Mapping, Sequence

from governance.errors import VerificationError

EMPTY_ROOT = hashlib.sha256().digest()
HASH_BYTES = hashlib.sha256().digest_size

NodeId = tuple[int, int]
"""(level, index): the perfect subtree over the 2**level leaves from index * 2**level on."""


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf (RFC 6962, section 2.1)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node (RFC 6962, section 2.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def perfect_subtrees(begin: int, end: int) -> list[NodeId]:
    """Return the perfect subtrees that make up the leaves begin..end-1, left to right, each the largest possible."""
    nodes = []
    while begin < end:
        fits = (end - begin).bit_length() - 1
        aligned = (begin & -begin).bit_length() - 1 if begin else fits
        level = min(fits, aligned)
        nodes.append((level, begin >> level))
        begin += 1 << level
    return nodes


def fold(hashes: Sequence[bytes]) -> bytes:
    """Return the root over perfect subtrees of falling size, left to right."""
    if not hashes:
        return EMPTY_ROOT
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root


class CompactTree:
    """A growing tree of which only the O(log n) perfect subtrees are kept."""

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        """Continue a tree of `size` leaves whose `perfect_subtrees(0, size)` hash to `peaks`."""
        if len(peaks) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves has {size.bit_count()} peaks, not {len(peaks)}")
        self.size = size
        self._peaks = list(peaks)

    def append(self, leaf: bytes) -> list[tuple[int, int, bytes]]:
        """Add a leaf hash; return the inner nodes that it completes as (level, index, hash)."""
        completed = []
        hashed, level = leaf, 0
        while self.size >> level & 1:
            hashed, level = node_hash(self._peaks.pop(), hashed), level + 1
            completed.append((level, self.size >> level, hashed))
        self._peaks.append(hashed)
        self.size += 1
        return completed

    def root(self) -> bytes:
        """Return the root over all leaves so far."""
        return fold(self._peaks)

    def copy(self) -> "CompactTree":
        """Return a tree that grows on its own from here."""
        return CompactTree(self.size, self._peaks)


def inclusion_parts(index: int, size: int) -> list[list[NodeId]]:
    """Return for each hash of the inclusion proof the perfect subtrees that fold to it (RFC 9162, 2.1.3.1)."""
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    ranges = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((begin, middle))
            begin = middle
    return [perfect_subtrees(*bounds) for bounds in reversed(ranges)]


def consistency_parts(old_size: int, size: int) -> list[list[NodeId]]:
    """Return for each hash of the consistency proof the perfect subtrees that fold to it (RFC 9162, 2.1.4.1)."""
    if not 0 < old_size <= size:
        raise ValueError(f"a tree of {old_size} is no proper beginning of a tree of {size}")
    ranges = []
    begin, end = 0, size
    while end != old_size:
        middle = begin + _split(end - begin)
        if old_size <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((begin, middle))
            begin = middle
    if begin:
        ranges.append((begin, end))
    return [perfect_subtrees(*bounds) for bounds in reversed(ranges)]


def build_proof(parts: Sequence[Sequence[NodeId]], *, nodes: Mapping[NodeId, bytes]) -> list[bytes]:
    """Return a proof from its parts and the hashes of the nodes that they name."""
    return [fold([nodes[node] for node in part]) for part in parts]


def verify_inclusion(leaf: bytes, *, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that the leaf hash stands at `index` of the tree with this size and root (RFC 9162, 2.1.3.2).

    Raises:
        VerificationError: It does not.
    """
    if not 0 <= index < size:
        raise VerificationError(f"The proof is for entry {index}, which a tree of {size} entries does not hold.")
    position, last, hashed = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise VerificationError(f"The inclusion proof of entry {index} is longer than its tree is high.")
        if position & 1 or position == last:
            hashed = node_hash(sibling, hashed)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            hashed = node_hash(hashed, sibling)
        position, last = position >> 1, last >> 1
    if last != 0 or hashed != root:
        raise VerificationError(f"The inclusion proof of entry {index} does not lead to the signed root.")


def verify_consistency(*, old_size: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> None:
    """Check that the first `old_size` leaves of a tree are an older tree (RFC 9162, 2.1.4.2).

    Raises:
        VerificationError: They are not: the history was rewritten, cut or forked.
    """
    if not 0 <= old_size <= size:
        raise VerificationError(f"A tree of {size} entries can't continue a tree of {old_size}: entries were cut off.")
    if old_size in (0, size):
        expected = EMPTY_ROOT if old_size == 0 else root
        if proof or old_root != expected:
            raise VerificationError(f"Two roots over the same {old_size} entries differ: the history was forked.")
        return
    old, new = _replay_consistency(old_size, old_root, size, proof)
    if (old, new) != (old_root, root):
        raise VerificationError(f"The tree of {size} entries does not continue the one of {old_size}: forked history.")


def _replay_consistency(old_size: int, old_root: bytes, size: int, proof: Sequence[bytes]) -> tuple[bytes, bytes]:
    hashes = list(proof)
    if old_size & (old_size - 1) == 0:
        hashes.insert(0, old_root)
    if not hashes:
        raise VerificationError("The consistency proof is empty.")
    position, last = old_size - 1, size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    old = new = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            raise VerificationError("The consistency proof is longer than its tree is high.")
        if position & 1 or position == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        position, last = position >> 1, last >> 1
    if last != 0:
        raise VerificationError("The consistency proof is shorter than its tree is high.")
    return old, new


def _split(size: int) -> int:
    return 1 << (size - 1).bit_length() - 1
