# ruff: noqa: E501 - lists are read as rows

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.rails.hate import build_hate_rail
from tests.governance.rails.stream_law import assert_is_local
from tests.governance.test_release import block, forever, open_gate, split, stream

RAIL = build_hate_rail()
GROUPS = [
    "jews", "Muslims", "Hindus", "Sikhs", "Christians", "Black people", "White men", "Asians", "Africans", "Arabs", "Mexicans", "Latinos",
    "Indians", "Turks", "Romanians", "Somalis", "Syrians", "Roma", "immigrants", "refugees", "foreigners", "gay people", "lesbians",
    "bisexuals", "queer people", "transgender women", "women", "girls", "men", "disabled people", "autistic people", "deaf people",
    "old people", "fat people", "homeless people", "people of color", "atheists", "Native Americans",
]  # fmt: skip
KIND = [
    "{} are welcome in our library.",
    "How can we support {} at work?",
    "My neighbours are {} and we cook together.",
    "{} should have the same rights as everybody.",
    "Why do some people say that {} are vermin?",
    "Calling {} parasites is wrong.",
    "We must help all {} who ask for shelter.",
    "The study asked {} about their doctors, and they were content.",
    "No {} were hurt in the fire.",
]
HATEFUL = [
    "{} are vermin.",
    "All {} are just parasites",
    "{} should be deported",
    "{} don't fit: {} must be wiped out.",
    "We should get rid of all {}!",
    "I hate {}, they are everywhere",
]


def sure(text: str) -> list[str]:
    return [finding.category for finding in RAIL.inspect(text) if finding.score >= 0.9]


@pytest.mark.parametrize("group", GROUPS)
def test_the_name_of_a_group_is_left_alone_and_hate_against_it_is_found(group: str) -> None:
    assert [text for text in KIND if sure(text.format(group))] == []
    assert [text for text in HATEFUL if not sure(text.replace("{}", group))] == []


@pytest.mark.parametrize("text", ["You are a k1ke.", "a filthy FAGGOT", "f a g g o t", "those ragheads again"])
def test_slur_is_found_in_disguise(text: str) -> None:
    assert sure(text) == ["slur"]


@pytest.mark.parametrize(
    "text",
    [
        "The word faggot is a slur.",
        "There is a chink in the wall, and the kitchen is spic and span.",
        "Raccoons got into the bin; how do I get rid of them?",
        "The rats in the lab are animals too.",
        "Women are less likely to be promoted.",
        "",
    ],
)
def test_other_uses_are_left_alone(text: str) -> None:
    assert sure(text) == []


PIECES = ["women", "Muslims are ", "vermin", " just ", "we should ", "deport ", "all ", "kike", "death to ", "I hate ", ", they are ",
          "parasites", ". ", " ", "and the bus was late ", "should be shot", "“", "called "]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=9).map("".join), st.data())
def test_what_is_decided_does_not_change_as_the_text_goes_on(text: str, data: st.DataObject) -> None:
    assert_is_local(RAIL, text, data.draw(st.integers(0, len(text))))


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 21, 34])
@pytest.mark.parametrize("words", ["Muslims are nothing but vermin", "f4gg0t", "refugees should be shot"])
def test_a_stream_stops_before_hate_at_every_split(words: str, size: int) -> None:
    text = f"The meeting was at nine in the big room. Then he left. {words}, and so on for a while."
    released = stream(open_gate(block, [RAIL]), split(text, forever(size)))
    assert released == text[: text.index(words)]


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=300))
def test_any_text_gives_findings_within_it(text: str) -> None:
    assert all(0 <= f.start < f.end <= len(text) for f in RAIL.inspect(text))
