"""A file that is being read, and what becomes of what can't be."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self, TypeVar

from core.datasets.schema import Problem
from core.errors import DatasetError

MAX_FILE_BYTES = 64_000_000
UNSAFE = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f\ud800-\udfff]")

SHARD = re.compile(r"-?\d{5}-of-\d{5}$")

OnProblem = Callable[[Problem], None]
T = TypeVar("T")


class UnreadableError(Exception):
    """The rest of a file can't be read."""

    def __init__(self, reason: str, *, place: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.place = place


@dataclass(frozen=True, slots=True)
class Source:
    """A file to read.

    Attributes:
        path: Where its bytes lie; a temporary file when it comes out of an archive.
        file: What to call it, below `base`.
        base: Stands before `file` when a refusal names the file.
        on_problem: Told of what is left out; None refuses the first problem.
        depth: How many archives it lies in.
        shards: The files whose rows go on after this one's.
        named: A title for content that has none; empty to take the file's name.
        tick: Called often while a program of its own reads the file; what it raises ends that program.
    """

    path: Path
    file: str
    base: Path
    on_problem: OnProblem | None
    depth: int = 0
    shards: tuple[Path, ...] = ()
    named: str = ""
    tick: Callable[[], None] | None = None

    @property
    def suffix(self) -> str:
        """The format's name: ".csv"."""
        return Path(self.file).suffix.lower()

    @property
    def title(self) -> str:
        """A title for content that has none, from the file's name; shards are named by their table or folder."""
        if self.named:
            return self.named
        stem = SHARD.sub("", Path(self.file).stem)
        return title_of(stem if stem not in {"", "data"} or not self.is_shard else (self.base / self.file).parent.name)

    @property
    def is_shard(self) -> bool:
        """Whether the file's name counts it among others, as "train-00000-of-00002.parquet"."""
        return SHARD.search(Path(self.file).stem) is not None

    def report(self, reason: str, *, place: str = "") -> None:
        """Tell of something that is left out.

        Raises:
            DatasetError: Problems are refused here.
        """
        problem = Problem(self.file, place, reason)
        if self.on_problem is None:
            raise DatasetError(f"{self.base}/{problem}")
        self.on_problem(problem)

    def guard(self, items: Iterator[T]) -> Iterator[T]:
        """Yield the items until the file can't be read on, and report that."""
        try:
            yield from items
        except UnreadableError as exc:
            self.report(exc.reason, place=exc.place)
        except UnicodeDecodeError as exc:
            self.report(f"not all of its bytes are {exc.encoding} text. Save the file as UTF-8.")
        except OSError as exc:
            self.report(f"can't be read: {exc.strerror or exc}")

    def silenced(self) -> Self:
        """Return the same file, read without telling of problems."""
        return replace(self, on_problem=lambda _: None)

    def read_bytes(self) -> bytes:
        """Return the content of a file that is read as a whole.

        Raises:
            UnreadableError: It is larger than MAX_FILE_BYTES.
        """
        self.check_size()
        return self.path.read_bytes()

    def check_size(self) -> None:
        """Refuse a file that is larger than MAX_FILE_BYTES.

        Raises:
            UnreadableError: It is.
        """
        size = self.path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise UnreadableError(f"has {size} bytes; a {self.suffix} file has at most {MAX_FILE_BYTES}. Split it.")


def title_of(stem: str) -> str:
    """Return a file's name as a title: "pay-and-benefits" as "Pay and benefits"."""
    words = re.sub(r"[-_\s]+", " ", UNSAFE.sub(" ", stem)).strip()
    return words[:1].upper() + words[1:]
