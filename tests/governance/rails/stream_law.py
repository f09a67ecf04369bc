"""The law that streams rest on, for tests of any rail: what lies before `undecided_from` never changes again."""

from pathlib import Path

from governance.rails import WINDOW, Masker, StreamRail, merge_spans
from governance.schema import Finding, Rail
from tests.governance.test_release import block, forever, open_gate, split, stream

SHIPPED = sorted(path for path in (Path(__file__).parents[3] / "data/datasets").rglob("*.*") if path.is_file())


def unmarked(marked: str) -> str:
    return marked.replace("⟦", "").replace("⟧", "")


def settled(findings: list[Finding], edge: int, length: int) -> list[Finding]:
    return [f for f in findings if f.end <= edge and f.end < length]


def assert_is_local(rail: Rail, text: str, cut: int) -> None:
    """Hold a rail to the law of streams, for a text of which its first `cut` characters have come."""
    assert isinstance(rail, StreamRail)
    edge = rail.undecided_from(text[:cut])
    assert max(0, cut - WINDOW) <= edge <= cut
    early, whole = rail.inspect(text[:cut]), rail.inspect(text)
    assert {f.start for f in whole if f.start < edge} <= {f.start for f in early}
    assert settled(early, edge, cut) == settled(whole, edge, cut)
    assert {f for f in whole if f.start >= edge} <= set(rail.inspect_from(text, edge))


def assert_streams_equal(rail: Rail, text: str) -> None:
    """Hold a stream of a text, in pieces of many sizes, to the text masked at once, and to where blocking ends it."""
    spans = merge_spans(rail.inspect(text))
    whole = Masker().mask(text, spans)
    for cut in range(len(text)):
        sizes = iter([cut or 1, len(text)])
        assert stream(open_gate(rails=[rail]), split(text, sizes)) == whole
    for size in (1, 2, 3, 5, 8, 13, 16, 21, 34, 40):
        gate = open_gate(rails=[rail])
        assert stream(gate, split(text, forever(size))) == whole
        assert gate.max_held_chars <= WINDOW
        assert stream(open_gate(block, [rail]), split(text, forever(size))) == (
            text[: spans[0].start] if spans else text
        )
