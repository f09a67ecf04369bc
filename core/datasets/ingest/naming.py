"""Tells which datasets a path or address means: a folder with a card, folders of them, a collection, or bare files."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from core.datasets.card import CARD_NAME, DatasetCard
from core.datasets.collections import is_collection, read_collection
from core.datasets.croissant import read_description
from core.datasets.ingest.download import Limits, download
from core.datasets.ingest.sources import Source, derive_card, folder_sources, refuse_twins, source_at
from core.errors import DatasetError


def sources_at(
    path: Path, *, title: str = "", licence: str = "", tier: str = "", category: str = ""
) -> tuple[list[Source], Path | None]:
    """Return the datasets that a path means, and the collection that they make up, if any.

    Args:
        path: A folder with a card, a folder of such folders, a public collection's copy, or a file or folder without.
        title: Of a dataset that has no card; its name when empty.
        licence: Of a dataset that has no card; "unknown" when empty.
        tier: Of a dataset that has no card; "internal" when empty.
        category: Of a dataset that has no card; "General Knowledge" when empty.

    Raises:
        DatasetError: Nothing is there, a card is not valid, or two datasets share an id.
    """
    stated = bool(title or licence or tier or category)
    if not path.exists():
        raise DatasetError(f"{path} doesn't exist.")
    if path.is_dir() and (path / CARD_NAME).is_file():
        _refuse_stated(path, stated)
        return [source_at(path)], None
    if path.is_dir() and any(path.glob(f"*/{CARD_NAME}")):
        _refuse_stated(path, stated)
        return folder_sources(path), path
    if path.is_dir() and is_collection(path):
        _refuse_stated(path, stated)
        root = str(path.resolve())
        sources = [Source(card, file, root) for file, card in read_collection(path)]
        refuse_twins(sources, path)
        return sources, path
    said = {"title": title, "licence": licence, "tier": tier, "category": category}
    described = read_description(path)
    if described is None:
        return [Source(derive_card(path.resolve(), **said), path)], None
    stated_fields = {name: value for name, value in said.items() if value}
    try:
        card = DatasetCard.model_validate(described.model_dump() | stated_fields)
    except ValueError as exc:
        raise DatasetError(f"{path} can't have what was stated: {exc}") from exc
    return [Source(card, path)], None


def source_from(url: str, folder: Path, limits: Limits, *, said: Mapping[str, str]) -> Source:
    """Fetch a file or archive into a folder, and return the dataset that it is; its card names address and digest.

    Args:
        url: An http or https address.
        folder: Kept until the dataset was ingested.
        limits: What the download may take.
        said: What `sources_at` takes beside the path.

    Raises:
        DatasetError: It can't be fetched, or a value is not one that a card may have.
    """
    fetched = download(url, folder, limits)
    [source], _ = sources_at(fetched.path, **said)
    return replace(source, card=source.card.model_copy(update={"source": fetched.origin}))


def _refuse_stated(path: Path, stated: bool) -> None:
    if stated:
        raise DatasetError(
            f"{path} says itself what it is; change its {CARD_NAME} instead of giving a title or licence."
        )
