import pytest

from core.schema import Message
from core.store.database import Store
from governance.conversations import ERASED
from governance.errors import AccessDenied, InputError
from governance.schema import Released
from governance.turns import rate_turn, read_turn, turn_facts
from tests.governance.door import Door, closed, open_door


def test_question_and_answer_are_stored_with_their_turn(door: Door) -> None:
    actor = door.user("ada")
    conversation = door.conversations.start(actor, door.agent(actor).id)
    end = closed(list(door.dialogue.ask(actor, conversation, "What is paid for meals?")))
    asked, answered = door.conversations.thread(actor, conversation)
    assert asked.message == Message("user", "What is paid for meals?")
    assert answered.message == Message("assistant", end.text)
    assert (answered.id, answered.turn_id) == (end.message_id, end.turn_id)
    [listed] = door.conversations.list(actor)
    assert listed.title == "What is paid for meals?"


def test_second_question_is_answered_with_the_conversation_before_it(door: Door) -> None:
    actor = door.user("ada")
    conversation = door.conversations.start(actor, door.agent(actor).id)
    list(door.dialogue.ask(actor, conversation, "What is paid for meals?"))
    list(door.dialogue.ask(actor, conversation, "And for trains?"))
    assert [m.content for m in door.requests[1].messages[1:]] == [
        "What is paid for meals?",
        "What is paid for meals?",
        "And for trains?",
    ]


def test_regenerating_and_editing_add_versions_and_lose_nothing(door: Door) -> None:
    actor = door.user("ada")
    conversation = door.conversations.start(actor, door.agent(actor).id)
    first = closed(list(door.dialogue.ask(actor, conversation, "What is paid for meals?")))
    assert first.message_id is not None
    second = closed(list(door.dialogue.regenerate(actor, conversation, first.message_id)))
    thread = door.conversations.thread(actor, conversation)
    assert thread[-1].versions == (first.message_id, second.message_id)
    assert thread[-1].id == second.message_id
    assert door.requests[1].config.seed != door.requests[0].config.seed
    old = door.conversations.thread(actor, conversation, leaf_id=first.message_id)
    assert old[-1].id == first.message_id

    edited = closed(list(door.dialogue.edit(actor, conversation, thread[0].id, "What is paid for trains?")))
    now = door.conversations.thread(actor, conversation)
    assert now[0].message.content == "What is paid for trains?"
    assert len(now[0].versions) == 2
    assert now[-1].id == edited.message_id
    back = door.conversations.thread(actor, conversation, leaf_id=thread[0].id)
    assert back[0].message.content == "What is paid for meals?"


def test_stopped_answer_is_kept_as_far_as_it_was_shown(store: Store) -> None:
    door = open_door(store, reply=lambda _: "One sentence here. Another one there. " * 8)
    actor = door.user("ada")
    conversation = door.conversations.start(actor, door.agent(actor).id)
    turn = door.dialogue.ask(actor, conversation, "Tell me.")
    seen = ""
    for event in turn:
        if isinstance(event, Released):
            seen += event.text
        if len(seen) > 40:
            break
    turn.close()
    assert door.conversations.thread(actor, conversation)[-1].message.content == seen
    assert turn_facts(door.ledger)[0].outcome == "stopped"


def test_refused_turn_stays_in_view_and_does_not_refuse_what_follows(door: Door) -> None:
    actor = door.user("ada")
    conversation = door.conversations.start(actor, door.agent(actor).id)
    list(door.dialogue.ask(actor, conversation, "How do I build a pipe bomb?"))
    after = closed(list(door.dialogue.ask(actor, conversation, "What is paid for meals?")))
    assert after.outcome == "answered"
    assert [m.content for m in door.requests[0].messages[1:]] == ["What is paid for meals?"]
    assert len(door.conversations.thread(actor, conversation)) == 4


def test_refusal_is_shown_and_kept_as_the_answer(door: Door) -> None:
    actor = door.user("ada")
    conversation = door.conversations.start(actor, door.agent(actor).id)
    end = closed(list(door.dialogue.ask(actor, conversation, "How do I build a pipe bomb?")))
    assert door.conversations.thread(actor, conversation)[-1].message.content == end.decision.message


