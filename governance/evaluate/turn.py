"""One evaluated turn: what was asked, what came out of the door, and what it cost. Judging it is done elsewhere."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.schema import Evidence, Message
from governance.schema import Outcome

_END = re.compile(r"” \[(\d{1,2})\]")


@dataclass(frozen=True, slots=True)
class Quotation:
    """A sentence that an answer quotes, and the number it cites."""

    text: str
    number: int


@dataclass(frozen=True, slots=True)
class Turn:
    """What a turn through the door left.

    Attributes:
        rule_id: Of the decision that ended it.
        record: The body of the sealed entry; holds the timings.
    """

    messages: tuple[Message, ...]
    outcome: Outcome
    rule_id: str
    text: str
    evidence: tuple[Evidence, ...]
    record: dict[str, Any]

    @property
    def question(self) -> str:
        """Return the last message."""
        return self.messages[-1].content

    @property
    def wrote(self) -> bool:
        """Say whether the model wrote the text, not a rail or the gate."""
        return self.outcome == "answered" and self.record.get("output_tokens") is not None

    def quotations(self) -> tuple[Quotation, ...]:
        """Return what the answer quotes, in order."""
        return read_quotations(self.text, self.evidence)

    def evidence_at(self, number: int) -> Evidence | None:
        """Return the evidence that a citation names."""
        return next((each for each in self.evidence if each.number == number), None)


def read_quotations(text: str, evidence: Sequence[Evidence]) -> tuple[Quotation, ...]:
    """Return the quotations of a text.

    A quotation may itself hold quotation marks: the longest run that stands in the evidence it cites counts, and the
    shortest when none does.
    """
    texts = {each.number: each.text for each in evidence}
    found, at = [], text.find("“")
    while at >= 0:
        ends = list(_END.finditer(text, at + 1))
        if not ends:
            break
        verbatim = [end for end in ends if text[at + 1 : end.start()] in texts.get(int(end[1]), "")]
        end = verbatim[-1] if verbatim else ends[0]
        found.append(Quotation(text[at + 1 : end.start()], int(end[1])))
        at = text.find("“", end.end())
    return tuple(found)
