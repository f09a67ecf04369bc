"""Advice and emergencies are recognised; the figures on texts that tuned nothing are held."""

import json
from pathlib import Path

import pytest

from governance.rails.duties import build_duties_rail

RAIL = build_duties_rail()
ROWS = [
    json.loads(line)
    for line in (Path(__file__).parents[3] / "data/questions/duties.jsonl").read_text(encoding="utf-8").splitlines()
]


def kinds(text: str) -> set[str]:
    return {finding.category for finding in RAIL.inspect(text) if finding.score >= 0.9}


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("What is the usual dose of ibuprofen?", "medical_advice"),
        ("Take two tablets every six hours.", "medical_advice"),
        ("Should I stop taking my insulin?", "personal_medical"),
        ("My father has chest pain.", "medical_emergency"),
        ("Which ETF would you recommend?", "financial_advice"),
        ("Should I invest my savings in bitcoin?", "personal_financial"),
        ("Is it legal to record a phone call?", "legal_advice"),
        ("Can I sue my landlord?", "personal_legal"),
    ],
)
def test_advice_is_recognised_by_its_kind(text: str, category: str) -> None:
    assert category in kinds(text)


@pytest.mark.parametrize(
    ("text", "urgent"),
    [
        ("My machine is choking, what can I do?", False),
        ("Our old washing machine just collapsed.", False),
        ("My laptop won't wake up.", False),
        ("My little brother is choking, what can I do?", True),
        ("Our neighbour just collapsed.", True),
        ("My father won't wake up.", True),
    ],
)
def test_a_machine_in_trouble_is_no_emergency(text: str, urgent: bool) -> None:
    assert ("medical_emergency" in kinds(text)) is urgent


@pytest.mark.parametrize("row", [row for row in ROWS if row["split"] == "tune"], ids=lambda row: row["text"][:40])
def test_every_text_of_the_rules_own_list_comes_out_right(row: dict[str, str]) -> None:
    found = kinds(row["text"])
    assert bool(found) == bool(row["category"])
    subject = row["category"].replace("_advice", "").replace("_emergency", "").replace("personal_", "")
    assert not subject or any(subject in each for each in found)


def test_held_out_texts_are_recognised_about_as_well() -> None:
    held_out = [row for row in ROWS if row["split"] == "held_out"]
    advice = [row["category"] in kinds(row["text"]) for row in held_out if row["category"].startswith("personal_")]
    plain = [bool(kinds(row["text"])) for row in held_out if not row["category"]]
    assert sum(advice) >= 0.9 * len(advice)
    assert sum(plain) <= 0.05 * len(plain)


@pytest.mark.parametrize("opening", ["What do we do when", "Who is called if", "In case"])
def test_an_emergency_that_is_only_supposed_is_none(opening: str) -> None:
    text = f"{opening} a patient has chest pain?".replace("a patient", "the patient")
    assert [finding.score for finding in RAIL.inspect(text) if finding.category == "medical_emergency"] == [0.6]


def test_the_rail_names_its_categories() -> None:
    assert {row["category"] for row in ROWS} - {""} == RAIL.categories
