from hypothesis import given
from hypothesis import strategies as st

from apps.chat.source_panel import mark_quoted


def test_quoted_words_are_marked() -> None:
    pieces = list(mark_quoted("One two three four", ["two", "four"]))
    assert pieces == [("One ", False), ("two", True), (" three ", False), ("four", True)]


def test_overlapping_quotations_are_marked_once() -> None:
    assert list(mark_quoted("abcdef", ["bcd", "cde", "c"])) == [("a", False), ("bcd", True), ("e", True), ("f", False)]


def test_words_that_the_text_does_not_hold_are_ignored() -> None:
    assert list(mark_quoted("abc", ["x", ""])) == [("abc", False)]


@given(st.text(alphabet="abc ", max_size=30), st.lists(st.text(alphabet="abc ", max_size=4), max_size=5))
def test_the_pieces_together_are_the_text(text: str, quoted: list[str]) -> None:
    assert "".join(piece for piece, _ in mark_quoted(text, quoted)) == text
