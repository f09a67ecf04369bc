"""A folder that witnesses: one file per checkpoint, on another machine's disk or one where files can only be added."""

import os
import re
from pathlib import Path

from core.store.sync import sync_folder
from governance.errors import LedgerError

KEPT = 500  # the newest notes that are compared with; older ones stay in the folder
_NAME = re.compile(r"checkpoint-(\d{12})\.note")


class WitnessFolder:
    """Keeps checkpoints as files."""

    def __init__(self, folder: Path) -> None:
        """Make the folder when it does not exist.

        Raises:
            LedgerError: It can't be written.
        """
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe = folder / f".probe-{os.getpid()}"
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as exc:
            raise LedgerError(f"The witness at {folder} can't be written: {exc}. Mount it, or unset it.") from exc

    @property
    def name(self) -> str:
        """Return the folder's path."""
        return str(self._folder)

    def read(self) -> list[str]:
        """Return the newest checkpoints in the folder, oldest first.

        Raises:
            LedgerError: The folder can't be read.
        """
        try:
            names = sorted(each.name for each in self._folder.iterdir() if _NAME.fullmatch(each.name))
            return [(self._folder / name).read_text(encoding="utf-8") for name in names[-KEPT:]]
        except (OSError, UnicodeDecodeError) as exc:
            raise LedgerError(f"The witness at {self._folder} can't be read: {exc}. Mount it, or mend it.") from exc

    def write(self, size: int, note: str) -> None:
        """Write a checkpoint's file, whole or not at all; one that is there already stays as it is.

        Raises:
            LedgerError: The folder can't be written.
        """
        path = self._folder / f"checkpoint-{size:012}.note"
        if path.exists():
            return
        part = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with part.open("w", encoding="utf-8") as file:
                file.write(note)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
            sync_folder(self._folder)
        except OSError as exc:
            raise LedgerError(f"The witness at {self._folder} can't be written: {exc}.") from exc
