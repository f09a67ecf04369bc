"""What an agent lists as public passes, and nothing else does, on a stream as in a whole text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.rails import LONGEST, WINDOW, allow_contacts
from governance.rails.rail_set import StreamRail
from tests.governance.shipped import shipped_rails

HELPDESK = "help@larkfield.example"
HOTLINE = "+44 20 7946 0958"
CARD = "4111 1111 1111 1111"
ALLOWED = allow_contacts(shipped_rails(), (HELPDESK, HOTLINE, CARD))
PII = next(rail for rail in ALLOWED.output if rail.name == "pii")
PLAIN = next(rail for rail in shipped_rails().output if rail.name == "pii")
PIECES = [HELPDESK, HOTLINE, "jane@example.com", ".evil.example", "x", " ", "\n", ". ", "call ", "12", "-", "a" * 70]


def test_nothing_listed_changes_nothing() -> None:
    assert allow_contacts(shipped_rails(), ()) is shipped_rails()


@pytest.mark.parametrize("text", [HELPDESK, f"Write to {HELPDESK}.", f"Call {HOTLINE}, or write to {HELPDESK}"])
def test_listed_contact_details_pass(text: str) -> None:
    assert PLAIN.inspect(text)
    assert PII.inspect(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "jane@example.com",
        f"x{HELPDESK}",
        f"{HELPDESK}.evil.example",
        HELPDESK.upper(),
        f"{HOTLINE}7",
        f"{HELPDESK} and jane@example.com",
        f"card {CARD}",
    ],
)
def test_anything_else_is_still_found(text: str) -> None:
    assert PII.inspect(text)


def test_every_stage_lets_it_pass() -> None:
    for stage in ("input", "retrieval", "output"):
        found = [f for rail in getattr(ALLOWED, stage) for f in rail.inspect(f"Write to {HELPDESK}.")]
        assert found == []


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=8), st.data())
def test_findings_before_the_edge_are_those_of_the_whole_text(pieces: list[str], data: st.DataObject) -> None:
    assert isinstance(PII, StreamRail)
    assert LONGEST < WINDOW
    text = "".join(pieces)
    cut = data.draw(st.integers(0, len(text)))
    edge = PII.undecided_from(text[:cut])
    early, whole = PII.inspect(text[:cut]), PII.inspect(text)
    assert {f.start for f in whole if f.start < edge} <= {f.start for f in early}
