"""The words of the table package: columns, and tables that are kept."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["integer", "number", "date", "boolean", "text"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a kept table.

    Attributes:
        name: As in the table's header.
        kind: Text, or what every cell of it that isn't empty can be read as.
        stored: Name in the file of the values of this kind.
        stored_text: Name in the file of the cells as they were written; the same as `stored` where nothing was changed.
    """

    name: str
    kind: Kind
    stored: str
    stored_text: str


@dataclass(frozen=True, slots=True)
class StoredTable:
    """A table of a dataset's version, kept as a Parquet file.

    Attributes:
        name: Tells it from the version's other tables: its file, with the sheet where there is one.
        title: Names it for people.
    """

    dataset_id: str
    version: str
    name: str
    title: str
    columns: tuple[Column, ...]
    rows: int
    path: Path
