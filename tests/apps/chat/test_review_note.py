"""A held question in the chat: who asked sees how it stands, and gets the answer when it is released."""

import re
from datetime import timedelta

import pytest

from apps.chat.chat_screen import ChatScreen
from apps.chat.frames import Sent, View
from apps.chat.review_note import review_note
from governance.agents import AgentDraft
from governance.records import utc_now
from governance.schema import Actor, AgentView
from governance.turns import read_turn
from tests.apps.live import Live

MENTION = "Police said that men who build bombs were arrested."


@pytest.fixture(scope="module")
def newsroom(live: Live) -> AgentView:
    draft = AgentDraft(name="Newsroom", purpose="Answers in tests.", profile="echo", level="enhanced")
    return live.workbench.create_agent(live.people["admin"], draft)


def _ask(screen: ChatScreen, mia: Actor, agent: AgentView) -> tuple[str, str, str]:
    """Ask and return the conversation, the turn and what is drawn."""
    drawn = list(screen.ask(mia, Sent(agent=agent.id, text=MENTION), View()))[-1].thread or ""
    return _data(drawn, "conversation"), _data(drawn, "turn"), drawn


def _data(drawn: str, name: str) -> str:
    return re.findall(rf'data-{name}="([^"]+)"', drawn)[0]


def test_a_held_question_says_that_a_reviewer_was_asked(screen: ChatScreen, mia: Actor, newsroom: AgentView) -> None:
    _, _, drawn = _ask(screen, mia, newsroom)
    assert "A person has to look at this question first" in drawn
    assert "A reviewer was asked, until" in drawn
    assert 'data-do="collect"' not in drawn


def test_a_released_answer_comes_with_the_next_look(
    live: Live, screen: ChatScreen, mia: Actor, newsroom: AgentView
) -> None:
    conversation, turn, _ = _ask(screen, mia, newsroom)
    reviews = live.workbench.records.reviews
    reviews.decide(live.people["rex"], turn, "released", reason="It is news.")
    opened = screen.open(mia, Sent(conversation=conversation), View()).thread or ""
    assert "A reviewer released this: “It is news.”" in opened
    assert re.search(rf'data-do="collect" data-turn="{turn}" data-auto', opened)
    frames = list(screen.collect(mia, Sent(conversation=conversation, turn=turn), View()))
    answered = frames[-1].thread or ""
    assert answered.count(MENTION) >= 2  # the question, and the answer that repeats it
    assert "2/2" in answered
    assert "A person looked at this question, as reviewer, and released it." in answered
    assert "data-auto" not in answered
    old = _data(answered, "leaf")
    assert old
    assert "data-auto" not in (screen.open(mia, Sent(conversation=conversation), View()).thread or "")


def test_a_refused_and_an_expired_question_say_so(
    live: Live, screen: ChatScreen, mia: Actor, newsroom: AgentView
) -> None:
    records = live.workbench.records
    _, turn, _ = _ask(screen, mia, newsroom)
    waiting = read_turn(records.ledger, records.vault, mia, turn)
    late = utc_now() + timedelta(seconds=records.settings.review_wait_s + 1)
    note = review_note(waiting, now=late, newest=True)
    assert note is not None
    assert ("in time" in note.text, note.collect) == (True, False)
    records.reviews.decide(live.people["rex"], turn, "refused", reason="Not here.")
    note = review_note(read_turn(records.ledger, records.vault, mia, turn), now=late, newest=True)
    assert note is not None
    assert (note.text, note.collect) == ("A reviewer confirmed that this is not answered: “Not here.”", False)