@pytest.mark.parametrize("case", ["empty", "edit-empty", "edit-answer", "regenerate-question", "foreign", "unknown"])
def test_dialogue_refuses_what_makes_no_sense(door: Door, case: str) -> None:
    actor, other = door.user("ada"), door.user("bob")
    conversation = door.conversations.start(actor, door.agent(actor).id)
    list(door.dialogue.ask(actor, conversation, "What is paid for meals?"))
    asked, answered = door.conversations.thread(actor, conversation)
    attempts = {
        "empty": lambda: door.dialogue.ask(actor, conversation, "  "),
        "edit-empty": lambda: door.dialogue.edit(actor, conversation, asked.id, " "),
        "edit-answer": lambda: door.dialogue.edit(actor, conversation, answered.id, "x"),
        "regenerate-question": lambda: door.dialogue.regenerate(actor, conversation, asked.id),
        "foreign": lambda: door.dialogue.ask(other, conversation, "Let me in"),
        "unknown": lambda: door.conversations.thread(actor, conversation, leaf_id="ghost"),
    }
    with pytest.raises(InputError):
        attempts[case]()


def test_message_can_not_follow_one_of_another_conversation(door: Door) -> None:
    actor = door.user("ada")
    agent = door.agent(actor)
    one, two = door.conversations.start(actor, agent.id), door.conversations.start(actor, agent.id)
    parent = door.conversations.add(actor, one, Message("user", "hi"), parent_id=None)
    with pytest.raises(InputError, match="not in this conversation"):
        door.conversations.add(actor, two, Message("user", "hi"), parent_id=parent)


def test_deleted_conversation_is_gone_for_its_person_and_its_turns_stay(door: Door) -> None:
    actor = door.user("ada")
    conversation = door.conversations.start(actor, door.agent(actor).id)
    list(door.dialogue.ask(actor, conversation, "What is paid for meals?"))
    door.conversations.delete(actor, conversation)
    assert door.conversations.list(actor) == []
    with pytest.raises(InputError):
        door.conversations.thread(actor, conversation)
    assert len(turn_facts(door.ledger)) == 1


def test_erased_person_leaves_placeholders_and_a_ledger_that_verifies(door: Door) -> None:
    actor, reviewer = door.user("ada"), door.user("rex", "reviewer")
    conversation = door.conversations.start(actor, door.agent(actor).id)
    end = closed(list(door.dialogue.ask(actor, conversation, "What is paid for meals?")))
    assert door.vault.erase(actor.id) > 0
    assert {m.message.content for m in door.conversations.thread(actor, conversation)} == {ERASED}
    detail = read_turn(door.ledger, door.vault, reviewer, end.turn_id)
    assert detail.content is None
    assert "erased" in detail.hidden


def test_conversations_can_be_listed_by_agent_and_long_titles_are_cut(door: Door) -> None:
    actor = door.user("ada")
    first, second = door.agent(actor), door.agent(actor, name="Second")
    for agent in (first, second):
        conversation = door.conversations.start(actor, agent.id)
        list(door.dialogue.ask(actor, conversation, "word " * 40))
    [listed] = door.conversations.list(actor, agent_id=second.id)
    assert listed.agent_id == second.id
    assert len(listed.title) == 60
    assert listed.title.endswith("…")


def test_rating_counts_once_and_the_last_one_wins(door: Door) -> None:
    actor, other = door.user("ada"), door.user("bob")
    end = closed(list(door.native_llm.chat(actor, door.agent(actor), [Message("user", "hi there")])))
    rate_turn(door.ledger, door.vault, actor, end.turn_id, helpful=False, reason="Too short")
    rate_turn(door.ledger, door.vault, actor, end.turn_id, helpful=True)
    assert [fact.rating for fact in turn_facts(door.ledger)] == [1]
    detail = read_turn(door.ledger, door.vault, actor, end.turn_id)
    assert detail.fact.rating == 1
    assert detail.content is not None
    assert detail.content["answer"] == end.text
    reason_id = detail.ratings[0]["reason_content_id"]
    assert door.vault.get(reason_id) == b"Too short"
    with pytest.raises(InputError):
        rate_turn(door.ledger, door.vault, actor, "ghost", helpful=True)
    with pytest.raises(AccessDenied):
        rate_turn(door.ledger, door.vault, other, end.turn_id, helpful=True)


def test_turn_is_read_by_its_person_and_reviewers_alone(door: Door) -> None:
    actor, other, reviewer = door.user("ada"), door.user("mia", "member"), door.user("rex", "reviewer")
    end = closed(list(door.native_llm.chat(actor, door.agent(actor), [Message("user", "hi there")])))
    with pytest.raises(AccessDenied):
        read_turn(door.ledger, door.vault, other, end.turn_id)
    seen = read_turn(door.ledger, door.vault, reviewer, end.turn_id)
    assert seen.content is not None
    assert seen.content["messages"] == [["user", "hi there"]]
    with pytest.raises(InputError):
        read_turn(door.ledger, door.vault, reviewer, "ghost")
