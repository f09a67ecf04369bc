"""Checks that quotations are verbatim: every “…” [n] of an answer must stand in the evidence with that number.

Covers quotations and citation numbers. It says nothing of text outside quotation marks.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from core.schema import Evidence

_CITATION = re.compile(r"\[(\d{1,2})\]")


@dataclass(frozen=True, slots=True)
class QuotationCheck:
    """How many quotations an answer holds, how many are verbatim with the right number, and what it cites."""

    checked: int = 0
    supported: int = 0
    cited: tuple[int, ...] = ()


def check_quotations(text: str, evidence: Sequence[Evidence]) -> QuotationCheck:
    """Count the quotations of an answer and those that their evidence holds verbatim.

    A quotation may itself hold quotation marks, so for every “ the longest run that ends in ” [n] and stands in
    evidence n counts; when none does, the shortest run is an unsupported quotation.
    """
    by_number = {each.number: each.text for each in evidence}
    checked = supported = 0
    at = text.find("“")
    while at >= 0:
        ends = list(re.finditer(r"” \[(\d{1,2})\]", text[at:]))
        if not ends:
            checked += 1
            break
        good = [m for m in ends if text[at + 1 : at + m.start()] in by_number.get(int(m[1]), "")]
        chosen = good[-1] if good else ends[0]
        checked += 1
        supported += bool(good)
        at = text.find("“", at + chosen.end())
    cited = sorted({int(m[1]) for m in _CITATION.finditer(text)} & set(by_number))
    return QuotationCheck(checked, supported, tuple(cited))
