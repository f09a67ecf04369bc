"""Tests for weighing meaning against words: what is widened, what is fitted, and what is said."""

import numpy as np
import pytest

from core.encoder.sentence_encoder import SentenceEncoder
from core.rag.embedding import Embedder
from core.rag.reader import BY_WORDS
from core.training.reader_data import Group, Labelled
from core.training.reader_fit import READ, describe, fit_bias, see, widen, with_meaning

RULES = [
    Labelled(f"Rules > {name}", (f"{name} are kept in room {number}.", f"{name} cost {number} crowns a year."))
    for number, name in enumerate(("Boats", "Bicycles", "Carts", "Sledges", "Skis", "Tents"), start=11)
]


def asked(at: int, gold: int, question: str) -> Group:
    own = Labelled(RULES[at].heading, RULES[at].sentences, (gold,))
    return Group(question, (own, RULES[(at + 1) % len(RULES)]))


GROUPS = [
    asked(0, 0, "Where are boats kept?"),
    asked(1, 1, "How much are bicycles a year?"),
    asked(4, 0, "In which room are the skis?"),
    Group("Who won the race?", (RULES[2], RULES[3])),
]


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder()


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return SentenceEncoder(threads=1)


def test_a_question_is_widened_to_all_near_passages_and_keeps_its_answer(embedder: Embedder) -> None:
    widened = widen(GROUPS, embedder)
    assert [group.question for group in widened] == [group.question for group in GROUPS[:3]]
    for group, before in zip(widened, GROUPS, strict=False):
        assert group.readings[0] == before.readings[0]
        assert len(group.readings) == min(READ, len({r.heading for g in GROUPS for r in g.readings}))
        assert sum(bool(reading.gold) for reading in group.readings) == 1


def test_bias_makes_as_many_answers_likely_as_there_are(embedder: Embedder, encoder: SentenceEncoder) -> None:
    seen = see(GROUPS, embedder, encoder)
    weights = fit_bias(seen, with_meaning(7.0))
    totals = [features @ np.array(list(vars_of(weights))) + weights.bias for features, _ in seen]
    likely = [np.exp(total).sum() / (1 + np.exp(total).sum()) for total in totals]
    assert np.mean(likely) == pytest.approx(3 / 4, abs=0.001)


def vars_of(weights) -> list[float]:
    return [getattr(weights.of, name) for name in weights.of.__slots__]


def test_meaning_takes_the_place_of_similarity() -> None:
    assert with_meaning(0.0) == BY_WORDS
    assert with_meaning(9.0).of.similarity == 0.0
    assert with_meaning(9.0).of.coverage == BY_WORDS.of.coverage


def test_figures_are_said_in_words(embedder: Embedder, encoder: SentenceEncoder) -> None:
    said = describe(see(GROUPS, embedder, encoder), with_meaning(7.0))
    assert said.startswith("right sentence 100.0% of 3; abstains 100.0% of 1 where 5% are wrongly given up")
