"""The rules on which datasets may be used: one readable file, compared with a card and what a scan found."""

import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from core.datasets.card import DatasetCard, LegalBasis, Slug, Tier
from core.datasets.scan import ScanResult
from core.datasets.states import Approval
from governance.policy.document import parse_yaml, read_text

SHIPPED = Path(__file__).resolve().parents[1] / "data" / "dataset_rules.yaml"
Group = Literal["injected", "secrets", "personal"]
Verdict = Literal["allow", "review", "refuse"]
_WORDS: dict[Group, str] = {
    "injected": "orders to an assistant",
    "secrets": "secrets such as keys",
    "personal": "personal data",
}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FindingRule(_Strict):
    """What a scan may find.

    Attributes:
        label: The card's label that declares it.
        at_most: Kind -> how many different values may be there undeclared; none of other kinds.
    """

    label: Slug
    at_most: dict[str, int]


class FindingRules(_Strict):
    """A rule for each thing that a scan looks for."""

    injected: FindingRule
    secrets: FindingRule
    personal: FindingRule


class LicenceRule(_Strict):
    """What may be done with data under some licences.

    Attributes:
        names: Their names; * stands for any text.
        verdict: "refuse" holds for data in use as well, whoever approved it.
        purposes: What it may be used for; None means anything.
    """

    id: Slug
    names: list[str] = Field(min_length=1)
    verdict: Verdict
    purposes: list[Slug] | None = None


class DatasetRules(_Strict):
    """All rules; the file says what each is for."""

    findings: FindingRules
    personal_data_needs_legal_basis: bool
    licences: list[LicenceRule]
    unnamed_licence_tiers: list[Tier]
    reviewed_tiers: list[Tier]
    reviewed_unless: list[LegalBasis]

    def decide(self, card: DatasetCard, scan: ScanResult) -> Approval:
        """Approve a dataset, let it wait for a reviewer, or quarantine it, with the reason."""
        return (
            self._check_findings(card, scan)
            or self._check_licence(card)
            or self._check_persons(card)
            or Approval("approved", "All rules on datasets are met.", f"licence.{self._licence_id(card.licence)}")
        )

    def verdict(self, licence: str, tier: str) -> Verdict:
        """Return what is done with data of a tier under a licence, its purposes aside."""
        rule = self._licence(licence)
        if rule is None:
            return "allow" if tier in self.unnamed_licence_tiers else "review"
        return rule.verdict

    def purposes(self, licence: str) -> frozenset[str] | None:
        """Return what data under this licence may be used for; None means anything."""
        rule = self._licence(licence)
        return None if rule is None or rule.purposes is None else frozenset(rule.purposes)

    def _check_findings(self, card: DatasetCard, scan: ScanResult) -> Approval | None:
        if scan.texts and not scan.scanned:
            return Approval("quarantined", "Nothing of it was scanned.", "scan.failed")
        for group, words in _WORDS.items():
            rule: FindingRule = getattr(self.findings, group)
            found: dict[str, int] = dict(getattr(scan, group))
            over = {kind: n for kind, n in found.items() if n > rule.at_most.get(kind, 0)}
            if over and rule.label not in card.labels:
                kinds = ", ".join(f"{n} {kind.replace('_', ' ')}" for kind, n in sorted(over.items()))
                reason = f"It holds {words} ({kinds}) that its card does not declare with the label {rule.label}."
                return Approval("quarantined", reason, f"scan.{group}")
        return None

    def _check_licence(self, card: DatasetCard) -> Approval | None:
        rule = self._licence(card.licence)
        if rule is None:
            if card.tier in self.unnamed_licence_tiers:
                return None
            reason = f"No rule knows the licence {card.licence!r}, so a reviewer decides on {card.tier} data under it."
            return Approval("waits", reason, "licence.unnamed")
        if rule.verdict == "refuse":
            return Approval("quarantined", f"The licence {card.licence!r} is refused.", f"licence.{rule.id}")
        if rule.verdict == "review":
            return Approval("waits", f"A reviewer decides on data under {card.licence!r}.", f"licence.{rule.id}")
        if rule.purposes is not None and not (card.purposes and set(card.purposes) <= set(rule.purposes)):
            allowed, named = ", ".join(rule.purposes), ", ".join(card.purposes) or "none"
            reason = f"{card.licence} allows the purposes {allowed}; the card names {named}."
            return Approval("waits", reason, f"licence.{rule.id}")
        return None

    def _check_persons(self, card: DatasetCard) -> Approval | None:
        label = self.findings.personal.label
        if self.personal_data_needs_legal_basis and label in card.labels and card.legal_basis in (None, "not-personal"):
            return Approval("waits", "It holds personal data and names no legal basis for it.", "persons.legal-basis")
        if card.tier in self.reviewed_tiers and card.legal_basis not in self.reviewed_unless:
            return Approval("waits", f"A reviewer decides on {card.tier} data.", f"tier.{card.tier}")
        return None

    def _licence(self, licence: str) -> LicenceRule | None:
        name = _plain(licence)
        matches = (rule for rule in self.licences if any(fnmatchcase(name, _plain(each)) for each in rule.names))
        return next(matches, None)

    def _licence_id(self, licence: str) -> str:
        rule = self._licence(licence)
        return rule.id if rule is not None else "unnamed"


def load_dataset_rules(path: Path = SHIPPED) -> DatasetRules:
    """Read the rules.

    Raises:
        PolicyError: The file is missing or malformed, or a field is missing or unknown.
    """
    advice = "Correct the file; no dataset can be approved without it."
    return parse_yaml(read_text(path), DatasetRules, source=path.name, advice=advice)


class DatasetRulesFile:
    """The rules as their file says now: read again whenever it was changed."""

    def __init__(self, path: Path = SHIPPED) -> None:
        self._path = path
        self._read: tuple[tuple[int, int] | None, DatasetRules] | None = None

    def __call__(self) -> DatasetRules:
        """Return the rules in force.

        Raises:
            PolicyError: As for `load_dataset_rules`.
        """
        stamp = self._stamp()
        if self._read is None or stamp is None or self._read[0] != stamp:
            self._read = stamp, load_dataset_rules(self._path)
        return self._read[1]

    def _stamp(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "-", name.strip().lower()).replace("[", "[[]")
