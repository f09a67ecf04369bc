"""One evaluated turn: what was asked, what came out of the door, and what it cost. Judging it is done elsewhere."""

from dataclasses import dataclass
from typing import Any

from core.schema import Evidence, Message
from governance.quotations import Quotation, read_quotations
from governance.schema import Outcome


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
        """Return what the answer quotes with a citation, in order."""
        found = read_quotations(self.text, self.evidence)
        return tuple(each for each in found if each.number is not None)

    def evidence_at(self, number: int | None) -> Evidence | None:
        """Return the evidence that a citation names."""
        return next((each for each in self.evidence if each.number == number), None)
