"""Placeholders keep their meaning within a conversation, and an authorised reader may see it for a reason."""

import pytest

from governance.errors import AccessDenied, ContentErased, InputError
from governance.placeholders import REVEALED, reveal_placeholders
from governance.rails import Masker
from governance.schema import Actor
from governance.turns import read_turn
from tests.governance.door import Door, closed


def ask(door: Door, conversation: str, question: str, *, name: str = "ada") -> tuple[str, str]:
    end = closed(list(door.dialogue.ask(Actor(name, name, "builder"), conversation, question)))
    return end.turn_id, end.text


@pytest.fixture
def conversation(door: Door) -> str:
    actor = door.user("ada")
    return door.conversations.start(actor, door.agent(actor).id)


def test_value_keeps_its_placeholder_within_a_conversation(door: Door, conversation: str) -> None:
    masker = Masker()
    assert masker.label("email", "jo@example.com") == "[EMAIL_1]"
    later = Masker()
    later.reserve(["As said, [EMAIL_1] is it."])
    later.know(masker.values())
    assert later.label("email", "kim@example.com") == "[EMAIL_2]"
    assert later.label("email", "JO@example.com") == "[EMAIL_1]"

    assert ask(door, conversation, "I am jo@example.com")[1] == "I am [EMAIL_1]"
    assert ask(door, conversation, "Not kim@example.com but jo@example.com")[1] == "Not [EMAIL_2] but [EMAIL_1]"
    turn, text = ask(door, conversation, "So kim@example.com it is")
    assert text == "So [EMAIL_2] it is"
    rex = door.user("rex", "reviewer")
    values = reveal_placeholders(door.ledger, door.vault, rex, turn, reason="A complaint.")
    assert values == {"[EMAIL_1]": "jo@example.com", "[EMAIL_2]": "kim@example.com"}


def test_only_a_reader_with_the_right_and_a_reason_sees_values_and_it_is_recorded(
    door: Door, conversation: str
) -> None:
    turn, _ = ask(door, conversation, "I am jo@example.com")
    max_, rex = door.user("max", "builder"), door.user("rex", "reviewer")
    for actor in (max_, door.user("mia", "member"), door.user("res", "researcher")):
        with pytest.raises(AccessDenied):
            reveal_placeholders(door.ledger, door.vault, actor, turn, reason="Curious.")
    with pytest.raises(InputError, match="why"):
        reveal_placeholders(door.ledger, door.vault, rex, turn, reason="  ")
    with pytest.raises(InputError, match="no sealed turn"):
        reveal_placeholders(door.ledger, door.vault, rex, "nowhere", reason="A complaint.")
    assert door.ledger.entries(kinds=[REVEALED]) == []

    assert reveal_placeholders(door.ledger, door.vault, rex, turn, reason="A complaint.") == {
        "[EMAIL_1]": "jo@example.com"
    }
    [entry] = door.ledger.entries(kinds=[REVEALED])
    assert (entry.actor_id, entry.turn_id, entry.body["placeholders"]) == ("rex", turn, ["[EMAIL_1]"])
    assert door.vault.get(entry.body["reason_content_id"]) == b"A complaint."
    assert "jo@example.com" not in str(entry.body)


def test_values_are_not_part_of_a_turn_as_it_is_read(door: Door, conversation: str) -> None:
    turn, _ = ask(door, conversation, "I am jo@example.com")
    content = read_turn(door.ledger, door.vault, door.user("rex", "reviewer"), turn).content
    assert content is not None
    assert set(content) == {"messages", "evidence", "places", "answer"}


def test_values_are_gone_with_the_persons_key(door: Door, conversation: str) -> None:
    turn, _ = ask(door, conversation, "I am jo@example.com")
    door.vault.erase("ada")
    with pytest.raises(ContentErased):
        reveal_placeholders(door.ledger, door.vault, door.user("rex", "reviewer"), turn, reason="A complaint.")
    assert door.ledger.entries(kinds=[REVEALED]) == []
