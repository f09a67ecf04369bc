import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.rag.sentences import MAX_UNIT, split_sentences


@pytest.mark.parametrize(
    "text",
    [
        "Dr. J. Smith of St. Mary paid Prof. Lee.",
        "Use a mask, e.g. an FFP2, i.e. a tight one.",
        "The part weighs 3.5 kg and costs 1.200,50 EUR.",
        "See https://example.org/a.b/c.d?e=f.g for more.",
        "It is made by Larkfield Inc. of Millbrook.",
        "U.S. law applies.",
        "Take no. 5 from Fig. 3.",
        "He asked “really?” and left.",
        "Open from 8 a.m. to 5 p.m. on Mon. and Tue. only.",
        "1. Switch the machine off",
        "(a) Switch the machine off",
        "Item: Saw | Note: Sharp. Keep away. | Price: 5 USD",
        "Wait ... then go on.",
    ],
)
def test_split_keeps_one_sentence_whole(text: str) -> None:
    assert split_sentences(text) == [text]


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("One ends. Two ends! Three?", ["One ends.", "Two ends!", "Three?"]),
        ("The limit is 5 p.m. The door closes.", ["The limit is 5 p.m.", "The door closes."]),
        ("He said no. No. 5 stayed.", ["He said no.", "No. 5 stayed."]),
        ("“Stop.” She went. (Then he.) End", ["“Stop.”", "She went.", "(Then he.)", "End"]),
        ("It was I. We saw.", ["It was I.", "We saw."]),
        ("a\nbe. C\n\n- d", ["a", "be.", "C", "- d"]),
        ("終わり。始まり！次", ["終わり。", "始まり！", "次"]),
        ("Costs rose 4.5. Then 5.5.", ["Costs rose 4.5.", "Then 5.5."]),
        ("1. Do this. Then that.", ["1. Do this.", "Then that."]),
        ("", []),
        (" \n\t\n", []),
    ],
)
def test_split_finds_the_units(text: str, units: list[str]) -> None:
    assert split_sentences(text) == units


def test_split_cuts_a_run_without_a_full_stop_at_spaces() -> None:
    units = split_sentences("word " * 400)
    assert all(len(unit) <= MAX_UNIT for unit in units)
    assert " ".join(units) == ("word " * 400).strip()


def test_split_cuts_a_run_without_any_space() -> None:
    assert [len(unit) for unit in split_sentences("x" * (MAX_UNIT + 7))] == [MAX_UNIT, 7]


@given(st.text(alphabet=st.sampled_from("aB1 .!?\n|-–“”\t\u2028\x85。é"), max_size=200) | st.text(max_size=300))
@example("A.  B.")
@example("x. | Y.\u2028Z")
def test_units_are_pieces_in_order_and_hold_everything_but_space(text: str) -> None:
    position = 0
    for unit in split_sentences(text):
        assert unit == unit.strip()
        assert unit
        start = text.index(unit, position)
        assert not text[position:start].strip()
        position = start + len(unit)
    assert not text[position:].strip()
    assert "\n" not in "".join(split_sentences(text))


# Last words are longer than any abbreviation.
@given(st.lists(st.from_regex(re.compile(r"[A-Z][a-z]{3,8} [a-z]{6,9}\.", re.ASCII), fullmatch=True), max_size=8))
def test_plain_sentences_come_back_one_by_one(sentences: list[str]) -> None:
    assert split_sentences(" ".join(sentences)) == sentences
