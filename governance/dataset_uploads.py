"""Files that a person uploads: kept under names that stay inside of one folder, until a job has taken them in."""

import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from governance.errors import InputError

MAX_DEPTH = 12
MAX_NAME_CHARS = 200


@dataclass(frozen=True, slots=True)
class Upload:
    """A folder that files are put into before their job starts."""

    id: str
    folder: Path

    def add(self, name: str, content: BinaryIO) -> None:
        """Keep a file under its name, folders included.

        Raises:
            InputError: The name leads out of the folder or can't be a file's name, or stands there twice.
        """
        path = self.folder.joinpath(*safe_parts(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("xb") as file:
                shutil.copyfileobj(content, file, 1 << 20)
        except OSError as exc:
            raise InputError(f"{name} can't be kept: {exc.strerror}. Give each file a name of its own.") from exc

    def discard(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


def safe_parts(name: str) -> tuple[str, ...]:
    """Return the parts of an uploaded file's name.

    Raises:
        InputError: It is absolute, leads upwards, is too deep or too long, or holds what a file's name can't.
    """
    parts = PurePosixPath(name).parts
    harmless = all(part not in ("..", "/") and "\\" not in part and part.isprintable() for part in parts)
    if not parts or not harmless or len(parts) > MAX_DEPTH or max(map(len, parts)) > MAX_NAME_CHARS:
        raise InputError(f"{name[:MAX_NAME_CHARS]!r} can't be the name of a file here. Rename it and add it again.")
    return parts
