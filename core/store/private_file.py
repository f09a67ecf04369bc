"""Writes secrets to files that only their owner can read and that appear whole or not at all."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path


def write_private(path: Path, data: bytes, *, replace: bool) -> None:
    """Write a file with mode 0600, durably.

    Args:
        path: Its folder is made, closed to others, when it does not exist.
        data: What it holds.
        replace: Whether a file that is there already gives way; otherwise it stays and nothing is written.

    Raises:
        OSError: The folder or the file can't be written.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        draft = Path(file.name)  # made with mode 0600
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            if replace:
                draft.replace(path)
                return
            with suppress(FileExistsError):
                path.hardlink_to(draft)
        finally:
            draft.unlink(missing_ok=True)
