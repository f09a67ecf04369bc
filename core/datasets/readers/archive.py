"""Opens ZIP archives, and what is one inside (.xlsx, .docx, .ods), within limits; nothing is written outside.

Members are unpacked one at a time into a temporary folder. What an archive says of its sizes is checked first, and
what it really holds is counted while unpacking, since the first may be a lie.
"""

import lzma
import re
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from core.datasets.readers.source import Source, UnreadableError

MAX_MEMBERS = 5_000
MAX_BYTES = 4_000_000_000
MAX_CONTAINER_BYTES = 512_000_000
MAX_RATIO = 200
RATIO_FROM = 10_000_000
MAX_NESTING = 2
_BLOCK = 1_000_000
_ERRORS = (
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
    EOFError,
    ValueError,
    LookupError,
    zlib.error,
    lzma.LZMAError,
)


def unpack(source: Source) -> Iterator[Source]:
    """Yield each member, which lies in a temporary file until the next is asked for.

    Raises:
        UnreadableError: It is no whole archive, or beyond the limits.
    """
    if source.depth >= MAX_NESTING:
        raise UnreadableError(f"lies in {source.depth} archives; at most {MAX_NESTING} are opened. Unpack it.")
    with _open(source) as archive, tempfile.TemporaryDirectory(prefix="promethios-") as folder:
        _check_sizes(archive, limit=MAX_BYTES)
        left = MAX_BYTES
        for number, member in enumerate(sorted(archive.infolist(), key=lambda member: member.filename)):
            if _is_passed_over(member.filename):
                continue
            inner = replace(
                source,
                path=Path(folder) / f"{number}{PurePosixPath(member.filename).suffix[:10].lower()}",
                file=f"{source.file}/{_shown(member.filename)}",
                depth=source.depth + 1,
                named="",
            )
            reason = _refusal(member)
            if reason is None:
                try:
                    left -= _copy(archive, member, inner.path, limit=left)
                except UnreadableError as exc:
                    reason = exc.reason
            if reason is not None:
                inner.report(reason)
                continue
            yield inner
            inner.path.unlink()


def check_container(source: Source) -> None:
    """Refuse a document that is a ZIP archive of too much, or none.

    Raises:
        UnreadableError: It is.
    """
    source.check_size()
    with _open(source) as archive:
        _check_sizes(archive, limit=MAX_CONTAINER_BYTES)


def _open(source: Source) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(source.path)
    except _ERRORS as exc:
        hint = " It may be encrypted with a password." if _is_ole(source.path) else ""
        raise UnreadableError(f"no whole {source.suffix} file: {exc}.{hint}") from exc


def _is_ole(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(8) == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def _check_sizes(archive: zipfile.ZipFile, *, limit: int) -> None:
    members = archive.infolist()
    total = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members)
    if len(members) > MAX_MEMBERS or total > limit:
        raise UnreadableError(
            f"holds {len(members)} files of {total} bytes; at most {MAX_MEMBERS} of {limit} are unpacked. Split it."
        )
    if total > RATIO_FROM and total > MAX_RATIO * packed:
        raise UnreadableError(
            f"unpacks to {total} bytes from {packed}, more than {MAX_RATIO} times; refused as an archive bomb."
        )


def _refusal(member: zipfile.ZipInfo) -> str | None:
    if _leads_out(member.filename):
        return "its name leads out of the archive; refused."
    if not member.filename:
        return "has no name."
    if stat.S_ISLNK(member.external_attr >> 16):
        return "is a link; put the file itself there."
    if member.flag_bits & 1:
        return "is encrypted. Save the archive without a password."
    return None


def _leads_out(name: str) -> bool:
    return re.match(r"[/\\]|[A-Za-z]:", name) is not None or ".." in re.split(r"[/\\]", name)


def _copy(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, *, limit: int) -> int:
    """Unpack a member and return its size; more than the archive promised, or than is left, is refused."""
    size = 0
    try:
        with archive.open(member) as packed, path.open("wb") as file:
            while block := packed.read(_BLOCK):
                size += len(block)
                if size > min(limit, member.file_size):
                    raise UnreadableError("unpacks to more than the archive says or may hold; refused.")
                file.write(block)
    except (*_ERRORS, OSError) as exc:
        raise UnreadableError(f"damaged: {exc}") from exc
    return size


def _is_passed_over(name: str) -> bool:
    """Whether a name is a folder's, or one that systems hide; one that leads outside is not passed over."""
    if _leads_out(name):
        return False
    parts = PurePosixPath(name).parts
    return name.endswith("/") or "__MACOSX" in parts or any(part.startswith(".") for part in parts)


def _shown(name: str) -> str:
    return re.sub(r"[^\x20-\x7e\xa0-\ud7ff\ue000-\U0010ffff]", "?", name)
