"""Postal addresses are found in every form, and no part of one gets out of a stream."""

# ruff: noqa: E501 - the lists of samples are read as rows

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.rails import WINDOW, Masker, merge_spans
from governance.rails.pii import build_pii_rail
from tests.governance.test_release import forever, open_gate, split, stream

ROOT = Path(__file__).parents[3]
RAIL = build_pii_rail()

ADDRESSES = [
    "88 Placeholder Road, Millbrook", "14 Sample Lane", "27B Mock Ave.", "29 North Mock Road", "350 5th Avenue, New York, NY 10118",
    "1200 Martin Luther King Jr Blvd, Apt 4B, Austin, TX 78702-1234", "412 Broadway, New York, NY 10013", "7 Elm St\nSuite 200\nSpringfield, IL 62704",
    "9 Birch Crescent, Toronto, ON M5V 2T6", "10 Downing Street, London SW1A 2AA", "12 Oakfield, Leeds LS1 4AP", "3 The Mews, Bath, BA1 1AA",
    "Musterstraße 5, 80331 München", "Lange Gasse 12a", "Kerkstraat 12, 1017 GL Amsterdam", "Sveavägen 44, 111 34 Stockholm", "Nørrevej 7",
    "Aurakatu 8, 20100 Turku", "Petőfi utca 16", "petőfiutcája 16", "12 rue de la Paix, 75002 Paris", "34 Avenue des Tuileries", "Via Roma 12, 00184 Roma",
    "Calle Mayor 3, 28013 Madrid", "Rua das Flores 25, 4050-265 Porto", "ul. Lubartowska 42, 20-123 Lublin", "P.O. Box 175, Millbrook",
    "Unit 2451 Box 9006\nDPO AA 78045", "USNV Lundberg\nFPO AA 54216", "15 Castelao, Apt. 862",
]  # fmt: skip
NAMED = [
    ("my address is ", "97 guildry street"),
    ("Address: ", "Bygget 91"),
    ("She lives at ", "5 Thornfield"),
    ("Ich bin wohnhaft in ", "Oberdorf 17"),
    ("ZIP code: ", "90210"),
    ('{"name": "Jo", "address": "', "14 Sample Lane, Millbrook"),
]
HARMLESS = [
    "He walked 5 miles down the road to Main Street.",
    "In 2008 Wall Street fell, and the 2005 Broadway season was short.",
    "In 1874, Wellington Square was built.",
    "Section 4 covers 12 Drive letters; see page 30.",
    "A town like Millbrook, the High Street, or 75002 alone are no address.",
    "It costs $12 Park Lane tokens at 10 Dr Smith's.",
    "She lived in Storrs from 1991 until 2004.",
    "spring 2024, during 2025, brigade 5, auntie 7",
    "Version 3 Street View and 4 Way stops of 2 Place holders",
]


def finds(text: str) -> list[str]:
    spans = merge_spans(f for f in RAIL.inspect(text) if f.category == "postal_address")
    return [text[span.start : span.end] for span in spans]


def covered(text: str, value: str) -> bool:
    start = text.index(value)
    spans = merge_spans(RAIL.inspect(text))
    return any(s.start <= start and start + len(value) <= s.end for s in spans)


@pytest.mark.parametrize("address", ADDRESSES)
def test_whole_address_is_found_in_text_table_markdown_and_json(address: str) -> None:
    line = address.replace("\n", ", ")
    assert covered(f"I have moved to {address} with my family.", address)
    assert covered(f"| Jo Doe | {line} | 3 |", line)
    assert covered(f"- **Home**: {line}\n", line)
    assert covered(json.dumps({"to": address}, ensure_ascii=False), json.dumps(address, ensure_ascii=False)[1:-1])


@pytest.mark.parametrize(("words", "address"), NAMED)
def test_word_before_it_makes_an_address(words: str, address: str) -> None:
    assert covered(f"{words}{address}.", address)


@pytest.mark.parametrize("text", HARMLESS)
def test_ordinary_text_is_no_address(text: str) -> None:
    assert finds(text) == []


def test_place_open_to_all_keeps_its_address_and_a_person_does_not() -> None:
    assert finds("Our office at 5 Market Street, Springfield is open on Mondays.") == []
    assert finds("Visit us: 100 Main Street, Boston, MA 02110") == []
    assert finds("My office at 5 Market Street") == ["5 Market Street"]
    assert finds("The hospital knows that the patient lives at 5 Market Street") == ["5 Market Street"]
    assert finds("The museum is closed. Jo moved to 5 Market Street") == ["5 Market Street"]


def test_letters_that_ship_keep_no_address() -> None:
    path = ROOT / "data" / "datasets" / "customer-letters" / "customer-letters.jsonl"
    for line in path.read_text(encoding="utf-8").splitlines():
        masked = Masker().mask(line, merge_spans(RAIL.inspect(line)))
        assert json.loads(line)["address"] not in masked


PIECES = [*ADDRESSES, "lives at ", "address: ", "our office at ", "Anna ", "Broadway ", "\nSuite 200", ", ", " ", "\n", ". ", "12 ", "Old ",
          "of the ", " and so on ", "| ", '"', "zip code: 90210", "Street", "a" * 30, "MRN: 00123456", "é\u0301"]  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=5).map("".join))
def test_what_lies_before_the_edge_never_changes_at_any_cut(text: str) -> None:
    whole = RAIL.inspect(text)
    for cut in range(len(text) + 1):
        edge, early = RAIL.undecided_from(text[:cut]), RAIL.inspect(text[:cut])
        assert max(0, cut - WINDOW) <= edge <= cut
        assert {f.start for f in whole if f.start < edge} <= {f.start for f in early}
        settled = [[f for f in found if f.end <= edge and f.end < cut] for found in (early, whole)]
        assert settled[0] == settled[1]


@pytest.mark.parametrize("address", ADDRESSES)
def test_stream_of_an_address_equals_the_whole_masked_at_every_piece_size(address: str) -> None:
    text = f"Well, it is {address} where Jo lives now, and that was it. Bye"
    whole = Masker().mask(text, merge_spans(f for f in RAIL.inspect(text)))
    assert address not in whole
    for size in range(1, 41):
        gate = open_gate(rails=[RAIL])
        assert stream(gate, split(text, forever(size))) == whole
        assert gate.max_held_chars <= WINDOW
