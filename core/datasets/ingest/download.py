"""Fetches one file or archive by its address, so that it can be added as a dataset.

Only http and https. The host's addresses are looked up once, all have to be public ones unless it is allowed otherwise,
and the connection goes to one of those, so that a name can't lead inside by changing its answer. Redirections are
checked in the same way. A proxy is not used; what the file holds is for the readers to judge.
"""

import hashlib
import ipaddress
import mimetypes
import re
import socket
import ssl
import time
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path, PurePosixPath
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from core.config import Settings
from core.errors import DatasetError

MAX_REDIRECTS = 5
MAX_URL_CHARS = 3_900  # in a card
PIECE = 1 << 16  # bytes
STEP_S = 20.0  # for one step, such as to connect or to get the next bytes
_MOVED = (301, 302, 303, 307, 308)
_ADDRESS = re.compile(r"https?://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a download may take; `private` allows addresses that are not public."""

    max_bytes: int
    timeout_s: float
    private: bool = False


def limits_of(settings: Settings) -> Limits:
    """Return what the settings let a download take."""
    return Limits(settings.max_upload_mb << 20, settings.import_timeout_s, settings.import_private_addresses)


@dataclass(frozen=True, slots=True)
class Download:
    """A file that was fetched.

    Attributes:
        url: Where it came from after all redirections, without user, password and fragment.
        sha256: Of its bytes, in hexadecimal.
    """

    path: Path
    url: str
    sha256: str

    @property
    def origin(self) -> str:
        """Say where it came from, and which bytes, as a card does."""
        return f"{self.url[:MAX_URL_CHARS]} (sha256:{self.sha256})"


def is_address(given: str) -> bool:
    """Say whether something is the address of a file rather than a path."""
    return _ADDRESS.match(given) is not None


def download(url: str, folder: Path, limits: Limits) -> Download:
    """Fetch a file into a folder, under the name at the end of its address.

    Raises:
        DatasetError: The address is not allowed or doesn't answer with a file, or it is larger or slower than allowed.
    """
    ends = time.monotonic() + limits.timeout_s
    try:
        for _ in range(MAX_REDIRECTS + 1):
            parts = _checked(url)
            connection = _connect(parts, limits)
            try:
                answer = _ask(connection, parts)
                if answer.status in _MOVED and (moved := answer.getheader("Location")):
                    url = urljoin(url, moved)
                    continue
                if answer.status != 200:
                    raise DatasetError(f"{_shown(parts)} answered {answer.status} {answer.reason}; expected 200.")
                path = folder / _name(parts, answer)
                return Download(path, _shown(parts), _keep(answer, path, limits, ends=ends))
            finally:
                connection.close()
    except (OSError, HTTPException, ValueError) as exc:
        raise DatasetError(f"{url} can't be fetched: {exc}. Fetch it yourself and add the file.") from exc
    raise DatasetError(f"{url} leads on more than {MAX_REDIRECTS} times.")


def _checked(url: str) -> SplitResult:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise DatasetError(f"{url[:200]!r} can't be fetched: expected an address that begins with http:// or https://.")
    return parts


def _connect(parts: SplitResult, limits: Limits) -> HTTPConnection:
    """Connect to an address of the host that may be asked."""
    host, port = str(parts.hostname), parts.port or (443 if parts.scheme == "https" else 80)
    found = [str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    inside = [each for each in found if not ipaddress.ip_address(each.partition("%")[0]).is_global]
    if inside and not limits.private:
        raise DatasetError(
            f"{host} is {inside[0]}, which is not a public address. "
            "The setting import_private_addresses allows data from inside."
        )
    step_s = min(STEP_S, limits.timeout_s)
    plain = socket.create_connection((found[0], port), timeout=step_s)
    connection = HTTPConnection(host, port, timeout=step_s)
    connection.sock = (
        ssl.create_default_context().wrap_socket(plain, server_hostname=host) if parts.scheme == "https" else plain
    )
    return connection


def _ask(connection: HTTPConnection, parts: SplitResult) -> HTTPResponse:
    target = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
    connection.request("GET", target, headers={"Accept-Encoding": "identity", "User-Agent": "promethios-workbench"})
    return connection.getresponse()


def _keep(answer: HTTPResponse, path: Path, limits: Limits, *, ends: float) -> str:
    """Write what comes, and return its digest; what is too long or too late is given up."""
    if answer.getheader("Content-Encoding", "identity") != "identity":
        raise ValueError("it comes compressed, though that was not asked for")
    said = int(answer.getheader("Content-Length") or 0)
    digest, size = hashlib.sha256(), 0
    with path.open("xb") as file:
        while size <= limits.max_bytes >= said and (piece := answer.read1(PIECE)):
            size += len(piece)
            digest.update(piece)
            file.write(piece)
            if time.monotonic() > ends:
                raise ValueError(f"it took longer than {limits.timeout_s:g} seconds")
    if max(size, said) > limits.max_bytes:
        raise ValueError(f"it has more than {limits.max_bytes / 1_000_000:,.0f} MB")
    if size < said:
        raise ValueError(f"it ended after {size} of {said} bytes")
    return digest.hexdigest()


def _name(parts: SplitResult, answer: HTTPResponse) -> str:
    """Return a file's name from the address, with the suffix of its type where the address has none."""
    last = re.sub(r"[^\w.-]+", "-", unquote(PurePosixPath(parts.path).name)).strip(".-")[:100]
    name = last or str(parts.hostname).replace(":", "-")
    if last and PurePosixPath(last).suffix:
        return name
    return name + (mimetypes.guess_extension(answer.headers.get_content_type()) or "")


def _shown(parts: SplitResult) -> str:
    host = str(parts.hostname) if ":" not in str(parts.hostname) else f"[{parts.hostname}]"
    return parts._replace(netloc=host if parts.port is None else f"{host}:{parts.port}", fragment="").geturl()
