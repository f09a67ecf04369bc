"""The shipped support model on sentences of the kind that answers hold, and its laws."""

import json
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ModelError
from core.rag.support import CARD, SupportReader
from core.rag.support_words import OPPOSITES, normal_number, stem

FOLDER = Path(__file__).parents[3] / "data" / "models" / "support"
MEALS = (
    "Meals are paid up to 60 USD a day from 1 March 2026. Receipts must reach Anna Keller in finance within ten days. "
    "Alcohol is never paid."
)
TRAINS = "Trains go first. A flight is allowed when the train takes more than 6 hours."


@cache
def model() -> SupportReader:
    return SupportReader(FOLDER)


def is_supported(sentence: str, *passages: str) -> bool:
    return model().weigh(sentence, passages or (MEALS,)).score >= model().threshold


@pytest.mark.parametrize(
    "sentence",
    [
        "Meals are paid up to 60 USD a day.",
        "From 1 March 2026, up to 60 USD a day is paid for meals.",
        "Receipts must reach finance within 10 days.",
        "Alcohol is never paid.",
    ],
)
def test_what_the_passage_says_is_supported(sentence: str) -> None:
    assert is_supported(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "Hotels are booked by the travel desk in Lisbon.",
        "The company pays for a gym and for language courses.",
        "Receipts are photographed and burnt in the garden.",
    ],
)
def test_what_the_passage_does_not_say_is_not_supported(sentence: str) -> None:
    assert not is_supported(sentence)


def test_passages_support_together_what_each_holds_in_part() -> None:
    sentence = "Meals are paid up to 60 USD a day, and a flight is allowed when the train takes more than 6 hours."
    assert is_supported(sentence, MEALS, TRAINS)
    assert model().weigh(sentence, (MEALS, TRAINS)).score > model().weigh(sentence, (TRAINS,)).score


def test_missing_numbers_and_names_are_named() -> None:
    found = model().weigh("Meals are paid up to 90 USD a day by Paula Adams.", (MEALS,))
    assert found.numbers_missing == ("90",)
    assert found.names_missing == ("adam", "paula")
    assert model().weigh("Meals are paid up to 60.0 USD for two people.", (MEALS,)).numbers_missing == ()


@pytest.mark.parametrize("sentence", ["Alcohol is paid.", "Meals are not paid up to 60 USD a day."])
def test_a_negation_that_differs_is_noticed(sentence: str) -> None:
    assert model().weigh(sentence, (MEALS,)).flipped


def test_an_opposite_is_noticed() -> None:
    assert model().weigh("A flight is allowed when the train takes less than 6 hours.", (TRAINS,)).flipped
    assert not model().weigh("A flight is allowed when the train takes more than 6 hours.", (TRAINS,)).flipped


@given(st.text(max_size=120), st.lists(st.text(max_size=120), max_size=3))
def test_any_text_has_a_score_and_the_same_each_time(sentence: str, passages: list[str]) -> None:
    found = model().weigh(sentence, passages)
    assert 0 <= found.score <= 1
    assert 0 <= found.shared <= 1
    assert SupportReader.weigh(model(), sentence, tuple(passages)) == found


@given(st.sampled_from(MEALS.split()), st.sampled_from(["gorillas", "astronomy", "Budapest", "77"]))
def test_a_foreign_word_never_raises_support(word: str, foreign: str) -> None:
    sentence = "Meals are paid up to 60 USD a day and receipts reach finance."
    assert model().weigh(f"{sentence[:-1]} {foreign}.", (MEALS,)).score <= model().weigh(sentence, (MEALS,)).score


@pytest.mark.parametrize(
    ("one", "other"), [("policies", "policy"), ("paid", "paid"), ("booking", "booked"), ("stopped", "stops")]
)
def test_forms_of_a_word_share_a_stem(one: str, other: str) -> None:
    assert stem(one) == stem(other)


@pytest.mark.parametrize(
    ("text", "plain"), [("1,000", "1000"), ("3.50", "3.5"), ("007", "7"), ("0", "0"), ("2.0", "2")]
)
def test_numbers_are_compared_by_their_value(text: str, plain: str) -> None:
    assert normal_number(text) == plain


def test_opposites_go_both_ways() -> None:
    assert all(word in OPPOSITES[other] for word, others in OPPOSITES.items() for other in others)


@pytest.mark.parametrize("damage", ["not json", '{"threshold": 0.5}', "weights"])
def test_a_damaged_model_is_refused(tmp_path: Path, damage: str) -> None:
    card = json.loads((FOLDER / CARD).read_text())
    card["weights"]["outer"] = card["weights"]["outer"][1:]
    (tmp_path / CARD).write_text(json.dumps(card) if damage == "weights" else damage)
    with pytest.raises(ModelError, match="can't be read"):
        SupportReader(tmp_path)


def test_the_digest_says_which_weights(tmp_path: Path) -> None:
    card = json.loads((FOLDER / CARD).read_text())
    card["threshold"] = 0.7
    (tmp_path / CARD).write_text(json.dumps(card))
    assert SupportReader(tmp_path).digest != model().digest
