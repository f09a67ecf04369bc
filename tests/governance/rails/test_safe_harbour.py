"""Names, places, pages, births and numbers: found by the guard model and patterns, on streams as on whole texts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.encoder.guard_reader import ENTITIES, GuardReader
from core.training.guard_rows import TAGS
from governance.rails import Masker, merge_spans
from governance.rails.safe_harbour import SafeHarbourRail
from governance.wiring import DATA
from tests.governance.test_release import forever, open_gate, split, stream

RAIL = SafeHarbourRail(GuardReader(DATA / "models" / "guard", threads=1))

FOUND = [
    ("person", "Maria Lopez", "Maria Lopez has called twice today."),
    ("person", "Jo Doe", "| Jo Doe | open | 3 |"),
    ("person", "John Smith", '{"name": "John Smith", "state": "open"}'),
    ("place", "Berlin", "She moved to Berlin last year."),
    ("web_address", "https://clinic.example/a/b", "See https://clinic.example/a/b."),
    ("birth", "5 May 1970", "She was born on 5 May 1970 in a small town."),
    ("birth_year", "1931", "He was born in 1931."),
    ("identifying_number", "T-12345", "The ticket id is T-12345."),
    ("identifying_number", "T-1001", '{"id": "T-1001", "state": "open"}'),
    ("identifying_number", "778-AX-12", '{"reference_code": "778-AX-12"}'),
]


@pytest.mark.parametrize(("category", "value", "text"), FOUND)
def test_value_is_found(category: str, value: str, text: str) -> None:
    start = text.index(value)
    assert any(f.category == category and f.start <= start and start + len(value) <= f.end for f in RAIL.inspect(text))


@pytest.mark.parametrize(
    "text",
    [
        "Refunds are paid within ten working days once the receipts have arrived.",
        "The finance team checks each claim against the travel rules.",
        "A number of people came, and the code is short.",
        "[PERSON_1] wrote to [EMAIL_2] from [PLACE_1].",
        "",
        " \n",
    ],
)
def test_ordinary_text_and_masks_are_left_alone(text: str) -> None:
    assert RAIL.inspect(text) == []


def test_tags_are_those_of_the_training() -> None:
    assert ("O", *(f"{prefix}-{entity}" for entity in ENTITIES for prefix in "BI")) == TAGS


def test_names_far_into_a_long_sentence_are_found() -> None:
    text = "The team checks each claim against the rules, " * 40 + "and Maria Lopez signs it."
    assert any(text[f.start : f.end] == "Maria Lopez" for f in RAIL.inspect(text))


SENTENCES = [text + " " for _, _, text in FOUND] + [
    "Refunds take ten days. ",
    "Dr. Smith is here. ",
    "\n",
    "So be it! ",
]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=4).map("".join))
def test_stream_equals_the_whole_masked_at_once_at_every_piece_size(text: str) -> None:
    whole = Masker().mask(text, merge_spans(RAIL.inspect(text)))
    for size in (1, 2, 3, 5, 8, 13, 21, 34):
        gate = open_gate(rails=[RAIL])
        assert stream(gate, split(text, forever(size))) == whole
