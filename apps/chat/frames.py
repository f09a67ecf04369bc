"""What travels between the page and the screens: what a person did, what they look at, and the parts to draw anew."""

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Annotated, Any

import gradio as gr
from pydantic import BaseModel, ConfigDict, Field

from apps.chat.progress import Progress

MAX_QUESTION_CHARS = 20_000
Id = Annotated[str, Field(max_length=64)]


class Sent(BaseModel):
    """What the page sends with an event. Untrusted: every id is looked up under the actor's own rights.

    Attributes:
        leaf: The message that the shown thread ends with.
        message: The message, turn or version that a button belongs to.
        page: Of the list of datasets, or of a dataset's passages, from 1.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    agent: Id = ""
    conversation: Id = ""
    leaf: Id = ""
    message: Id = ""
    turn: Id = ""
    number: Annotated[int, Field(ge=0, le=99)] = 0
    helpful: bool = False
    dataset: Annotated[str, Field(max_length=80)] = ""
    job: Id = ""
    category: Id = ""
    tier: Id = ""
    licence: Annotated[str, Field(max_length=80)] = ""
    state: Id = ""
    page: Annotated[int, Field(ge=1, le=10_000)] = 1
    skip_bad: bool = False
    text: Annotated[str, Field(max_length=MAX_QUESTION_CHARS)] = ""


@dataclass(slots=True)
class View:
    """What one open page looks at; lives as long as the page, and is shared by its events.

    Attributes:
        conversation_id: The conversation on screen; None for a new one.
        running: Conversations with a turn under way in this page, and how far it is.
        stopping: Those of them that the person asked to stop.
        dashboard: The dashboard's address, as this page reaches it.
    """

    conversation_id: str | None = None
    running: dict[str, Progress] = field(default_factory=dict)
    stopping: set[str] = field(default_factory=set)
    dashboard: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """The parts of the page to draw anew; None leaves a part as it is."""

    sidebar: str | None = None
    header: str | None = None
    thread: str | None = None
    live: str | None = None
    panel: str | None = None
    agents: str | None = None
    found: str | None = None
    dataset: str | None = None
    job: str | None = None

    def updates(self) -> list[Any]:
        """Return what Gradio is told, in the order of the fields."""
        chat = (self.sidebar, self.header, self.thread, self.live, self.panel)
        parts = (*chat, self.agents, self.found, self.dataset, self.job)
        return [gr.skip() if part is None else part for part in parts]


Frames = Generator[Frame, None, None]
