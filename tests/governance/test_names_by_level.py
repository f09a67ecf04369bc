"""What a level does with names, places, births and ids: found in questions everywhere, masked by the policy."""

import pytest

from core.schema import Message
from governance.schema import Level
from tests.governance.test_governance_engine import ACTOR, ENGINE, agent


def check(text: str, level: Level, *, role: str = "user") -> tuple[str, set[str]]:
    verdict = ENGINE.check_input([Message(role, text)], agent=agent(level), actor=ACTOR)  # type: ignore[arg-type]
    return verdict.texts[0], {f.category for f in verdict.findings if f.rail == "safe_harbour"}


@pytest.mark.parametrize("level", ["standard", "enhanced"])
def test_names_and_places_in_a_question_are_found_and_stay(level: Level) -> None:
    text = "Did Angela Merkel open our branch office in Berlin?"
    assert check(text, level) == (text, {"person", "place"})


def test_they_are_masked_at_maximum() -> None:
    text, found = check("Did Angela Merkel open our branch office in Berlin?", "maximum")
    assert found == {"person", "place"}
    assert "Merkel" not in text
    assert "Berlin" not in text


@pytest.mark.parametrize("level", ["standard", "enhanced", "maximum"])
def test_ids_of_persons_and_births_in_a_question_are_masked_at_every_level(level: Level) -> None:
    text, _ = check("The tenant, born on 5 May 1970, has the id 77-1234-A.", level)
    assert "1970" not in text
    assert "1234" not in text


def test_below_maximum_a_ticket_id_stays_and_so_does_whom_the_assistant_named() -> None:
    asked, said = "What happened to ticket id T-1001?", "Angela Merkel was in Berlin."
    assert check(asked, "standard")[0] == asked
    assert check(said, "standard", role="assistant") == (said, set())
