"""Makes the names in a folder durable: a new or renamed file may else be lost with the power."""

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Wait until the folder's entries are on the disk.

    Raises:
        OSError: The folder can't be opened or written.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
