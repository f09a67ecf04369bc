"""Checks that quotations are verbatim: every “…” [n] of an answer must stand in the evidence with that number.

Covers quotations and citation numbers. It says nothing of text outside quotation marks.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from core.schema import Evidence

_CITATION = re.compile(r"\[(\d{1,2})\]")
_END = re.compile(r"” \[(\d{1,2})\]")


@dataclass(frozen=True, slots=True)
class QuotationCheck:
    """How many quotations an answer holds, how many are verbatim with the right number, and what it cites."""

    checked: int = 0
    supported: int = 0
    cited: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Quotation:
    """A run of an answer between “ and ”.

    Attributes:
        number: What it cites; None when the quotation never ends.
        start: Where its “ stands in the answer.
    """

    text: str
    number: int | None
    is_verbatim: bool
    start: int = 0


def read_quotations(text: str, evidence: Sequence[Evidence]) -> tuple[Quotation, ...]:
    """Return the quotations of an answer in order.

    A quotation may itself hold quotation marks, so for every “ the longest run that ends in ” [n] and stands in
    evidence n counts; when none does, the shortest run is a quotation that is not verbatim.
    """
    by_number = {each.number: each.text for each in evidence}
    found, at = [], text.find("“")
    while at >= 0:
        ends = list(_END.finditer(text, at + 1))
        if not ends:
            found.append(Quotation(text[at + 1 :], None, False, at))
            break
        good = [end for end in ends if text[at + 1 : end.start()] in by_number.get(int(end[1]), "")]
        end = good[-1] if good else ends[0]
        found.append(Quotation(text[at + 1 : end.start()], int(end[1]), bool(good), at))
        at = text.find("“", end.end())
    return tuple(found)


def check_quotations(text: str, evidence: Sequence[Evidence]) -> QuotationCheck:
    """Count the quotations of an answer and those that their evidence holds verbatim."""
    found = read_quotations(text, evidence)
    cited = sorted({int(m[1]) for m in _CITATION.finditer(text)} & {each.number for each in evidence})
    return QuotationCheck(len(found), sum(each.is_verbatim for each in found), tuple(cited))
