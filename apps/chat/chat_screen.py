"""The chat screen: ask, stop, regenerate, edit, step through versions, rate, and open what stands behind an answer.

Each handler takes who acts, what the page sent and what it looks at, and returns the parts to draw anew. Everything
that matters is in the database; a View only says what one page has open.
"""

import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import replace

from apps.chat.agents_screen import may_create
from apps.chat.answer_text import read_answer
from apps.chat.drawing import draw
from apps.chat.examples import example_questions
from apps.chat.frames import Frame, Frames, Sent, View
from apps.chat.progress import Progress
from apps.chat.sidebar import draw_header, draw_sidebar
from apps.chat.source_panel import read_source
from apps.chat.thread import Bubble, read_bubbles
from apps.chat.turn_panel import digests, read_turn_panel, short_digest
from core.errors import CoreError
from governance.dialogue import TurnEvents
from governance.errors import GovernanceError, InputError
from governance.schema import Actor, AgentView, StoredMessage, TurnClosed
from governance.turns import rate_turn
from governance.wiring import Workbench

FRAME_S = 0.06  # faster than this, drawing costs more than it shows


class ChatScreen:
    """The handlers of the chat screen of one workbench."""

    def __init__(self, workbench: Workbench, *, timer: Callable[[], float] = time.monotonic) -> None:
        self._records = workbench.records
        self._dialogue = workbench.dialogue
        self._timer = timer

    def open(self, actor: Actor, sent: Sent, view: View) -> Frame:
        """Show what the address names, or else the first agent."""
        if sent.conversation:
            try:
                return self.show(actor, sent, view)
            except GovernanceError:  # deleted, or somebody else's: say nothing about it
                pass
        agents = self._records.agents.list()
        if not agents:
            sidebar = draw_sidebar(self._records, actor, agent_id="", conversation_id=None)
            return Frame(sidebar=sidebar, thread=draw("no_agents", may_create=may_create(actor)), live="")
        return self.show_agent(actor, agents[0], view)

    def show(self, actor: Actor, sent: Sent, view: View) -> Frame:
        """Show a conversation, through the version that `leaf` names."""
        conversations = self._records.conversations
        messages = conversations.thread(actor, sent.conversation, leaf_id=sent.leaf or None)
        agent = self._records.agents.get(conversations.agent_of(actor, sent.conversation))
        view.conversation_id = sent.conversation
        progress = view.running.get(sent.conversation)
        live = _draw_live(progress) if progress else ""
        return self._frame(actor, agent, sent.conversation, messages, live=live, running=progress is not None)

    def start(self, actor: Actor, sent: Sent, view: View) -> Frame:
        """Show a new, still empty conversation with an agent."""
        return self.show_agent(actor, self._records.agents.get(sent.agent), view)

    def show_agent(self, actor: Actor, agent: AgentView, view: View) -> Frame:
        """Show what an agent is for and what it can be asked."""
        view.conversation_id = None
        return Frame(
            sidebar=draw_sidebar(self._records, actor, agent_id=agent.id, conversation_id=None),
            header=draw_header(agent),
            thread=self._draw_empty(actor, agent),
            live="",
        )

    def ask(self, actor: Actor, sent: Sent, view: View) -> Frames:
        """Ask in the open conversation, or begin one with the agent."""
        conversation_id = sent.conversation
        if not sent.text.strip():
            raise InputError("The question is empty. Type something to ask.")
        if not conversation_id:
            agent = self._records.agents.get(sent.agent)
            conversation_id = self._records.conversations.start(actor, agent.id)
        events = self._dialogue.ask(actor, conversation_id, sent.text, parent_id=sent.leaf or None)
        thread = self._records.conversations.thread(actor, conversation_id, leaf_id=sent.leaf or None)
        yield from self._run(actor, conversation_id, events, thread, view)

    def edit(self, actor: Actor, sent: Sent, view: View) -> Frames:
        """Ask one of the person's questions again in other words."""
        before = self._records.conversations.thread(actor, sent.conversation, leaf_id=sent.message)
        events = self._dialogue.edit(actor, sent.conversation, sent.message, sent.text)
        parent_id = next(each.parent_id for each in before if each.id == sent.message)
        thread = self._records.conversations.thread(actor, sent.conversation, leaf_id=parent_id)
        yield from self._run(actor, sent.conversation, events, thread, view)

    def regenerate(self, actor: Actor, sent: Sent, view: View) -> Frames:
        """Answer the same question once more."""
        thread = self._records.conversations.thread(actor, sent.conversation, leaf_id=sent.message)
        events = self._dialogue.regenerate(actor, sent.conversation, sent.message)
        upto = [each.id for each in thread].index(sent.message)
        yield from self._run(actor, sent.conversation, events, thread[:upto], view)

    def collect(self, actor: Actor, sent: Sent, view: View) -> Frames:
        """Answer a question that a reviewer released."""
        events = self._dialogue.collect(actor, sent.turn)
        question_id = self._records.conversations.question_of(actor, sent.conversation, sent.turn)
        thread = self._records.conversations.thread(actor, sent.conversation, leaf_id=question_id)
        upto = [each.id for each in thread].index(question_id)
        yield from self._run(actor, sent.conversation, events, thread[: upto + 1], view)

    def stop(self, actor: Actor, sent: Sent, view: View) -> Frame:
        """Stop the turn of a conversation; what was released stays."""
        if sent.conversation in view.running:
            view.stopping.add(sent.conversation)
        return Frame()

    def delete(self, actor: Actor, sent: Sent, view: View) -> Frame:
        """Take a conversation out of the list; one that is on screen gives way to a new one."""
        agent = self._records.agents.get(self._records.conversations.agent_of(actor, sent.conversation))
        self._records.conversations.delete(actor, sent.conversation)
        self.stop(actor, sent, view)
        if sent.conversation == view.conversation_id:
            return self.show_agent(actor, agent, view)
        return Frame(sidebar=draw_sidebar(self._records, actor, agent_id=agent.id, conversation_id=None))

    def rate(self, actor: Actor, sent: Sent, view: View) -> Frame:
        """Rate an answer, with a reason where the person gave one."""
        records = self._records
        rate_turn(records.ledger, records.vault, actor, sent.turn, helpful=sent.helpful, reason=sent.text)
        messages = records.conversations.thread(actor, sent.conversation, leaf_id=sent.leaf or None)
        agent_id = records.conversations.agent_of(actor, sent.conversation)
        return Frame(thread=self._draw_thread(actor, sent.conversation, agent_id, messages, running=False))

    def source(self, actor: Actor, sent: Sent, view: View) -> Frame:
        """Open the source of a citation."""
        source = read_source(self._records, actor, sent.turn, sent.number)
        return Frame(panel=draw("source", source=source, short=short_digest))

    def inspect(self, actor: Actor, sent: Sent, view: View) -> Frame:
        """Open the governance panel of an answer."""
        panel = read_turn_panel(self._records, actor, sent.turn)
        return Frame(panel=draw("turn", panel=panel, short=short_digest, digests=digests(panel.detail)))

    def _run(
        self, actor: Actor, conversation_id: str, events: TurnEvents, thread: list[StoredMessage], view: View
    ) -> Frames:
        """Show the question, stream the answer while the page looks at it, then show the stored thread."""
        agent = self._records.agents.get(self._records.conversations.agent_of(actor, conversation_id))
        progress = Progress(len(self._records.access.of(actor, agent).dataset_ids))
        view.conversation_id = conversation_id
        view.running[conversation_id] = progress
        view.stopping.discard(conversation_id)
        try:
            yield self._frame(actor, agent, conversation_id, thread, live=_draw_live(progress), running=True)
            leaf_id = yield from self._stream(events, conversation_id, progress, view)
            problem = ""
        except (CoreError, GovernanceError) as exc:
            leaf_id, problem = None, str(exc)
        finally:
            view.running.pop(conversation_id, None)
            view.stopping.discard(conversation_id)
        yield self._last_frame(actor, agent, conversation_id, leaf_id or thread[-1].id, problem, view)

    def _stream(
        self, events: TurnEvents, conversation_id: str, progress: Progress, view: View
    ) -> Generator[Frame, None, str | None]:
        """Yield frames of the running turn and return the stored answer's id; None when it was stopped."""
        drawn_at, drawn = self._timer(), progress
        with closing(events):
            for event in events:
                if isinstance(event, TurnClosed):
                    return event.message_id
                if conversation_id in view.stopping:
                    return None
                progress = view.running[conversation_id] = progress.after(event)
                due = progress.label != drawn.label or self._timer() - drawn_at >= FRAME_S
                if progress != drawn and due and view.conversation_id == conversation_id:
                    yield Frame(live=_draw_live(progress))
                    drawn_at, drawn = self._timer(), progress
        return None

    def _last_frame(
        self, actor: Actor, agent: AgentView, conversation_id: str, leaf_id: str, problem: str, view: View
    ) -> Frame:
        if view.conversation_id != conversation_id:
            return Frame(sidebar=self._draw_sidebar(actor, agent, view.conversation_id))
        live = draw("problem", problem=problem) if problem else ""
        try:
            messages = self._records.conversations.thread(actor, conversation_id, leaf_id=leaf_id)
        except InputError:  # deleted meanwhile
            return replace(self.show_agent(actor, agent, view), live=live)
        return self._frame(actor, agent, conversation_id, messages, live=live)

    def _frame(
        self,
        actor: Actor,
        agent: AgentView,
        conversation_id: str,
        messages: list[StoredMessage],
        *,
        live: str,
        running: bool = False,
    ) -> Frame:
        return Frame(
            sidebar=self._draw_sidebar(actor, agent, conversation_id),
            header=draw_header(agent),
            thread=self._draw_thread(actor, conversation_id, agent.id, messages, running=running),
            live=live,
        )

    def _draw_sidebar(self, actor: Actor, agent: AgentView, conversation_id: str | None) -> str:
        return draw_sidebar(self._records, actor, agent_id=agent.id, conversation_id=conversation_id)

    def _draw_thread(
        self, actor: Actor, conversation_id: str, agent_id: str, messages: list[StoredMessage], *, running: bool
    ) -> str:
        bubbles: list[Bubble] = read_bubbles(self._records, actor, messages)
        return draw("thread", bubbles=bubbles, conversation=conversation_id, agent=agent_id, running=running)

    def _draw_empty(self, actor: Actor, agent: AgentView) -> str:
        usable = self._records.access.of(actor, agent).dataset_ids
        questions = example_questions(self._records.store, usable)
        return draw("empty", agent=agent, questions=questions, usable=len(usable))


def _draw_live(progress: Progress) -> str:
    texts = {each.number: each.text for each in progress.evidence}
    return draw("live", progress=progress, blocks=read_answer(progress.text, texts))
