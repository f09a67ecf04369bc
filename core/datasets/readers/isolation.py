"""Runs a program of `core.datasets.extractors` on one file, so that a hostile file can end that program at most."""

import json
import os
import selectors
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import core
from core.datasets.readers.source import Source, UnreadableError

LIMIT_S = 120
LIMIT_BYTES = 2_000_000_000
MAX_RECORD = 64_000_000
PIECE = 1 << 16  # bytes
TICK_S = 0.2
_ROOT = Path(core.__file__).resolve().parents[1]


def extract(source: Source, program: str, *, limit_s: int = LIMIT_S) -> Iterator[Any]:
    """Yield the records that a program reads out of a file.

    Args:
        source: The file.
        program: Module name below `core.datasets.extractors`.
        limit_s: Processor time for all of the file.

    Raises:
        UnreadableError: The file is damaged, or the program met its limit.
    """
    command = [sys.executable, "-P", "-m", f"core.datasets.extractors.{program}"]
    process = subprocess.Popen(  # noqa: S603 - our own program; the path is one argument
        [*command, str(source.path.resolve()), str(limit_s), str(LIMIT_BYTES)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        env=_environment(),
    )
    output = process.stdout
    try:
        for line in [] if output is None else _lines(output.fileno(), source.tick):
            record = _parse(line)
            if isinstance(record, dict) and "end" in record:
                if record["end"] is not None:
                    raise UnreadableError(f"no readable {source.suffix} file: {record['end']}")
                return
            yield record
        raise UnreadableError(
            f"needs more than {limit_s} s or {LIMIT_BYTES // 10**9} GB to read, or is damaged; split or mend it."
        )
    finally:
        process.kill()
        process.wait()
        if output is not None:
            output.close()


def _lines(output: int, tick: Callable[[], None] | None) -> Iterator[bytes]:
    """Yield the lines that come out of a program; tick at each piece of them, and while none comes."""
    held = bytearray()
    with selectors.DefaultSelector() as waiting:
        waiting.register(output, selectors.EVENT_READ)
        while len(held) < MAX_RECORD:
            came = waiting.select(TICK_S)
            if tick is not None:
                tick()
            if came:
                piece = os.read(output, PIECE)
                held += piece
                if not piece:
                    break
                if b"\n" in piece:
                    *lines, held = held.split(b"\n")
                    yield from map(bytes, lines)
    if held:
        yield bytes(held)


def _environment() -> dict[str, str]:
    """Return what the program needs of the environment; keys and passwords are not for foreign files."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "PYTHONPATH": str(_ROOT), "OMP_NUM_THREADS": "1"}


def _parse(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError as exc:
        raise UnreadableError(f"holds more than {MAX_RECORD} bytes at one place, or is damaged.") from exc
