"""Kills a process of ours in mid-write, at any step of it."""

import os
import signal
import sys
from collections.abc import Callable

from sqlalchemy import event

from core.store.database import Store

FILE_STEPS = ("open", "os.rename", "os.link", "os.remove", "os.chmod", "tempfile.mkstemp")


def die_at_file_step(step: int) -> None:
    """Kill this process at its n-th file operation from now on."""
    count = _counter(step)
    sys.addaudithook(lambda name, _: count() if name in FILE_STEPS else None)


def die_at_statement(store: Store, step: int) -> None:
    """Kill this process before its n-th statement or commit from now on."""
    count = _counter(step)
    event.listen(store.engine, "before_cursor_execute", lambda *_: count())
    event.listen(store.engine, "commit", lambda _: count())


def runs_to_its_end(work: Callable[[], object]) -> bool:
    """Run something in a process of its own; say whether it came to its end before it was killed."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    status = os.waitpid(child, 0)[1]
    assert status in (0, signal.SIGKILL), status
    return status == 0


def _counter(step: int) -> Callable[[], None]:
    left = step

    def count() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return count
