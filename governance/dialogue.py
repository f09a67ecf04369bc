"""Turns inside a stored conversation: ask, regenerate, edit, and collect what a reviewer released.

Stores both sides; an answer that was stopped is kept as far as it got. A refused turn is shown but not sent to the
model again, so that one refused question does not refuse all that follow.
"""

from collections.abc import Generator, Sequence
from dataclasses import replace

from core.schema import GenerateConfig, Message
from governance.agents import Agents
from governance.conversations import Conversations
from governance.errors import InputError
from governance.ledger import Ledger
from governance.native_llm import NativeLLM
from governance.review import HeldQuestion, Reviews
from governance.schema import Actor, Released, StoredMessage, TurnClosed, TurnEvent, TurnStarted
from governance.turns import turns_refused

TurnEvents = Generator[TurnEvent, None, None]


class Dialogue:
    """Joins the door to the stored conversations."""

    def __init__(
        self,
        native_llm: NativeLLM,
        *,
        agents: Agents,
        conversations: Conversations,
        ledger: Ledger,
        reviews: Reviews,
    ) -> None:
        self._native_llm = native_llm
        self._reviews = reviews
        self._ledger = ledger
        self._agents = agents
        self._conversations = conversations

    def ask(
        self,
        actor: Actor,
        conversation_id: str,
        question: str,
        *,
        parent_id: str | None = None,
        config: GenerateConfig | None = None,
    ) -> TurnEvents:
        """Store a question under the last message, or under `parent_id`, and answer it."""
        if not question.strip():
            raise InputError("The question is empty. Type something to ask.")
        thread = self._conversations.thread(actor, conversation_id)
        parent = parent_id if parent_id is not None else (thread[-1].id if thread else None)
        asked = self._conversations.add(actor, conversation_id, Message("user", question), parent_id=parent)
        return self._answer(actor, conversation_id, asked, config)

    def edit(
        self,
        actor: Actor,
        conversation_id: str,
        message_id: str,
        question: str,
        *,
        config: GenerateConfig | None = None,
    ) -> TurnEvents:
        """Ask a question again in other words; the old branch stays as a version."""
        if not question.strip():
            raise InputError("The question is empty. Type something to ask.")
        thread = self._conversations.thread(actor, conversation_id, leaf_id=message_id)
        old = next(each for each in thread if each.id == message_id)
        if old.message.role != "user":
            raise InputError("Only your own messages can be edited.")
        asked = self._conversations.add(actor, conversation_id, Message("user", question), parent_id=old.parent_id)
        return self._answer(actor, conversation_id, asked, config)

    def regenerate(
        self, actor: Actor, conversation_id: str, answer_id: str, *, config: GenerateConfig | None = None
    ) -> TurnEvents:
        """Answer the same question once more; the old answer stays as a version. Each try has a seed of its own."""
        thread = self._conversations.thread(actor, conversation_id, leaf_id=answer_id)
        old = next(each for each in thread if each.id == answer_id)
        if old.message.role != "assistant" or old.parent_id is None:
            raise InputError("Only an answer can be regenerated.")
        varied = replace(config or GenerateConfig(temperature=0.7), seed=len(old.versions))
        return self._answer(actor, conversation_id, old.parent_id, varied)

    def collect(self, actor: Actor, held_turn_id: str) -> TurnEvents:
        """Answer a question of the actor's that a reviewer released; in its conversation it becomes the newest version.

        Raises:
            InputError: It is not the actor's, or it was not released; the message says how it stands.
        """
        asked = self._reviews.question(actor, held_turn_id)
        if asked.conversation_id is None:
            agent = self._agents.get(asked.agent_id)
            return self._native_llm.chat(actor, agent, asked.messages, held_turn_id=held_turn_id)
        question_id = self._conversations.question_of(actor, asked.conversation_id, held_turn_id)
        return self._answer(actor, asked.conversation_id, question_id, None, released=asked)

    def _answer(
        self,
        actor: Actor,
        conversation_id: str,
        question_id: str,
        config: GenerateConfig | None,
        *,
        released: HeldQuestion | None = None,
    ) -> TurnEvents:
        agent = self._agents.get(self._conversations.agent_of(actor, conversation_id))
        turn = self._native_llm.chat(
            actor,
            agent,
            released.messages if released else self._messages(actor, conversation_id, question_id),
            config=config,
            conversation_id=conversation_id,
            held_turn_id=released.turn_id if released else None,
            after_turn_id=self._turn_before(actor, conversation_id, question_id),
        )
        return self._stored(turn, actor, conversation_id, question_id)

    def _messages(self, actor: Actor, conversation_id: str, question_id: str) -> list[Message]:
        """Return the conversation up to a question, as the model shall see it."""
        thread = self._conversations.thread(actor, conversation_id, leaf_id=question_id)
        upto = [each.id for each in thread].index(question_id)
        return [*self._without_refused(thread[:upto]), thread[upto].message]

    def _turn_before(self, actor: Actor, conversation_id: str, question_id: str) -> str | None:
        thread = self._conversations.thread(actor, conversation_id, leaf_id=question_id)
        upto = [each.id for each in thread].index(question_id)
        return next((each.turn_id for each in reversed(thread[:upto]) if each.turn_id), None)

    def _stored(self, turn: TurnEvents, actor: Actor, conversation_id: str, question_id: str) -> TurnEvents:
        """Pass on the events of a turn, and store what it released under the question."""
        released, turn_id, closed = "", None, False
        try:
            for event in turn:
                if isinstance(event, TurnStarted):
                    turn_id = event.turn_id
                elif isinstance(event, Released):
                    released += event.text
                elif isinstance(event, TurnClosed):
                    closed = True
                    message_id = self._store_answer(actor, conversation_id, event.text, question_id, turn_id)
                    yield replace(event, message_id=message_id)
                    continue
                yield event
        finally:
            turn.close()
            if not closed and released:
                self._store_answer(actor, conversation_id, released, question_id, turn_id)

    def _without_refused(self, thread: Sequence[StoredMessage]) -> list[Message]:
        """Return the messages of turns that were not refused; each answer stands right after its question."""
        refused = turns_refused(self._ledger, [each.turn_id for each in thread if each.turn_id])
        dropped = {each.id for each in thread if each.turn_id in refused}
        dropped |= {each.parent_id for each in thread if each.id in dropped and each.parent_id}
        return [each.message for each in thread if each.id not in dropped]

    def _store_answer(
        self, actor: Actor, conversation_id: str, text: str, question_id: str, turn_id: str | None
    ) -> str:
        return self._conversations.add(
            actor, conversation_id, Message("assistant", text), parent_id=question_id, turn_id=turn_id
        )
