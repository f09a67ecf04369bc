"""Reads public collections of datasets from a local copy: each dataset's file and its card.

Known are Rdatasets (`datasets.csv`, `csv/`, `doc/`), Our World in Data (`datasets/*/datapackage.json`), FiveThirtyEight
(folders with `README.md` and CSV files), and a folder with `index.csv` that says for each file below it what it is.
"""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

from core.datasets.card import DatasetCard
from core.datasets.collections.documents import (
    described_columns,
    document_sections,
    first_paragraphs,
    package_columns,
    read_document,
    read_package,
)
from core.datasets.collections.entry import Cards, Entry
from core.errors import DatasetError

_OWID_LICENCE = "no licence file in repo; OWID publishes under CC BY 4.0, third-party source terms apply"
_R_LICENCE = "docs GPL (R packages); data rows: no definitive licence (CRAN-redistributed)"


def is_collection(root: Path) -> bool:
    """Whether a folder is a collection that `read_collection` knows."""
    return _reader(root) is not None


def read_collection(root: Path) -> Iterator[tuple[Path, DatasetCard]]:
    """Yield the file and card of each dataset of a collection, in a fixed order.

    Raises:
        DatasetError: The collection is not known, its index is damaged, or names a file outside.
    """
    reader = _reader(root)
    if reader is None:
        raise DatasetError(
            f"{root} is no known collection: expected an index.csv with data files, or a known one's copy."
        )
    cards, base = Cards(), root.resolve()
    for entry in reader(root):
        if not entry.path.resolve().is_relative_to(base):
            raise DatasetError(f"{root}: the index names {entry.path}, which lies outside.")
        if entry.path.is_file():
            yield entry.path, cards.card_of(entry)


def _reader(root: Path) -> Callable[[Path], Iterator[Entry]] | None:
    if (root / "index.csv").is_file() and {"id", "path", "title"} <= set(_names(root / "index.csv")):
        return _read_index
    if (root / "datasets.csv").is_file() and (root / "csv").is_dir():
        return _read_rdatasets
    if any(root.glob("datasets/*/datapackage.json")):
        return _read_owid
    if "fivethirtyeight" in read_document(root / "README.md").lower() and any(root.glob("*/*.csv")):
        return _read_fivethirtyeight
    return None


def _read_index(root: Path) -> Iterator[Entry]:
    for row in _rows(root / "index.csv"):
        path = root / row["path"]
        where = ", ".join(filter(None, (row.get("source_repo"), row.get("source_path"))))
        yield Entry(
            path=path,
            name=row["id"],
            title=row["title"],
            description=row.get("description", ""),
            licence=row.get("licence", ""),
            source=where or row["id"],
            columns=_meanings(root / row["doc"], path) if row.get("doc") else {},
        )


def _read_rdatasets(root: Path) -> Iterator[Entry]:
    for row in _rows(root / "datasets.csv"):
        package, item = row["Package"], row["Item"]
        pages = (root / "doc" / package / "rst" / f"{item}.rst", root / "doc" / package / f"{item}.html")
        page = next((page for page in pages if page.is_file()), pages[0])
        path = root / "csv" / package / f"{item}.csv"
        yield Entry(
            path=path,
            name=f"rdatasets/{package}/{item}",
            title=row["Title"],
            description=document_sections(read_document(page)).get("description", ""),
            licence=_R_LICENCE,
            source=f"vincentarelbundock/Rdatasets, csv/{package}/{item}.csv",
            columns=_meanings(page, path),
        )


def _read_owid(root: Path) -> Iterator[Entry]:
    for file in sorted(root.glob("datasets/*/datapackage.json")):
        package = read_package(file)
        title = str(package.get("title") or file.parent.name)
        for path in sorted(file.parent.glob("*.csv")):
            yield Entry(
                path=path,
                name=f"owid/{file.parent.name}",
                title=title,
                description=str(package.get("description") or ""),
                licence=_OWID_LICENCE,
                source=f"owid/owid-datasets, datasets/{file.parent.name}/{path.name}",
                columns=_meanings(file, path),
            )


def _read_fivethirtyeight(root: Path) -> Iterator[Entry]:
    for folder in sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith(".")):
        title, about = first_paragraphs(read_document(folder / "README.md"))
        for path in sorted(folder.glob("*.csv")):
            yield Entry(
                path=path,
                name=f"fivethirtyeight/{folder.name}/{path.stem}",
                title=f"{title or folder.name}: {path.stem}",
                description=about,
                licence="CC BY 4.0 (data), MIT (code)",
                source=f"fivethirtyeight/data, {folder.name}/{path.name}",
                columns=_meanings(folder / "README.md", path),
            )


def _meanings(document: Path, table: Path) -> dict[str, str]:
    """Return what a document says of a table's columns."""
    names = _names(table) if table.is_file() else []
    if document.suffix == ".json":
        said = package_columns(read_package(document))
        return {name: said[name] for name in names if name in said}
    text = read_document(document)
    sections = document_sections(text)
    return described_columns("\n\n".join(sections.values()) or text, names)


def _names(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            return [" ".join(name.split()) for name in next(csv.reader([file.readline(1_000_000)]), [])]
    except (csv.Error, OSError):
        return []


def _rows(path: Path) -> Iterator[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from csv.DictReader(file, restval="")
    except (csv.Error, OSError, UnicodeDecodeError, KeyError) as exc:
        raise DatasetError(f"{path} is no readable index: {exc}") from exc
