"""The tree against RFC 6962 test vectors, against the RFC's own recursion, and against altered proofs."""

import base64
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.errors import VerificationError
from governance.ledger.merkle import (
    EMPTY_ROOT,
    CompactTree,
    NodeId,
    build_proof,
    consistency_parts,
    inclusion_parts,
    leaf_hash,
    node_hash,
    perfect_subtrees,
    verify_consistency,
    verify_inclusion,
)

# The leaves and roots that Certificate Transparency implementations test with.
VECTOR_LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
VECTOR_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def _leaves(size: int) -> list[bytes]:
    return [leaf_hash(b"%d" % number) for number in range(size)]


def _tree(leaves: list[bytes]) -> tuple[CompactTree, dict[NodeId, bytes]]:
    tree = CompactTree()
    nodes = {(0, index): hashed for index, hashed in enumerate(leaves)}
    for hashed in leaves:
        nodes |= {(level, index): inner for level, index, inner in tree.append(hashed)}
    return tree, nodes


def _split(size: int) -> int:
    power = 1
    while power * 2 < size:
        power *= 2
    return power


def _naive_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, word for word."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    k = _split(len(leaves))
    return node_hash(_naive_root(leaves[:k]), _naive_root(leaves[k:]))


def _naive_inclusion(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962, section 2.1.1, word for word."""
    if len(leaves) == 1:
        return []
    k = _split(len(leaves))
    if index < k:
        return [*_naive_inclusion(index, leaves[:k]), _naive_root(leaves[k:])]
    return [*_naive_inclusion(index - k, leaves[k:]), _naive_root(leaves[:k])]


def _naive_consistency(old: int, leaves: list[bytes], *, whole: bool = True) -> list[bytes]:
    """SUBPROOF of RFC 6962, section 2.1.2, word for word."""
    if old == len(leaves):
        return [] if whole else [_naive_root(leaves)]
    k = _split(len(leaves))
    if old <= k:
        return [*_naive_consistency(old, leaves[:k], whole=whole), _naive_root(leaves[k:])]
    return [*_naive_consistency(old - k, leaves[k:], whole=False), _naive_root(leaves[:k])]


def _inclusion(index: int, leaves: list[bytes]) -> list[bytes]:
    return build_proof(inclusion_parts(index, len(leaves)), nodes=_tree(leaves)[1])


def _consistency(old: int, leaves: list[bytes]) -> list[bytes]:
    return build_proof(consistency_parts(old, len(leaves)), nodes=_tree(leaves)[1])


@pytest.mark.parametrize("size", range(9))
def test_root_equals_published_vector(size: int) -> None:
    tree, _ = _tree([leaf_hash(data) for data in VECTOR_LEAVES[:size]])
    assert tree.root().hex() == VECTOR_ROOTS[size]


def test_inclusion_proof_equals_published_vector() -> None:
    leaves = [leaf_hash(data) for data in VECTOR_LEAVES[:3]]
    assert _inclusion(2, leaves) == [base64.b64decode("+sVCA+fMaWzw38tCySodnbr3CtnmIfS9jZhmLwDjwSU=")]


def test_consistency_proof_equals_published_vector() -> None:
    leaves = [leaf_hash(data) for data in VECTOR_LEAVES]
    assert [base64.b64encode(hashed).decode() for hashed in _consistency(1, leaves)] == [
        "lqKW0iTyhcZ77pPDD4owkVfw2qNdxbh+QQt4YwoJz8c=",
        "Xwg/ChozygdqlSeYMlgNs+DvRYS9/x9UyKNg9Q3jAx4=",
        "a0eq8p7jwq+a+Im8H7klTavTEXfxYjLdaqsDXKOb9uQ=",
    ]


@pytest.mark.parametrize("size", [*range(1, 34), 63, 64, 65, 100])
def test_every_inclusion_proof_is_the_rfcs_and_verifies(size: int) -> None:
    leaves = _leaves(size)
    tree, nodes = _tree(leaves)
    assert tree.root() == _naive_root(leaves)
    for index in range(size):
        proof = build_proof(inclusion_parts(index, size), nodes=nodes)
        assert proof == _naive_inclusion(index, leaves)
        verify_inclusion(leaves[index], index=index, size=size, proof=proof, root=tree.root())


@pytest.mark.parametrize("size", [*range(1, 34), 63, 64, 65])
def test_every_consistency_proof_is_the_rfcs_and_verifies(size: int) -> None:
    leaves = _leaves(size)
    root, nodes = _naive_root(leaves), _tree(leaves)[1]
    for old in range(1, size + 1):
        proof = build_proof(consistency_parts(old, size), nodes=nodes)
        assert proof == _naive_consistency(old, leaves)
        verify_consistency(old_size=old, old_root=_naive_root(leaves[:old]), size=size, root=root, proof=proof)


@given(st.integers(0, 2**40), st.integers(0, 200))
def test_perfect_subtrees_cover_a_range_without_gaps(begin: int, length: int) -> None:
    covered = [(index << level, (index + 1) << level) for level, index in perfect_subtrees(begin, begin + length)]
    assert sum(end - start for start, end in covered) == length
    assert all(left[1] == right[0] for left, right in pairwise(covered))
    assert not covered or covered[0][0] == begin


@given(st.data())
def test_inclusion_proof_fails_for_anything_else(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 40))
    index = data.draw(st.integers(0, size - 1))
    leaves = _leaves(size)
    root, proof = _naive_root(leaves), _inclusion(index, leaves)
    place = data.draw(st.integers(0, len(proof) - 1))
    bit = data.draw(st.integers(0, 255))
    flipped = (int.from_bytes(proof[place], "big") ^ (1 << bit)).to_bytes(32, "big")
    other = data.draw(st.integers(0, size).filter(lambda number: number != index))
    wrong = [
        (index, size, proof[:-1]),
        (index, size, proof[1:]),
        (index, size, [*proof, proof[-1]]),
        (index, size, [*proof[:place], flipped, *proof[place + 1 :]]),
        (other, size, proof),
        (index, index, proof),
        (-1, size, proof),
    ]
    for wrong_index, wrong_size, wrong_proof in wrong:
        with pytest.raises(VerificationError):
            verify_inclusion(leaves[index], index=wrong_index, size=wrong_size, proof=wrong_proof, root=root)
    with pytest.raises(VerificationError):
        verify_inclusion(leaf_hash(b"another"), index=index, size=size, proof=proof, root=root)


def test_proof_of_another_height_is_refused() -> None:
    leaves = _leaves(4)
    with pytest.raises(VerificationError, match="does not lead"):  # right hashes, but of a tree half as large
        verify_inclusion(leaves[1], index=1, size=8, proof=_inclusion(1, leaves), root=_naive_root(leaves))
    with pytest.raises(VerificationError, match="longer than its tree is high"):  # the second of two as the only one
        verify_inclusion(leaves[1], index=0, size=1, proof=[leaves[0]], root=_naive_root(leaves[:2]))


@given(st.data())
def test_consistency_proof_fails_for_anything_else(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 40))
    old = data.draw(st.integers(1, size - 1))
    leaves = _leaves(size)
    old_root, root, proof = _naive_root(leaves[:old]), _naive_root(leaves), _consistency(old, leaves)
    place = data.draw(st.integers(0, len(proof) - 1))
    bit = data.draw(st.integers(0, 255))
    flipped = (int.from_bytes(proof[place], "big") ^ (1 << bit)).to_bytes(32, "big")
    bad_root = leaf_hash(b"bad")
    wrong = [
        (old, old_root, size, root, proof[:-1]),
        (old, old_root, size, root, proof[1:]),
        (old, old_root, size, root, []),
        (old, old_root, size, root, [*proof, proof[-1]]),
        (old, old_root, size, root, [*proof[:place], flipped, *proof[place + 1 :]]),
        (old, bad_root, size, root, proof),
        (old, old_root, size, bad_root, proof),
        (size, root, old, old_root, proof),
        (size, old_root, size, root, []),
        (size, root, size, root, proof),
        (0, bad_root, size, root, []),
        (0, EMPTY_ROOT, size, root, proof),
        (-1, EMPTY_ROOT, size, root, []),
    ]
    for old_size, claimed_old, new_size, claimed_new, claimed_proof in wrong:
        with pytest.raises(VerificationError):
            verify_consistency(
                old_size=old_size, old_root=claimed_old, size=new_size, root=claimed_new, proof=claimed_proof
            )


def test_any_tree_continues_the_empty_one() -> None:
    verify_consistency(old_size=0, old_root=EMPTY_ROOT, size=3, root=leaf_hash(b"r"), proof=[])


def test_parts_outside_of_the_tree_are_refused() -> None:
    for index, size in ((3, 3), (-1, 3), (0, 0)):
        with pytest.raises(ValueError, match="not in a tree"):
            inclusion_parts(index, size)
    for old, size in ((0, 3), (4, 3)):
        with pytest.raises(ValueError, match="no proper beginning"):
            consistency_parts(old, size)
    with pytest.raises(ValueError, match="has 2 peaks, not 1"):
        CompactTree(3, [leaf_hash(b"")])


def test_tree_continues_from_its_peaks_and_copies_grow_apart() -> None:
    tree, nodes = _tree(_leaves(11))
    again = CompactTree(11, [nodes[peak] for peak in perfect_subtrees(0, 11)])
    copy = again.copy()
    copy.append(leaf_hash(b"more"))
    assert again.root() == tree.root() != copy.root()
    assert (again.size, copy.size) == (11, 12)
