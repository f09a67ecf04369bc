"""The file of a backup: one zip whose manifest names every member with its digest.

Digests catch damage. They don't prove who wrote the file; the ledger's signatures, verified after a restore, do.
"""

import hashlib
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import StoreError

MANIFEST = "manifest.json"
PIECE_BYTES = 1 << 20


class BackupManifest(BaseModel):
    """What a backup holds.

    Attributes:
        format: The layout of the file.
        revision: Schema revision of the rows.
        database: Where the rows come from; they can be restored to either.
        versions: Name -> version of what wrote it.
        rows: Table -> number of rows.
        vectors: Number of vectors, None when the index was left out.
        digests: Member -> `sha256:<hex>`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    created_at: datetime
    revision: str
    database: Literal["sqlite", "postgresql"]
    versions: dict[str, str]
    rows: dict[str, int]
    vectors: int | None
    digests: dict[str, str] = Field(repr=False)

    def members(self, folder: str) -> list[str]:
        """Return the members under a folder, in order."""
        return sorted(name for name in self.digests if name.startswith(folder + "/"))


class ArchiveWriter:
    """Writes members and remembers their digests."""

    def __init__(self, archive: zipfile.ZipFile, *, at: datetime) -> None:
        self._archive = archive
        self._at = at
        self.digests: dict[str, str] = {}

    @contextmanager
    def member(self, name: str) -> Iterator[Callable[[bytes], None]]:
        """Open a member; the value is the function that appends to it."""
        digest = hashlib.sha256()
        with self._archive.open(self._entry(name), "w", force_zip64=True) as out:

            def append(data: bytes) -> None:
                digest.update(data)
                out.write(data)

            yield append
        self.digests[name] = f"sha256:{digest.hexdigest()}"

    def finish(self, manifest: BackupManifest) -> None:
        """Write the manifest, the last member."""
        self._archive.writestr(self._entry(MANIFEST), manifest.model_dump_json(indent=2))

    def _entry(self, name: str) -> zipfile.ZipInfo:
        entry = zipfile.ZipInfo(name, date_time=self._at.timetuple()[:6])
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.external_attr = 0o600 << 16
        return entry


@contextmanager
def write_archive(target: Path, *, at: datetime) -> Iterator[ArchiveWriter]:
    """Write a file that appears at `target` whole and durable, or not at all, readable by its owner only.

    Raises:
        StoreError: The file exists already or can't be written.
    """
    if target.exists():
        raise StoreError(f"{target} exists already; name a new file for the backup.")
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with _open_private(partial) as file:
            with zipfile.ZipFile(file, "w") as archive:
                yield ArchiveWriter(archive, at=at)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(target)
    except OSError as exc:
        raise StoreError(f"the backup can't be written to {target}: {exc.strerror}.") from exc
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def read_archive(source: Path) -> Iterator["ArchiveReader"]:
    """Open a backup and check every digest in it before anything is used.

    Raises:
        StoreError: It can't be read, is not a backup, or is damaged.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            reader = ArchiveReader(archive)
            reader.verify()
            yield reader
    except OSError as exc:
        raise StoreError(f"the backup {source} can't be read: {exc.strerror or exc}.") from exc
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as exc:
        raise StoreError(f"{source} is not a backup or is damaged: {exc}. Take another copy of it.") from exc


class ArchiveReader:
    """Reads the members of a backup."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        if MANIFEST not in archive.namelist():
            raise StoreError(f"the file holds no {MANIFEST}, so it is not a backup of this product.")
        try:
            self.manifest = BackupManifest.model_validate_json(archive.read(MANIFEST))
        except ValidationError as exc:
            raise StoreError(f"the backup's manifest is damaged or of an unknown format: {exc}") from exc

    def verify(self) -> None:
        """Compare members and digests with the manifest.

        Raises:
            StoreError: A member was changed, is missing, or is not in the manifest.
        """
        found, expected = set(self._archive.namelist()) - {MANIFEST}, set(self.manifest.digests)
        if found != expected:
            raise StoreError(f"the backup is damaged: members differ from its manifest ({sorted(found ^ expected)}).")
        for name, expected_digest in self.manifest.digests.items():
            digest = hashlib.sha256()
            with self._archive.open(name) as file:
                while piece := file.read(PIECE_BYTES):
                    digest.update(piece)
            if f"sha256:{digest.hexdigest()}" != expected_digest:
                raise StoreError(f"the backup is damaged: {name} does not match its digest. Take another copy of it.")

    def lines(self, name: str) -> Iterator[bytes]:
        """Yield the lines of a member."""
        with self._archive.open(name) as file:
            yield from file

    def content(self, name: str) -> bytes:
        """Return a whole member."""
        return self._archive.read(name)


def _open_private(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b")
