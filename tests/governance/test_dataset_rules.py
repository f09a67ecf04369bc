from pathlib import Path

import pytest

from core.datasets.card import DatasetCard, load_card
from core.datasets.readers import read_parts
from core.datasets.scan import ScanResult
from core.datasets.schema import TextPart
from core.rag.chunking import chunk_rows
from governance.dataset_rules import load_dataset_rules
from governance.dataset_scan import DatasetScanner
from governance.errors import PolicyError

RULES = load_dataset_rules()
SHIPPED = sorted((Path(__file__).parents[2] / "data" / "datasets").iterdir())
CLEAN = ScanResult({}, 1, 1, {}, {}, {})


def card(**fields):
    values = {
        "id": "rules", "title": "Rules", "description": "d", "category": "Education", "licence": "CC0-1.0",
        "source": "s", "tier": "public", "labels": [],
    }  # fmt: skip
    return DatasetCard(**(values | fields))


def found(**groups):
    return ScanResult({}, 1, 1, groups.get("personal", {}), groups.get("injected", {}), groups.get("secrets", {}))


@pytest.mark.parametrize(
    ("licence", "rule"),
    [
        ("CC0-1.0", "open"),
        ("CC BY 4.0", "open"),
        ("cc-by-4.0", "open"),
        ("MIT (repo LICENSE)", "open"),
        ("CC-BY-SA-4.0", "share-alike"),
        ("CC BY-SA 4.0 (WikiTableQuestions)", "share-alike"),
        ("GPL-3.0", "share-alike"),
    ],
)
def test_public_data_under_a_known_licence_is_approved(licence, rule):
    approval = RULES.decide(card(licence=licence), CLEAN)
    assert (approval.outcome, approval.rule) == ("approved", f"licence.{rule}")


@pytest.mark.parametrize(
    ("fields", "outcome", "rule"),
    [
        ({"licence": "All rights reserved"}, "waits", "licence.no-permission"),
        ({"licence": "unknown"}, "waits", "licence.unnamed"),
        ({"licence": "unknown", "tier": "internal"}, "approved", "licence.unnamed"),
        ({"licence": "CC BY-NC 4.0"}, "waits", "licence.non-commercial"),
        ({"licence": "CC BY-NC 4.0", "purposes": ["research", "advertising"]}, "waits", "licence.non-commercial"),
        ({"licence": "CC BY-NC 4.0", "purposes": ["research"]}, "approved", "licence.non-commercial"),
        ({"tier": "restricted"}, "waits", "tier.restricted"),
        ({"tier": "restricted", "legal_basis": "invented-persons"}, "approved", "licence.open"),
        ({"labels": ["contains-pii"]}, "waits", "persons.legal-basis"),
        ({"labels": ["contains-pii"], "legal_basis": "not-personal"}, "waits", "persons.legal-basis"),
        ({"labels": ["contains-pii"], "legal_basis": "consent"}, "approved", "licence.open"),
    ],
)
def test_card_decides_with_the_rule_named(fields, outcome, rule):
    approval = RULES.decide(card(**fields), CLEAN)
    assert (approval.outcome, approval.rule) == (outcome, rule)
    assert approval.reason.endswith(".")


@pytest.mark.parametrize(
    ("scan", "label", "rule"),
    [
        (found(injected={"override": 1}), "planted-injection", "scan.injected"),
        (found(secrets={"api_key": 1}), "contains-secrets", "scan.secrets"),
        (found(personal={"us_ssn": 1}), "contains-pii", "scan.personal"),
        (found(personal={"email": 11}), "contains-pii", "scan.personal"),
    ],
)
def test_what_the_card_does_not_declare_is_quarantined(scan, label, rule):
    approval = RULES.decide(card(), scan)
    assert (approval.outcome, approval.rule) == ("quarantined", rule)
    assert label in approval.reason
    assert RULES.decide(card(labels=[label], legal_basis="consent"), scan).outcome == "approved"


def test_a_few_mail_addresses_are_no_reason():
    assert RULES.decide(card(), found(personal={"email": 10})).outcome == "approved"


def test_what_was_not_scanned_is_quarantined():
    assert RULES.decide(card(), ScanResult({}, 5, 0, {}, {}, {})).rule == "scan.failed"


def test_shipped_rules_name_kinds_that_the_scan_finds():
    kinds = {kind for rail in DatasetScanner().rails for kind in rail.categories}
    for group in (RULES.findings.injected, RULES.findings.secrets, RULES.findings.personal):
        assert set(group.at_most) <= kinds


def test_unknown_fields_are_refused(tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text((Path(__file__).parents[2] / "data" / "dataset_rules.yaml").read_text() + "\nsurprise: 1\n")
    with pytest.raises(PolicyError, match="surprise"):
        load_dataset_rules(path)


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda path: path.name)
def test_shipped_datasets_pass_by_rule(folder):
    texts = []
    for part in read_parts(folder):
        passages = part.passages if isinstance(part, TextPart) else chunk_rows(part.header, part.rows, title=part.title)
        texts += [passage.text for passage in passages]
    approval = RULES.decide(load_card(folder / "dataset.yaml"), DatasetScanner()(texts))
    assert approval.outcome == "approved", approval.reason
