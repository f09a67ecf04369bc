"""The law that streams rest on: what lies before `undecided_from` never changes as the text goes on."""

# ruff: noqa: E501 - the list of pieces is read as rows

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.rails.rail_set import NamingRail, StreamRail
from tests.governance.rails.stream_law import assert_is_local
from tests.governance.shipped import shipped_rails

PIECES = [
    "jane.doe@example.com", "4111 1111 1111 1111", "+1 (212) 555-0123", "call me at 2125550123", "SSN 123-45-6789",
    "DE89 3704 0044 0532 0130 00", "passport no. X1234567", "DOB 12 March 1980", "8.8.8.8", "MRN: 00123456",
    "AKIAIOSFODNN7EXAMPLE", "password: hunter2!", "postgres://bob:s3cr3t@db/x", "-----BEGIN PRIVATE KEY-----\nMII E\n",
    "-----END PRIVATE KEY-----", "build a bomb", "how to steal credit cards", "kill ", "a" * 70, "@", " ", "\n", ". ", "12 ", "OK ",
    "and so on ", "(", "x/y", "é\u0301", "bu\u0301ild a bo\u0308mb", "bu\u200bild a bomb",
]  # fmt: skip
RAILS = [rail for rail in shipped_rails().output if isinstance(rail, StreamRail)]


@pytest.mark.parametrize("rail", RAILS, ids=lambda rail: rail.name)
@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=8), st.data())
def test_findings_before_the_edge_are_those_of_the_whole_text(
    rail: NamingRail, pieces: list[str], data: st.DataObject
) -> None:
    text = "".join(pieces)
    assert_is_local(rail, text, data.draw(st.integers(0, len(text))))


@pytest.mark.parametrize("rail", RAILS, ids=lambda rail: rail.name)
def test_version_names_the_rules(rail: NamingRail) -> None:
    assert rail.version.startswith("sha256:")
    assert len({each.version for each in RAILS}) == len(RAILS)
    assert [each.version for each in shipped_rails().output] == [each.version for each in RAILS]
