"""The wizard that creates an agent: purpose, model, datasets, governance level, a test turn, create.

The test turn is a real one: it goes through the door with the agent as described so far, under an id of its own, and is
sealed like any other. The agent itself comes into being only with the last step, so cancelling leaves nothing behind.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from apps.chat.agent_draft import (
    SHOWN,
    build_draft,
    check_purpose,
    dataset_choices,
    draft_agent,
    find_datasets,
    merge_choice,
)
from apps.chat.answer_text import read_answer
from apps.chat.badges import count
from apps.chat.drawing import draw
from apps.chat.progress import Progress
from apps.chat.sidebar import DOMAIN_WORDS, LEVEL_WORDS, SCOPE_WORDS
from core.datasets.card import slug_of
from core.datasets.search import search_catalog
from core.schema import Message
from governance.agents import AgentDraft
from governance.errors import InputError
from governance.identity import require
from governance.schema import Actor, AgentView, Resource, TurnClosed
from governance.wiring import Workbench

STYLES = [
    ("Balanced: clear and complete", "balanced"),
    ("Brief: one short sentence", "brief"),
    ("Bullets: a list of points", "bullets"),
    ("Plain language: everyday words", "plain-language"),
]
NO_ADAPTER = ("None: the model as it is.", "")
ANY_CATEGORY = ("All categories", "")
NO_USE = ("None named", "")
TOLD = 10  # datasets left out that are told one by one


@dataclass(frozen=True, slots=True)
class Decided:
    """The wizard's fields, as a person filled them in.

    Attributes:
        allow: Lines of contact details.
        used_for: A purpose that cards name, in any spelling; empty for none.
    """

    name: str
    purpose: str
    style: str = "balanced"
    adapter: str = ""
    level: str = "standard"
    dataset_ids: tuple[str, ...] = ()
    domain: str = "general"
    scope: str = "open"
    allow: str = ""
    used_for: str = ""


class AgentWizard:
    """The handlers of the wizard."""

    def __init__(self, workbench: Workbench, *, clock: Callable[[], datetime], new_id: Callable[[], str]) -> None:
        self._workbench = workbench
        self._records = workbench.records
        self._clock = clock
        self._new_id = new_id

    def check_purpose(self, actor: Actor, name: str, purpose: str) -> None:
        """Let a person go on from the first step."""
        require(actor, "agent.create", Resource("agent"))
        check_purpose(self._records, name=name, purpose=purpose)

    @property
    def profile(self) -> str:
        """Return the model profile that runs."""
        return self._workbench.native_llm.engine.info.profile

    def choices(self, text: str, category: str) -> tuple[list[tuple[str, str]], str]:
        """Return the datasets to show for a search, and how many there are."""
        found = find_datasets(self._records, text=text, category=category)
        narrowed = f"The first {SHOWN} of {count(found.total, 'dataset')}; search to narrow it down."
        return dataset_choices(found.datasets), narrowed if found.total > SHOWN else count(found.total, "dataset")

    def pick(self, text: str, category: str, chosen: Iterable[str], picked: Iterable[str]) -> tuple[str, ...]:
        """Return what is chosen after a person picked among the datasets that the search shows."""
        shown = [value for _, value in self.choices(text, category)[0]]
        return merge_choice(chosen, shown=shown, picked=picked)

    def say_chosen(self, actor: Actor, decided: Decided) -> list[str]:
        """Return a line on what is chosen, and one on each dataset that this agent would leave out of its searches."""
        if not decided.dataset_ids:
            return ["None chosen: the agent can't look anything up."]
        agent = draft_agent(actor, self._draft(decided), agent_id=self._new_id(), now=self._clock())
        left_out = self._records.access.of(actor, agent).left_out
        told = [f"Left out, {each.dataset_id}: {each.because}" for each in left_out[:TOLD]]
        more = [f"and {len(left_out) - TOLD:,} more are left out."] if len(left_out) > TOLD else []
        return [f"Chosen: {', '.join(agent.dataset_ids)}.", *told, *more]

    def named_by_cards(self) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        """Return the categories that there are, and the purposes, for an agent to be used for one of them."""
        counts = search_catalog(self._records.store, limit=1).counts
        categories, uses = ([(each, each) for each in sorted(counts[name])] for name in ("category", "purposes"))
        return [ANY_CATEGORY, *categories], [NO_USE, *uses]

    def adapters(self) -> list[tuple[str, str]]:
        """Return the adapters that the running model has, each with what its card says that it does."""
        notes = self._workbench.adapter_notes()
        return [NO_ADAPTER, *((f"{name}: {note}" if note else name, name) for name, note in notes.items())]

    def summary(self, decided: Decided) -> str:
        """Draw what would be created."""
        draft = self._draft(decided)
        return draw(
            "draft",
            draft=draft,
            level=LEVEL_WORDS[draft.level],
            domain=DOMAIN_WORDS[draft.domain],
            scope=SCOPE_WORDS[draft.scope],
            datasets=count(len(draft.dataset_ids), "dataset"),
        )

    def test(self, actor: Actor, decided: Decided, question: str) -> Iterator[str]:
        """Run one real turn with the agent as described, and draw its progress and its end."""
        require(actor, "agent.create", Resource("agent"))
        if not question.strip():
            raise InputError("Type a question to test the agent with.")
        agent = draft_agent(actor, self._draft(decided), agent_id=self._new_id(), now=self._clock())
        progress = Progress(len(self._records.access.of(actor, agent).dataset_ids))
        yield _draw_test(progress)
        with closing(self._workbench.native_llm.chat(actor, agent, [Message("user", question)])) as events:
            for event in events:
                progress, before = progress.after(event), progress
                if isinstance(event, TurnClosed):
                    yield _draw_test(progress, closed=event)
                elif progress != before:
                    yield _draw_test(progress)

    def create(self, actor: Actor, decided: Decided) -> AgentView:
        """Create the agent."""
        return self._workbench.create_agent(actor, self._draft(decided))

    def _draft(self, decided: Decided) -> AgentDraft:
        return build_draft(
            name=decided.name,
            purpose=decided.purpose,
            style=decided.style,
            adapter=decided.adapter or None,
            level=decided.level,
            domain=decided.domain,
            scope=decided.scope,
            used_for=slug_of(decided.used_for) or None,
            allow=tuple(line.strip() for line in decided.allow.splitlines() if line.strip()),
            dataset_ids=decided.dataset_ids,
            profile=self.profile,
        )


def _draw_test(progress: Progress, *, closed: TurnClosed | None = None) -> str:
    text = closed.text if closed else progress.text
    blocks = read_answer(text, {each.number: each.text for each in progress.evidence})
    return draw("test", progress=progress, blocks=blocks, closed=closed)
