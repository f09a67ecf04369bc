import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.encoder.minilm import load_words
from core.encoder.packing import CLS, MAX_TOKENS, SEP, pack_passage, tokenize

TOKENS = st.lists(st.integers(1000, 2000), max_size=260)


def test_each_sentence_ends_with_its_mark() -> None:
    (row,) = pack_passage([1, 2], [3], [[4, 5], [6]])
    assert row.ids == (CLS, 1, 2, SEP, 3, SEP, 4, 5, SEP, 6, SEP)
    assert row.question_length == 4
    assert row.marks == (8, 10)


def test_no_sentences_give_no_row() -> None:
    assert pack_passage([1], [2], []) == []


@given(question=TOKENS, heading=TOKENS, sentences=st.lists(TOKENS, max_size=12))
def test_rows_hold_every_sentence_once_and_stay_within_the_limit(
    question: list[int], heading: list[int], sentences: list[list[int]]
) -> None:
    rows = pack_passage(question, heading, sentences)
    assert sum(len(row.marks) for row in rows) == len(sentences)
    assert all(len(row.ids) <= MAX_TOKENS for row in rows)
    assert all(row.ids[mark] == SEP for row in rows for mark in row.marks)


@pytest.mark.parametrize("text", ["", "Meals are paid.", "naïve 🛠️ text", "half \ud800 of it", "x" * 3000])
def test_tokens_hold_no_special_ones(text: str) -> None:
    tokenizer, vectors = load_words()
    (tokens,) = tokenize(tokenizer, [text])
    assert not {CLS, SEP} & set(tokens)
    assert max(tokens, default=0) < len(vectors)
