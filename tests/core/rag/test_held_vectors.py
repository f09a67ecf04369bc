import numpy as np
import pytest

from core.rag.held_vectors import PART, Block, HeldVectors, best_rows, rank, to_float32


def unit_rows(count: int, seed: int) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((count, 384)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def block(name: str, count: int, seed: int) -> Block:
    return Block(tuple(f"{name}{n}" for n in range(count)), unit_rows(count, seed).astype(np.float16))


def test_every_finite_half_is_the_same_number_as_float32() -> None:
    halves = np.arange(2**16, dtype=np.uint16).view(np.float16)
    finite = halves[np.isfinite(halves)]
    assert np.array_equal(to_float32(finite).view(np.int32), finite.astype(np.float32).view(np.int32))


@pytest.mark.parametrize("top_k", [1, 7, 40, 41, 100])
def test_best_rows_are_those_of_a_full_sort_also_among_equals(top_k: int) -> None:
    scores = np.random.default_rng(3).integers(-4, 5, size=41).astype(np.float32)
    assert best_rows(scores, top_k=top_k).tolist() == np.argsort(-scores, kind="stable")[:top_k].tolist()


def test_ranked_are_the_nearest_of_all_blocks_with_their_cosines() -> None:
    blocks = [block("a", 3, 1), block("none", 0, 2), block("b", PART, 3), block("c", 5, 4)]
    vector = unit_rows(1, 5)[0]
    cosines = {i: float(r.astype(np.float32) @ vector) for b in blocks for i, r in zip(b.ids, b.vectors, strict=True)}
    ranked = rank(blocks, vector, top_k=60)
    assert [i for i, _ in ranked] == sorted(cosines, key=lambda i: -cosines[i])[:60]
    assert dict(ranked) == pytest.approx({i: cosines[i] for i, _ in ranked}, abs=1e-6)
    assert rank([], vector, top_k=3) == rank([blocks[1]], vector, top_k=3) == []


def test_rows_are_found_by_id_until_their_version_goes() -> None:
    held, one, two = HeldVectors(10_000), block("a", 5, 1), block("b", 9, 2)  # 3,840 and 6,912 bytes
    held.keep("one", one)
    assert np.array_equal(held.rows(["a3", "b1"])["a3"], one.vectors[3])
    held.keep("two", two)
    assert list(held.rows(["a3", "b1"])) == ["b1"]
    held.drop("two")
    assert held.rows(["a3", "b1"]) == {}
    held.keep("two", two)
    held.clear()
    assert held.rows(["b1"]) == {}
