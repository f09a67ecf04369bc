"""Tests for the sentence encoder: how passages are laid out, that vectors are stable, and that meaning is found."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.encoder.packing import CLS, SEP
from core.encoder.sentence_encoder import (
    MAX_HEADING,
    MAX_QUESTION,
    MAX_SENTENCE,
    MAX_TOKENS,
    SentenceEncoder,
    pack_question,
    pack_sentences,
)
from core.errors import ModelError

HOUSE = (
    "House rules > Common rooms",
    (
        "The kitchen is cleaned by whoever used it last.",
        "Bicycles are locked to the racks behind the gate and never left in the corridor.",
        "Nobody may make noise after ten in the evening.",
        "Parcels wait with the caretaker for one week.",
    ),
)


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return SentenceEncoder(threads=1)


@settings(deadline=None)
@given(
    st.lists(st.integers(200, 250), max_size=60), st.lists(st.lists(st.integers(300, 400), max_size=320), max_size=9)
)
def test_rows_hold_every_sentence_once_in_order(heading: list[int], sentences: list[list[int]]) -> None:
    rows = pack_sentences(heading, sentences)
    held = [list(row.ids[start:end]) for row in rows for start, end in row.spans]
    assert held == [sentence[:MAX_SENTENCE] for sentence in sentences]
    head = [CLS, *heading[-MAX_HEADING:], SEP]
    assert all(list(row.ids[: len(head)]) == head and row.ids[-1] == SEP for row in rows)
    assert all(len(row.ids) <= max(MAX_TOKENS, len(head) + MAX_SENTENCE) + 1 for row in rows)


@given(st.lists(st.integers(300, 400), max_size=100))
def test_of_a_long_question_the_end_counts(tokens: list[int]) -> None:
    row = pack_question(tokens)
    assert row.ids == (CLS, *tokens[-MAX_QUESTION:], SEP)
    assert row.spans == ((0, len(row.ids)),)


def test_every_sentence_gets_a_unit_vector(encoder: SentenceEncoder) -> None:
    (vectors,) = encoder.passages([HOUSE])
    assert vectors.shape == (4, 384)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.isclose(np.linalg.norm(encoder.question("Where do bikes go?")), 1, atol=1e-5)


def test_a_passage_has_the_same_vectors_whatever_is_encoded_with_it(encoder: SentenceEncoder) -> None:
    (alone,) = encoder.passages([HOUSE])
    others = [("Long > Text", ("word " * 150, "Another sentence.")), HOUSE, ("", ("Short.",))]
    assert np.array_equal(encoder.passages(others)[1], alone)


def test_nothing_and_empty_sentences_are_no_error(encoder: SentenceEncoder) -> None:
    assert encoder.passages([]) == []
    first, second = encoder.passages([("Title", ()), ("Title", ("", "Text."))])
    assert first.shape == (0, 384)
    assert second.shape == (2, 384)
    assert np.isfinite(second).all()


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Who has to clean up after cooking a meal?", 0),
        ("May I put my bike in the hallway?", 1),
        ("Until when am I allowed to play the drums?", 2),
        ("How long is my delivery kept for me?", 3),
    ],
)
def test_a_question_in_other_words_is_nearest_to_what_answers_it(
    encoder: SentenceEncoder, question: str, answer: int
) -> None:
    (vectors,) = encoder.passages([HOUSE])
    assert int((vectors @ encoder.question(question)).argmax()) == answer


def test_missing_weights_are_an_error_that_helps(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="Restore the file"):
        SentenceEncoder(tmp_path).question("Where?")
