"""Scope: whether a question is about what an agent is for, as its name, purpose and datasets say.

It is asked only where no passage answers, since a dataset that answers is proof enough. Greetings, questions about the
agent and follow-ups are always in scope. Likeness of meaning tells little here, so it errs towards answering;
`benchmarks.scope` says how much it misses. It decides nothing for an agent of open scope.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any

from core.schema import Message
from governance.schema import AgentView, Decision

LEAST = 0.05  # likeness below which a question that nothing answers is about something else
MOST = 200  # texts of an agent that are compared
KEPT = 256  # agents whose vectors are remembered
OFF_SCOPE = "scope.off"


class Scope:
    """Compares questions with what agents are for. Safe to share between threads."""

    def __init__(
        self,
        embed: Callable[[Sequence[str]], Any],
        *,
        about: Callable[[AgentView], Sequence[str]],
        stands_alone: Callable[[Sequence[Message]], bool],
    ) -> None:
        """Take what compares.

        Args:
            embed: Texts -> unit vectors, a row each.
            about: The texts that say what an agent is for.
            stands_alone: Whether the last message of a conversation asks for something by itself.
        """
        self._embed = embed
        self._about = about
        self._stands_alone = stands_alone
        self._vectors: OrderedDict[tuple[object, ...], Any] = OrderedDict()
        self._lock = Lock()

    def check_question(self, conversation: Sequence[Message], agent: AgentView) -> Decision | None:
        """Return why the last message is off the agent's scope; None when it is in scope or the scope is open."""
        if agent.scope == "open" or not self._stands_alone(conversation):
            return None
        likeness = self.likeness(conversation[-1].content, agent)
        if likeness >= LEAST:
            return None
        reason = f"the question is not about what the agent is for (likeness {likeness:.2f}, at least {LEAST:g} needed)"
        return Decision("allow", reason, OFF_SCOPE)

    def likeness(self, question: str, agent: AgentView) -> float:
        """Return the cosine of a question and the most alike of the texts that say what an agent is for."""
        return float((self._vectors_of(agent) @ self._embed([question])[0]).max())

    def _vectors_of(self, agent: AgentView) -> Any:
        key = agent.id, agent.name, agent.purpose, agent.dataset_ids
        with self._lock:
            if key in self._vectors:
                self._vectors.move_to_end(key)
                return self._vectors[key]
        vectors = self._embed(self._about(agent)[:MOST])
        with self._lock:
            self._vectors[key] = vectors
            if len(self._vectors) > KEPT:
                self._vectors.popitem(last=False)
        return vectors


def say_scope(agent: AgentView) -> str:
    """Return the kind answer to a question that is off an agent's scope."""
    return f"That isn't what I am here for, so I leave it to others. I am {agent.name}. My purpose: {agent.purpose}"
