"""What worker processes share: they hand on what they made as it is, and end with the process that started them."""

import multiprocessing
import os
import threading
from typing import Any


def as_is(made: Any) -> Any:
    """Return what a worker made, unchanged."""
    return made


def end_with_parent(*_worker: int) -> None:
    """End this process when the one that started it is killed: its pipes would keep it waiting for ever."""
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
