"""Fetching a dataset by its address, from a real server on this machine: what comes, and what is refused."""

import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from core.datasets.ingest.download import Limits, download
from core.datasets.ingest.naming import source_from
from core.errors import DatasetError
from tests.core.datasets.ingest.home import Home

FEES = b"boat,fee\nSeal,5\nHeron,7\n"
LIMITS = Limits(max_bytes=10_000, timeout_s=0.5, private=True)


def _archive() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("fees.csv", FEES)
    return packed.getvalue()


ARCHIVE = _archive()
MOVED = {"/moved": "/boats/fees.csv", "/file": "file:///etc/passwd"}


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path in MOVED:
            self.send_response(302)
            self.send_header("Location", MOVED[path])
            self.end_headers()
            return
        bodies = {"/boats/fees.csv": FEES, "/fees.zip": ARCHIVE, "/table": FEES}
        self.send_response(200 if path in bodies or path in ("/long", "/slow", "/cut") else 404)
        self.send_header("Content-Type", "text/csv")
        if path == "/cut":
            self.send_header("Content-Length", "500")
        self.end_headers()
        self.wfile.write(bodies.get(path, b"x" * (20_000 if path == "/long" else 9)))
        if path == "/slow":
            for _ in range(8):
                self.wfile.flush()
                threading.Event().wait(0.1)
                self.wfile.write(b"x")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    served = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    thread = threading.Thread(target=served.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{served.server_port}"
    served.shutdown()
    served.server_close()


@pytest.mark.parametrize("path", ["/boats/fees.csv?year=2025", "/moved", "/fees.zip"])
def test_file_or_archive_becomes_a_dataset_that_names_address_and_digest(
    server: str, tmp_path: Path, path: str
) -> None:
    source = source_from(f"{server}{path}", tmp_path, LIMITS, said={"licence": "CC0-1.0"})
    digest = hashlib.sha256(ARCHIVE if "zip" in path else FEES).hexdigest()
    came_from = "/boats/fees.csv" if path == "/moved" else path
    assert source.card.source == f"{server}{came_from} (sha256:{digest})"
    assert (source.card.id, source.card.licence, source.card.tier) == ("fees", "CC0-1.0", "internal")
    home = Home(tmp_path / "home")
    assert home.ingest_sources([source]).added == ["fees"]
    assert [rows[1]["boat"] for rows in home.holds()["tables"].values()] == ["Heron"]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/long", "more than"),
        ("/slow", "longer than"),
        ("/cut", "9 of 500"),
        ("/nothing", "404"),
        ("/file", "http:// or https://"),
    ],
)
def test_what_is_too_long_too_late_or_no_file_is_refused(server: str, tmp_path: Path, path: str, reason: str) -> None:
    with pytest.raises(DatasetError, match=reason):
        download(f"{server}{path}", tmp_path, LIMITS)


@pytest.mark.parametrize("url", ["ftp://example.com/a.csv", "file:///etc/passwd", "https:///a.csv", "http://[::1"])
def test_other_addresses_are_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(DatasetError, match="fetched"):
        download(url, tmp_path, LIMITS)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "10.1.2.3", "169.254.169.254", "[::1]", "[::ffff:10.0.0.1]"]
)
def test_addresses_inside_are_refused_unless_a_setting_allows_them(tmp_path: Path, host: str) -> None:
    with pytest.raises(DatasetError, match="import_private_addresses"):
        download(f"http://{host}:9/a.csv", tmp_path, Limits(10_000, 0.5))


def test_file_without_a_suffix_gets_that_of_its_type(server: str, tmp_path: Path) -> None:
    assert download(f"{server}/table", tmp_path, LIMITS).path.name == "table.csv"
