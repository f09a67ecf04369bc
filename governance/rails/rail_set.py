"""Which rails look at what: the texts that come in, the evidence that was found, the answer that goes out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

from governance.rails.duties import build_duties_rail
from governance.rails.exfiltration import build_exfiltration_rail
from governance.rails.groundedness import GroundednessRail, SupportModel
from governance.rails.guard import Classifier, GuardRail
from governance.rails.harm import build_distress_rail, build_harm_rail
from governance.rails.hate import build_hate_rail
from governance.rails.identity_numbers import build_identity_numbers_rail
from governance.rails.injection import build_injection_rail
from governance.rails.pii import build_pii_rail
from governance.rails.private_data import PrivateDataRail
from governance.rails.prompt_leak import PromptLeakRail
from governance.rails.retrieval_injection import build_retrieval_injection_rail
from governance.rails.safe_harbour import NameFinder, SafeHarbourRail
from governance.rails.secrets import build_secrets_rail
from governance.rails.unsafe_code import build_unsafe_code_rail
from governance.schema import Finding, Rail


@runtime_checkable
class NamingRail(Rail, Protocol):
    """A rail that says which categories it may report, so that policies can be checked against them."""

    @property
    def categories(self) -> frozenset[str]:
        """Return every category that a finding of this rail can have."""


@runtime_checkable
class StreamRail(Rail, Protocol):
    """A rail that can say how much of a growing text is decided. The gate holds whole sentences for any other."""

    def inspect_from(self, text: str, start: int) -> list[Finding]:
        """Return the findings whose spans begin at `start` or later; what stands before is context alone."""

    def undecided_from(self, text: str) -> int:
        """Return the offset, at most 64 from the end, from which findings may still appear or change."""


@runtime_checkable
class ClosingRail(Rail, Protocol):
    """A rail that looks at an answer once it is over: what it finds ends the answer with a notice, and can't mask."""

    closes: bool


@dataclass(frozen=True, slots=True)
class RailSet:
    """The rails of the three stages.

    Attributes:
        spoken: Rails of the input for what the user wrote alone: an assistant that declines speaks of its rules.
        asked: Rails of the input for what the user asks for; of earlier messages only what is refused counts.
        across: Rails of the input that also look for one attack split over several messages.
        maximum: Rails of all three stages for agents of the level `maximum`, in place of any of that name in `spoken`.
        grounding: The rail of the output that needs the turn's evidence; None where nothing can be cited.
    """

    input: Sequence[NamingRail]
    spoken: Sequence[NamingRail]
    across: Sequence[NamingRail]
    retrieval: Sequence[NamingRail]
    output: Sequence[NamingRail]
    asked: Sequence[NamingRail] = ()
    maximum: Sequence[NamingRail] = ()
    grounding: GroundednessRail | None = None

    def all(self) -> dict[str, NamingRail]:
        """Return every rail by its name."""
        return {rail.name: rail for rail in self._each()}

    def _each(self) -> Iterator[NamingRail]:
        yield from (*self.input, *self.spoken, *self.asked, *self.across, *self.retrieval, *self.output, *self.maximum)
        if self.grounding is not None:
            yield self.grounding

    def at_level(self, level: str) -> "RailSet":
        """Return the rails that look at the texts of an agent of this level."""
        if level != "maximum":
            return self
        more: dict[str, Any] = {
            stage: (*getattr(self, stage), *self.maximum) for stage in ("input", "retrieval", "output")
        }
        names = {rail.name for rail in self.maximum}
        return replace(self, spoken=[rail for rail in self.spoken if rail.name not in names], **more)

    def vocabulary(self) -> dict[str, frozenset[str]]:
        """Return the categories that each rail may report."""
        return {name: rail.categories for name, rail in self.all().items()}


def build_rail_set(
    classifier: Classifier, support: SupportModel, names: NameFinder, *, numbers: NamingRail | None = None
) -> RailSet:
    """Build the rails that ship.

    Args:
        classifier: The guard model.
        support: The model that weighs sentences against passages.
        names: The model that finds names.
        numbers: The rail for identity numbers, fit for whole texts alone; the one that ships, on Presidio, when None.
    """
    pii, secrets, injection, harm = build_pii_rail(), build_secrets_rail(), build_injection_rail(), build_harm_rail()
    numbers = numbers or build_identity_numbers_rail()
    exfiltration, hate, duties = build_exfiltration_rail(), build_hate_rail(), build_duties_rail()
    return RailSet(
        maximum=(SafeHarbourRail(names),),
        grounding=GroundednessRail(support),
        input=(pii, numbers, secrets, injection, harm, hate, build_distress_rail()),
        spoken=(GuardRail(classifier), SafeHarbourRail(names, by_sentence=False)),
        asked=(PrivateDataRail(), duties),
        across=(injection, harm),
        retrieval=(pii, numbers, secrets, build_retrieval_injection_rail(), exfiltration),
        output=(pii, secrets, harm, hate, exfiltration, build_unsafe_code_rail(), PromptLeakRail(), duties),
    )
