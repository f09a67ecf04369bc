"""Verification in the background: the whole ledger, against its witness, once in a while; the last result is kept.

The result lies in a file, so that the dashboard and the doctor, other processes, can show it. Who can write the data
folder can write that file too: it is news, not evidence.
"""

import logging
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Event, Thread

from pydantic import TypeAdapter, ValidationError

from core.store.database import Store
from governance.errors import LedgerError
from governance.ledger.ledger import Ledger
from governance.ledger.verify import LedgerHealth, check_ledger
from governance.ledger.witness import WitnessState

CLOSE_S = 5.0
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Examination:
    """What a verification found.

    Attributes:
        witness: How the witness stood; None where there is none.
        kept: How many of the witness's checkpoints the ledger was held against.
    """

    health: LedgerHealth
    seconds: float
    witness: WitnessState | None
    kept: int

    @property
    def problem(self) -> str:
        """Return what is wrong with the ledger or its witness; empty when all is well."""
        return self.health.problem or (self.witness.problem if self.witness else "")


def examine_ledger(
    ledger: Ledger, store: Store, *, clock: Callable[[], datetime], timer: Callable[[], float]
) -> Examination:
    """Verify every entry, node, checkpoint and signature, and that the ledger continues what its witness holds."""
    begin = timer()
    witness = ledger.check_witness()
    kept: list[str] = []
    if ledger.witness is not None and witness is not None and witness.size is not None:
        try:
            kept = ledger.witness.notes()
        except LedgerError as exc:
            witness = WitnessState(witness.place, None, str(exc))
    health = check_ledger(store, verifier_key=ledger.key, clock=clock, kept=kept)
    return Examination(health, timer() - begin, witness, len(kept))


def read_examination(path: Path) -> Examination | None:
    """Return the result that the watch kept last; None where there is none or it can't be read."""
    try:
        return TypeAdapter(Examination).validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


class LedgerWatch:
    """Verifies the ledger in a thread of its own. Any number of processes may watch one: they take turns."""

    def __init__(
        self,
        ledger: Ledger,
        store: Store,
        *,
        path: Path,
        every_s: float,
        clock: Callable[[], datetime],
        timer: Callable[[], float],
    ) -> None:
        """Watch nothing yet.

        Args:
            ledger: The open ledger.
            store: Its database.
            path: The file for the last result.
            every_s: Seconds from one verification to the next, over all processes of this data folder.
            clock: Gives aware times.
            timer: Tells the time that passes.
        """
        self._ledger = ledger
        self._store = store
        self._path = path
        self._every_s = every_s
        self._clock = clock
        self._timer = timer
        self._closing = Event()
        self._thread = Thread(target=self._work, name="ledger-watch", daemon=True)

    def start(self) -> None:
        """Begin; the first verification comes at once unless one is fresh."""
        self._thread.start()

    def close(self) -> None:
        """Stop; a verification that is under way is left to end on its own."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(CLOSE_S)

    def examine(self) -> Examination:
        """Verify now, keep the result, and log what is wrong."""
        found = examine_ledger(self._ledger, self._store, clock=self._clock, timer=self._timer)
        if self._closing.is_set():
            return found  # the database was closed under it, so what it says may not be so
        if found.problem:
            _LOG.error("The ledger was verified: %s", found.problem)
        try:
            _write(self._path, TypeAdapter(Examination).dump_json(found))
        except OSError as exc:
            _LOG.error("The result of the ledger's verification could not be kept: %s", exc)
        return found

    def _work(self) -> None:
        while not self._closing.wait(self._seconds_left()):
            self.examine()

    def _seconds_left(self) -> float:
        last = read_examination(self._path)
        if last is None:
            return 0.0
        return max(0.0, self._every_s - (self._clock() - last.health.checked_at).total_seconds())


def _write(path: Path, data: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        file.write(data)
    Path(file.name).replace(path)
