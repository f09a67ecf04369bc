"""A witness: a folder elsewhere that gets signed checkpoints, so that a cut tail or a rewritten history shows.

Put it on another machine's disk, or where those who run the workbench can only add files: whoever can write both the
database and the witness can rewrite both. Between two checkpoints kept there, nothing is witnessed.
"""

import logging
import os
import re
from collections.abc import Callable
from pathlib import Path
from threading import Condition, Thread

from governance.errors import LedgerError

KEPT = 500  # the newest notes that are compared with; older ones stay in the folder
CLOSE_S = 5.0
_NAME = re.compile(r"checkpoint-(\d{12})\.note")
_LOG = logging.getLogger(__name__)


class Witness:
    """Keeps checkpoints in a folder, from a thread of its own, so that a slow disk delays no turn."""

    def __init__(self, folder: Path, *, every_s: float, timer: Callable[[], float]) -> None:
        """Start keeping.

        Args:
            folder: Made when it does not exist.
            every_s: At most one checkpoint is kept in so many seconds, and the last one when closed.
            timer: Tells the time that passes.

        Raises:
            LedgerError: The folder can't be written.
        """
        self.folder = folder
        self._every_s = every_s
        self._timer = timer
        self._news = Condition()
        self._offered: tuple[int, str] | None = None
        self._kept = 0
        self._is_closing = False
        self.problem = ""
        self._probe()
        self._thread = Thread(target=self._work, name="witness", daemon=True)
        self._thread.start()

    def notes(self) -> list[str]:
        """Return the newest checkpoints that are kept, oldest first.

        Raises:
            LedgerError: The folder can't be read.
        """
        return read_notes(self.folder)

    def offer(self, size: int, note: str) -> None:
        """Take the checkpoint over `size` entries; it is kept when its time has come."""
        with self._news:
            if self._offered is None or self._offered[0] < size:
                self._offered = (size, note)
                self._news.notify()

    def close(self) -> None:
        """Keep what was offered last, and stop."""
        with self._news:
            self._is_closing = True
            self._news.notify()
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
        self._kept = size
        try:
            write_note(self.folder, size=size, note=note)
            self.problem = ""
        except OSError as exc:
            self.problem = f"The checkpoint over {size} entries could not be kept at {self.folder}: {exc}."
            _LOG.error("%s The next one is tried in %g s.", self.problem, self._every_s)

    def _probe(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            probe = self.folder / f".probe-{os.getpid()}"
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as exc:
            raise LedgerError(f"The witness at {self.folder} can't be written: {exc}. Mount it, or unset it.") from exc


def read_notes(folder: Path) -> list[str]:
    """Return the newest checkpoints in a witness's folder, oldest first.

    Raises:
        LedgerError: The folder can't be read.
    """
    try:
        names = sorted(each.name for each in folder.iterdir() if _NAME.fullmatch(each.name))
        return [(folder / name).read_text(encoding="utf-8") for name in names[-KEPT:]]
    except (OSError, UnicodeDecodeError) as exc:
        raise LedgerError(f"The witness at {folder} can't be read: {exc}. Mount it, or mend it.") from exc


def write_note(folder: Path, *, size: int, note: str) -> None:
    """Write a checkpoint's file, whole or not at all; one that is there already stays as it is."""
    path = folder / f"checkpoint-{size:012}.note"
    if path.exists():
        return
    part = path.with_name(f".{path.name}.{os.getpid()}")
    with part.open("w", encoding="utf-8") as file:
        file.write(note)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
