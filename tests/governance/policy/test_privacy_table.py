"""The table of what happens to which personal data, in `docs/policies.md`, says what the shipped policy decides."""

from pathlib import Path

from governance.policy.situations import shipped_places, vocabulary_of
from governance.schema import LEVELS, Finding, Stage
from tests.governance.test_governance_engine import ACTOR, ENGINE, agent

DOCS = Path(__file__).parents[3] / "docs" / "policies.md"
WORDS = {"allow": "stays", "redact": "masked", "block": "refused"}
NUMBERS = [
    *("us_ssn", "credit_card", "iban", "bank_account", "tax_id", "passport", "driver_license"),
    *("medical_record", "health_insurance", "nhs_number"),
]
KINDS: dict[str, tuple[str, list[str]]] = {
    "e-mail, phone, postal address": ("pii", ["email", "phone", "postal_address"]),
    "card, bank, tax, identity and health numbers": ("pii", NUMBERS),
    "national numbers that Presidio knows": ("identity_numbers", []),
    "ids of persons, and all else of a fixed form": ("pii", []),
    "dates of births": ("safe_harbour", ["birth"]),
    "web addresses": ("safe_harbour", ["web_address"]),
    "names, places, years of births, other numbers": ("safe_harbour", []),
    "passwords and keys": ("secrets", []),
}
SEEN = vocabulary_of(shipped_places())


def categories(rail: str, listed: list[str]) -> set[str]:
    named = {name for other, names in KINDS.values() for name in names if other == rail}
    return set(listed) or set(SEEN[rail] - named)


def outcome(rail: str, category: str, stage: Stage, level: str) -> str:
    if rail not in shipped_places()[stage]:
        return "–"
    found = [Finding(rail, category, 0.85, 0, 1)]
    decided = ENGINE.policy.decide(found, stage=stage, agent=agent(level), actor=ACTOR)  # type: ignore[arg-type]
    return WORDS[decided.decision.action]


def test_table_in_the_docs_says_what_the_policy_decides() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for kind, (rail, listed) in KINDS.items():
        assert categories(rail, listed) <= SEEN[rail]
        cells = list[str]()
        for stage in ("input", "output"):
            for level in LEVELS:
                outcomes = {outcome(rail, each, stage, level) for each in categories(rail, listed)}
                assert len(outcomes) == 1, (kind, stage, level, outcomes)
                cells += outcomes
        assert f"| {kind} | {' | '.join(cells)} |" in text
