"""A witness: a place elsewhere that gets signed checkpoints, so that a cut tail or a rewritten history shows.

Choose a place where those who run the workbench can only add: whoever can write both the database and the witness can
rewrite both. Between two checkpoints kept there, nothing is witnessed.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition, Thread
from typing import Protocol

from governance.errors import LedgerError

CLOSE_S = 5.0
_LOG = logging.getLogger(__name__)


class NotePlace(Protocol):
    """Where checkpoints are kept."""

    @property
    def name(self) -> str:
        """Return how people know the place."""

    def read(self) -> list[str]:
        """Return the newest checkpoints that are kept, oldest first; a LedgerError when they can't be read."""

    def write(self, size: int, note: str) -> None:
        """Keep the checkpoint over `size` entries; a LedgerError when it can't be kept."""


@dataclass(frozen=True, slots=True)
class WitnessState:
    """How a witness stands.

    Attributes:
        size: Entries under the newest checkpoint that it holds; None when that is not known.
        problem: What is wrong with it, or with the ledger by it; empty when all is well.
    """

    place: str
    size: int | None
    problem: str


class Witness:
    """Keeps checkpoints at a place, from a thread of its own, so that a slow place delays no turn."""

    def __init__(self, place: NotePlace, *, every_s: float, timer: Callable[[], float]) -> None:
        """Keep nothing yet: the thread starts with the first checkpoint that is offered.

        Args:
            place: Where to keep them.
            every_s: At most one checkpoint is kept in so many seconds, and the last one when closed.
            timer: Tells the time that passes.
        """
        self.place = place
        self._every_s = every_s
        self._timer = timer
        self._news = Condition()
        self._offered: tuple[int, str] | None = None
        self._kept = 0
        self._is_closing = False
        self._thread: Thread | None = None
        self.problem = ""

    def notes(self) -> list[str]:
        """Return the newest checkpoints that are kept, oldest first.

        Raises:
            LedgerError: The place can't be read.
        """
        return self.place.read()

    def offer(self, size: int, note: str) -> None:
        """Take the checkpoint over `size` entries; it is kept when its time has come."""
        with self._news:
            if self._offered is None or self._offered[0] < size:
                self._offered = (size, note)
                self._news.notify()
            if self._thread is None and not self._is_closing:
                self._thread = Thread(target=self._work, name="witness", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Keep what was offered last, and stop."""
        with self._news:
            self._is_closing = True
            self._news.notify()
        if self._thread is not None:
            self._thread.join(CLOSE_S)

    def _work(self) -> None:
        last = -self._every_s
        while True:
            with self._news:
                while not self._is_closing and (self._is_kept() or self._timer() < last + self._every_s):
                    wait = None if self._is_kept() else max(0.01, last + self._every_s - self._timer())
                    self._news.wait(wait)
                offered, closing = self._offered, self._is_closing
            if offered is not None and offered[0] > self._kept:
                self._keep(*offered)
                last = self._timer()
            if closing:
                return

    def _is_kept(self) -> bool:
        return self._offered is None or self._offered[0] <= self._kept

    def _keep(self, size: int, note: str) -> None:
        try:
            self.place.write(size, note)
        except LedgerError as exc:
            self.problem = f"The checkpoint over {size} entries could not be kept. {exc}"
            _LOG.error("%s It is tried again in %g s.", self.problem, self._every_s)
        else:
            self._kept, self.problem = size, ""
