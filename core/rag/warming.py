"""Reads the vectors of what is in use into memory, in a thread, so that the first questions need not wait for them."""

import logging
from threading import Event, Thread

from core.errors import CoreError
from core.rag.active_versions import all_in_use
from core.rag.vectors import VectorIndex
from core.store.database import Store

PART = 50  # versions read at a time; a search may come between

_log = logging.getLogger(__name__)


class Warming:
    """Runs once, from `start` on; what can't be read is left to the search that needs it."""

    def __init__(self, store: Store, vectors: VectorIndex) -> None:
        """Take where the versions are known, and what holds their vectors."""
        self._store = store
        self._vectors = vectors
        self._ended = Event()
        self._thread = Thread(target=self._work, name="warming", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def wait(self) -> None:
        """Return when all is read."""
        if self._thread.ident is not None:
            self._thread.join()

    def close(self) -> None:
        """Stop after the versions at hand, if it began."""
        self._ended.set()
        self.wait()

    def _work(self) -> None:
        try:
            with self._store.read() as session:
                versions = all_in_use(session)
            for at in range(0, len(versions), PART):
                if self._ended.is_set() or not self._vectors.hold(versions[at : at + PART]):
                    return
        except CoreError as exc:
            _log.warning("Vectors are not read ahead: %s", exc)
