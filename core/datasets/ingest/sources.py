"""A dataset's files before they are read: where they lie, whether they were touched, and what their content is called.

A stamp is cheap (names, sizes, times) and says "nothing was touched". A version is the digest of the content.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.datasets.card import CARD_NAME, DatasetCard, id_of, load_card
from core.datasets.readers import list_files
from core.errors import DatasetError
from core.rag.chunking import FORMAT
from core.schema import digest_of

UNSTATED = "unknown"


@dataclass(frozen=True, slots=True)
class Source:
    """A dataset to ingest.

    Attributes:
        path: A folder of files, or a single file.
        collection: Where the collection that it is one of lies; empty for a dataset on its own.
    """

    card: DatasetCard
    path: Path
    collection: str = ""


@dataclass(frozen=True, slots=True)
class Files:
    """The files of a source as they are now.

    Attributes:
        stamp: `sha256:<hex>` over the card and each file's name, size and time of change.
    """

    paths: tuple[Path, ...]
    bytes: int
    stamp: str


def source_at(path: Path, card: DatasetCard | None = None) -> Source:
    """Return the dataset of a folder with a card, or of any file or folder whose card is given.

    Raises:
        DatasetError: Nothing is there, or no card says what it is.
    """
    if not path.exists():
        raise DatasetError(f"{path} doesn't exist.")
    if card is None:
        if not path.is_dir():
            raise DatasetError(f"{path} is a single file, so its card must be given beside it.")
        card = load_card(path / CARD_NAME)
    return Source(card, path)


def folder_sources(root: Path) -> list[Source]:
    """Return the datasets of every folder right below `root` that holds a card, by name.

    Raises:
        DatasetError: No folder holds one, or two cards share an id.
    """
    folders = sorted(card.parent for card in root.glob(f"*/{CARD_NAME}"))
    if not folders:
        raise DatasetError(f"{root} holds no dataset: no folder in it has a {CARD_NAME}.")
    sources = [Source(load_card(folder / CARD_NAME), folder, str(root.resolve())) for folder in folders]
    refuse_twins(sources, root)
    return sources


def refuse_twins(sources: list[Source], root: Path) -> None:
    """Raise a DatasetError when two datasets share an id."""
    seen: set[str] = set()
    twice = sorted({s.card.id for s in sources if s.card.id in seen or seen.add(s.card.id)})  # type: ignore[func-returns-value]
    if twice:
        raise DatasetError(f"{root} holds more than one dataset called {', '.join(twice)}.")


def derive_card(path: Path, *, title: str = "", licence: str = "", tier: str = "", category: str = "") -> DatasetCard:
    """Return a card for files that have none; what isn't said is "unknown", and for internal use only.

    Raises:
        DatasetError: The name gives no id, or a value is not one that a card may have.
    """
    words = re.sub(r"[-_\s]+", " ", path.stem).strip()
    name = title or words[:1].upper() + words[1:]
    try:
        return DatasetCard(
            id=id_of(path.stem),
            title=name,
            description=f"{name}, from {path.name}.",
            category=category or "General Knowledge",  # type: ignore[arg-type]
            licence=licence or UNSTATED,
            source=path.name,
            tier=tier or "internal",  # type: ignore[arg-type]
            labels=[],
        )
    except ValueError as exc:
        raise DatasetError(f"{path} gives no valid card: {exc}. Write a {CARD_NAME} beside its files.") from exc


def look_at(source: Source) -> Files:
    """Return the source's files without reading them.

    Raises:
        DatasetError: A file is missing, or the folder holds none, too many, or links.
    """
    paths = list_files(source.path) if source.path.is_dir() else [source.path]
    try:
        stats = [path.stat() for path in paths]
    except OSError as exc:
        raise DatasetError(f"{source.path} can't be read: {exc}") from exc
    touched = [[str(p), s.st_size, str(s.st_mtime_ns)] for p, s in zip(paths, stats, strict=True)]
    stamp = digest_of([FORMAT, source.card.model_dump(), source.collection, touched])
    return Files(tuple(paths), sum(s.st_size for s in stats), stamp)


def version_of(source: Source, files: Files) -> str:
    """Return the name of the content: the digest of every file, and of the card's words that chunks repeat.

    Raises:
        DatasetError: A file can't be read.
    """
    card = source.card
    words = [card.description] if source.path.is_dir() else [card.title, card.description]
    meanings = [sorted(card.columns.items())] if card.columns else []
    return digest_of([FORMAT, card.id, *words, *meanings, list(_digests(source, files))])


def _digests(source: Source, files: Files) -> Iterator[list[str]]:
    for path in files.paths:
        name = path.relative_to(source.path).as_posix() if source.path.is_dir() else path.name
        try:
            with path.open("rb") as file:
                yield [name, hashlib.file_digest(file, "sha256").hexdigest()]
        except OSError as exc:
            raise DatasetError(f"{path} can't be read: {exc}") from exc
