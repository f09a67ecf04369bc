"""What a person is told while a turn runs, folded from its events."""

from dataclasses import dataclass, replace

from apps.chat.badges import count
from apps.chat.places import Place, read_place
from core.schema import Evidence
from governance.schema import EvidenceFound, Released, StageDone, TurnEvent


@dataclass(frozen=True, slots=True)
class Progress:
    """A turn under way.

    Attributes:
        datasets: How many datasets the agent has.
        label: What happens now.
        text: What was released so far.
    """

    datasets: int
    label: str = "Checking"
    text: str = ""
    evidence: tuple[Evidence, ...] = ()

    @property
    def places(self) -> dict[int, Place]:
        """Return where each source stands, by its number."""
        return {each.number: read_place(each.document, each.place) for each in self.evidence}

    def after(self, event: TurnEvent) -> "Progress":
        """Return the progress after an event; events that change nothing for the reader leave it as it is."""
        match event:
            case StageDone(name="intent") if self.datasets:
                return replace(self, label=f"Searching {count(self.datasets, 'dataset')}")
            case StageDone(name="intent"):
                return replace(self, label="Writing")
            case EvidenceFound(evidence=evidence):
                return replace(self, evidence=evidence, label="Writing")
            case Released(text=text):
                return replace(self, text=self.text + text)
            case _:
                return self
