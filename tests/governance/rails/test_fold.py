import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.rails.fold import fold, read_leet, squeeze


@given(st.text())
def test_fold_keeps_length(text: str) -> None:
    assert len(fold(text)) == len(text)


@pytest.mark.parametrize(
    ("text", "plain"),
    [("ｊａｎｅ＠ｘ", "jane@x"), ("4\u00a04–4", "4 4-4"), ("а", "a"), ("٤", "4"), ("a\u200bb", "a-b"), ("ﬁ", "ﬁ")],
)
def test_fold_reads_lookalikes(text: str, plain: str) -> None:
    assert fold(text) == plain


@given(st.text())
def test_squeeze_spans_lie_inside_the_original(text: str) -> None:
    squeezed = squeeze(text)
    assert len(squeezed.places) == len(squeezed.text) + 1
    for i in range(len(squeezed.text)):
        start, end = squeezed.span(i, i + 1)
        assert 0 <= start < end <= len(text)


def test_squeeze_joins_spaced_out_words_and_drops_invisible_characters() -> None:
    assert squeeze("i g n o r e\u200b it").text == "ignore it"
    assert squeeze("x\U000e0041y").text == "xy"


def test_leet_is_read_inside_words_only() -> None:
    assert read_leet("1gn0re 12 pr3vious a1") == "ignore 12 previous a1"
