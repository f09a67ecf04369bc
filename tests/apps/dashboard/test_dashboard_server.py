"""The dashboard as it is started: both ways stand behind the guard, sign people in, and load no model."""

import ast
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect, sync_playwright
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from apps.guard import SESSION_COOKIE
from tests.apps.dashboard.conftest import MASTER_KEY, PASSWORD, Filled

ROOT = Path(__file__).resolve().parents[3]
CHROMIUM = shutil.which("chromium")
START_S = 90
STARTS = {
    "python": [sys.executable, "apps/scorecard_dashboard.py"],
    "streamlit": [sys.executable, "-m", "streamlit", "run", "apps/scorecard_dashboard.py"],
}


@dataclass
class Served:
    """A dashboard on a loopback port, and its data folder's people."""

    port: int
    cookie: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def websocket(self, *, cookie: str | None, origin: str | None = None) -> None:
        headers = {"Cookie": f"{SESSION_COOKIE}={cookie}"} if cookie else {}
        address = f"ws://127.0.0.1:{self.port}/_stcore/stream"
        with connect(address, origin=origin or self.url, additional_headers=headers, proxy=None):
            pass


@contextmanager
def serving(command: list[str], home: Path, *, log: Path) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PROMETHIOS_")} | {
        "PROMETHIOS_HOME": str(home),
        "PROMETHIOS_MASTER_KEY": MASTER_KEY,
        "PROMETHIOS_DASHBOARD_PORT": str(port),
        "STREAMLIT_SERVER_PORT": str(port),
    }
    with log.open("w") as output:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        _wait(server, port, log=log)
        yield port
    finally:
        server.terminate()
        server.wait(timeout=30)


def _wait(server: subprocess.Popen[bytes], port: int, *, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/_stcore/health", timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        assert server.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


@pytest.fixture(scope="module", params=list(STARTS))
def served(
    request: pytest.FixtureRequest, filled: Filled, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    shutil.copytree(filled.home, folder / "home")
    with serving(STARTS[request.param], folder / "home", log=folder / "log") as port:
        yield Served(port, filled.cookies["rex"])


@pytest.mark.parametrize("path", ["/", "/turns", "/ledger", "/turn?turn=x"])
def test_pages_lead_to_the_sign_in_and_back(served: Served, path: str) -> None:
    answer = httpx.get(served.url + path, headers={"accept": "text/html"})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in?next=/")
    page = httpx.get(served.url + answer.headers["location"])
    assert page.status_code == 200
    assert "password" in page.text


@pytest.mark.parametrize(
    "path",
    ["/_stcore/host-config", "/_stcore/metrics", "/_stcore/upload_file/a/b", "/media/x", "/static/js/x.js", "/x"],
)
def test_nothing_else_answers_without_a_session(served: Served, path: str) -> None:
    assert httpx.get(served.url + path).status_code == 401
    forged = {"cookie": f"{SESSION_COOKIE}=forged", "x-promethios-user": "admin"}
    assert httpx.get(served.url + path, headers=forged).status_code == 401


def test_websocket_needs_a_session_and_this_origin(served: Served) -> None:
    served.websocket(cookie=served.cookie)
    for cookie, origin in ((None, None), ("forged", None), (served.cookie, "http://127.0.0.1.example")):
        with pytest.raises(InvalidStatus) as refused:
            served.websocket(cookie=cookie, origin=origin)
        assert refused.value.response.status_code == 403


def test_session_opens_the_dashboard(served: Served) -> None:
    answer = httpx.get(served.url, headers={"accept": "text/html"}, cookies={SESSION_COOKIE: served.cookie})
    assert answer.status_code == 200
    assert "Streamlit" in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_dashboard_loads_no_model() -> None:
    files = [ROOT / "apps" / "scorecard_dashboard.py", *sorted((ROOT / "apps" / "dashboard").glob("*.py"))]
    nodes = [node for path in files for node in ast.parse(path.read_text()).body]
    imports = {ast.unparse(node) for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)}
    heavy = ("torch", "transformers", "chromadb", "gradio", "governance.native_llm", "core.llm")
    code = "\n".join([*sorted(imports), "import sys", f"print([name for name in {heavy} if name in sys.modules])"])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian: apt install chromium)")
@pytest.mark.parametrize("served", ["streamlit"], indirect=True)
def test_reviewer_finds_a_bad_turn_and_verifies_it(served: Served, filled: Filled) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 390, "height": 844})
        page.set_default_timeout(30_000)
        expect.set_options(timeout=30_000)
        foreign: list[str] = []
        page.on("request", lambda r: foreign.append(r.url) if f"//127.0.0.1:{served.port}/" not in r.url else None)
        _sign_in(page, served.url)
        page.get_by_role("button", name="How it is counted").nth(2).click()
        page.get_by_role("link", name="Turns that count as failures: 1").click()
        expect(page.get_by_text("1 turn, newest first")).to_be_visible()
        page.goto(f"{served.url}/turn?turn={filled.turns['misquoted'].turn_id}")
        expect(page.get_by_text("Quotations that stand verbatim in what they cite: 0 of 1.")).to_be_visible()
        page.get_by_role("button", name="Verify receipt").click()
        expect(page.get_by_text("Verified: entry")).to_be_visible()
        page.goto(f"{served.url}/agent")
        page.get_by_role("link", name="Travel guide").click()
        expect(page.get_by_text("Answers travel questions.")).to_be_visible()
        assert [url for url in foreign if not url.startswith(("data:", "blob:"))] == []
        browser.close()


def _sign_in(page: Page, url: str) -> None:
    page.goto(url)
    page.get_by_label("Name").fill("rex")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
