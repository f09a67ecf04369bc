"""Makes files and the names in folders durable: what is written, new or renamed may else be lost with the power."""

import os
from pathlib import Path


def sync_file(path: Path) -> None:
    """Wait until what was written to a file is on the disk.

    Raises:
        OSError: The file can't be opened or written.
    """
    _sync(path)


def sync_folder(folder: Path) -> None:
    """Wait until the folder's entries are on the disk.

    Raises:
        OSError: The folder can't be opened or written.
    """
    _sync(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
