"""The bar that shows how far an ingest is: what is done, how many a second, and the time that is left."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

if TYPE_CHECKING:
    from core.datasets.ingest.progress import Progress as Step

WORDS = {"read": "Reading datasets", "carded": "Making them findable", "embedded": "Indexing chunks"}


class RateColumn(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> Text:
        """Return the rate, once there is one."""
        return Text("" if task.speed is None else f"{task.speed:,.0f}/s")


class IngestBar:
    """Shows the steps of an ingest, a bar for each phase."""

    def __init__(self, console: Console) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            RateColumn(),
            TimeRemainingColumn(),
        )
        self._bar = Progress(*columns, console=console, transient=True)
        self._phase = ""
        self._task: TaskID | None = None

    def __enter__(self) -> "IngestBar":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, step: "Step") -> None:
        """Show a step; the bar starts anew with each phase."""
        if step.stage not in WORDS:
            return
        if self._task is None or step.stage != self._phase:
            self._phase = step.stage
            self._task = self._bar.add_task(WORDS[step.stage], total=step.total)
        self._bar.update(self._task, completed=step.done, total=step.total)
