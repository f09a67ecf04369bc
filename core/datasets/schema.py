"""What readers hand over: parts of a file, and what could not be read."""

from collections.abc import Iterator
from dataclasses import dataclass

from core.rag.chunking import Passage


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that was not read.

    Attributes:
        file: Path below what was asked for; inside of an archive "prices.zip/2024/march.csv".
        place: Where in the file, such as "line 12" or "Page 4"; empty for the file as a whole.
        reason: What was expected, what was found, what to do.
    """

    file: str
    place: str
    reason: str

    def __str__(self) -> str:
        where = f"{self.file}, {self.place}" if self.place else self.file
        return f"{where}: {self.reason}"


@dataclass(frozen=True, slots=True)
class TextPart:
    """Passages of a document, in order."""

    file: str
    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class TablePart:
    """A table whose rows stream.

    Attributes:
        title: Names the table.
        header: Column names, each different, none empty.
        rows: As many cells as the header has names. Read once, before the next part is asked for.
        place_prefix: Stands before "Rows 11-20", such as a sheet's name with its separator: "Prices > ".
    """

    file: str
    title: str
    header: tuple[str, ...]
    rows: Iterator[tuple[str, ...]]
    place_prefix: str = ""
