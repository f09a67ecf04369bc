"""What the programs share: limits on time and memory, and records as lines of JSON on standard output."""

import json
import resource
import sys
from collections.abc import Callable, Iterable
from typing import Any


def serve(read: Callable[[str], Iterable[Any]]) -> None:
    """Write what `read` yields for a path; the last line is {"end": reason}, with reason null when all was read.

    The command line is: path, seconds of processor time, bytes of memory.
    """
    path, seconds, memory = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    sys.setrecursionlimit(2_000)
    reason = None
    try:
        for record in read(path):
            _write(record)
    except BrokenPipeError:
        return
    except BaseException as exc:  # noqa: BLE001 - a parser's panic is no Exception; it ends this file alone
        reason = said_by(exc)
    _write({"end": reason})
    sys.stdout.flush()


def said_by(exc: BaseException) -> str:
    """Return what an error says; of Python's own errors, whose texts say little, the kind too."""
    text = str(exc).strip()
    return (text if text and type(exc).__module__ != "builtins" else f"{type(exc).__name__}: {text}")[:300]


def _write(record: Any) -> None:
    sys.stdout.write(json.dumps(record) + "\n")
