import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rag.fusion import fuse_scores

Scores = st.dictionaries(st.text(max_size=3), st.floats(-1, 1), max_size=8)


def order(dense: dict[str, float], lexical: dict[str, float], **options: float) -> list[str]:
    return [i for i, _ in fuse_scores(dense, lexical, **options)]


def test_both_sides_count() -> None:
    dense = {"meant": 0.9, "both": 0.8, "said": 0.1, "neither": 0.1}
    lexical = {"said": 9.0, "both": 8.0, "meant": 0.5}
    assert order(dense, lexical) == ["both", "meant", "said", "neither"]
    assert order(dense, lexical, dense_weight=1.0)[:2] == ["meant", "both"]
    assert order(dense, lexical, dense_weight=0.0)[:2] == ["said", "both"]


def test_nothing_and_equal_scores_keep_their_order() -> None:
    assert fuse_scores({}, {}) == []
    assert fuse_scores({"b": 0.5, "a": 0.5}, {}) == [("b", 0.0), ("a", 0.0)]


@given(Scores, st.floats(0.5, 2), st.floats(0, 5))
def test_scale_of_words_does_not_matter(dense: dict[str, float], factor: float, shift: float) -> None:
    lexical = {i: float(n) for n, i in enumerate(dense)}
    scaled = {i: score * factor + shift for i, score in lexical.items()}
    assert dict(fuse_scores(dense, scaled)) == pytest.approx(dict(fuse_scores(dense, lexical)), abs=1e-6)
