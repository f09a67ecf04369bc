"""The first visit, whole: start on an empty folder, sign in, create an agent, ask, check on the dashboard, restart.

Runs `promethios up` and a real Chromium. Leaves the pictures that README and docs show in build/screenshots.
"""

import os
import re
import shutil
import signal
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
from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "build" / "screenshots"
CHROMIUM = shutil.which("chromium")
READY_S = 240
PASSWORD = "seven otters swim north"
QUESTIONS = (
    ("How much is paid for meals per day on a business trip?", "60 USD"),
    ("When was Larkfield Tools founded?", "2009"),
    ("How many days of annual leave does an employee have in 2026?", "25 days"),
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(900),
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian: apt install chromium)"),
]


@dataclass
class Workbench:
    """A running workbench."""

    chat: str
    dashboard: str
    process: subprocess.Popen[str]
    said: Path

    def one_time_password(self) -> str:
        found = re.search(r"one-time password (\S+)", self.said.read_text())
        assert found is not None, self.said.read_text()
        return found[1]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(home: Path, *, ports: tuple[int, int], log: Path) -> Iterator[Workbench]:
    """Start both servers as a person does, wait until both answer, and stop them by a signal."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PROMETHIOS_")},
        "PROMETHIOS_HOME": str(home),
        "PROMETHIOS_PORT": str(ports[0]),
        "PROMETHIOS_DASHBOARD_PORT": str(ports[1]),
    }
    with log.open("w") as output:
        process = subprocess.Popen(
            [Path(sys.executable).with_name("promethios"), "up"],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
    bench = Workbench(f"http://127.0.0.1:{ports[0]}", f"http://127.0.0.1:{ports[1]}", process, log)
    try:
        _wait(bench)
        yield bench
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0, log.read_text()


def _wait(bench: Workbench) -> None:
    deadline = time.monotonic() + READY_S
    waiting = [f"{bench.chat}/health/ready", f"{bench.dashboard}/_stcore/health"]
    while waiting:
        assert bench.process.poll() is None, bench.said.read_text()
        assert time.monotonic() < deadline, bench.said.read_text()
        waiting = [url for url in waiting if not _answers(url)]
        time.sleep(0.3)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


@contextmanager
def chromium() -> Iterator[Browser]:
    """Open a headless browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


def picture(page: Page, name: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png")


def test_first_visit_from_an_empty_folder_to_a_verified_turn(tmp_path: Path) -> None:
    home, ports = tmp_path / "home", (_free_port(), _free_port())
    with running(home, ports=ports, log=tmp_path / "up.log") as bench, chromium() as browser:
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        context.set_default_timeout(60_000)
        page = context.new_page()
        _sign_in_first(page, bench)
        _create_agent(page)
        _ask_all(page)
        _look_behind_the_answer(page)
        _find_on_dashboard(context.new_page(), bench)
        state = context.storage_state()
    with running(home, ports=ports, log=tmp_path / "again.log") as bench, chromium() as browser:
        context = browser.new_context(viewport={"width": 390, "height": 844}, storage_state=state)
        context.set_default_timeout(60_000)
        _find_after_restart(context.new_page(), bench)
        assert "one-time password" not in bench.said.read_text()


def _sign_in_first(page: Page, bench: Workbench) -> None:
    page.goto(bench.chat)
    page.fill("[name=name]", "admin")
    page.fill("[name=password]", bench.one_time_password())
    page.click("button[type=submit]")
    page.fill("[name=current]", bench.one_time_password())
    page.fill("[name=new]", PASSWORD)
    page.fill("[name=again]", PASSWORD)
    page.click("button[type=submit]")
    expect(page.locator(".thread")).to_be_attached()


def _create_agent(page: Page) -> None:
    page.goto(page.url.split("#")[0] + "#agents")
    page.get_by_role("link", name="Create agent").or_(page.get_by_role("button", name="Create agent")).first.click()
    page.get_by_label("Name", exact=False).first.fill("Travel desk")
    page.get_by_label("Purpose", exact=False).first.fill("Answers staff questions on trips, leave and the company.")
    page.locator("#to-model").click()
    page.get_by_role("button", name="Next: datasets").click()
    for title in ("Travel and expenses", "Employee handbook", "HR policies 2026"):
        page.locator("#dataset-picks").get_by_label(title, exact=False).check()
        expect(page.get_by_text(re.compile(r"^Chosen:"))).to_contain_text(title.lower().replace(" ", "-"))
    picture(page, "wizard")
    page.get_by_role("button", name="Next: governance").click()
    page.get_by_label("Enhanced", exact=False).first.check()
    page.get_by_role("button", name="Next: test").click()
    page.locator("#test-question textarea, #test-question input").first.fill("What is paid for breakfast?")
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.locator("#test-answer")).to_contain_text("[1]")
    page.get_by_role("button", name="Next: create").click()
    page.locator("#create-agent").click()
    expect(page.locator("#question")).to_be_visible()


def _ask_all(page: Page) -> None:
    page.evaluate(
        """() => { window.lengths = []; new MutationObserver(() => {
            const live = document.querySelector('.live-part'); const n = live ? live.textContent.trim().length : 0;
            if (n && n !== window.lengths.at(-1)) window.lengths.push(n);
        }).observe(document.body, {childList: true, subtree: true, characterData: true}); }"""
    )
    for number, (question, expected) in enumerate(QUESTIONS, start=1):
        page.fill("#question", question)
        page.keyboard.press("Enter")
        answer = page.locator(".thread article.answer").nth(number - 1)
        expect(answer.locator(".cite").first).to_be_visible()
        expect(answer).to_contain_text(expected)
        expect(answer.locator(".badge")).to_contain_text("Allowed")
        expect(page.locator(".thread[data-running]")).to_have_count(0)
    assert len(page.evaluate("window.lengths")) > 6, "the answers did not stream"


def _look_behind_the_answer(page: Page) -> None:
    page.locator(".thread article.answer .cite").last.click()
    expect(page.locator("mark")).to_contain_text(QUESTIONS[-1][1])
    page.keyboard.press("Escape")
    page.locator(".thread article.answer .badge").last.click()
    expect(page.get_by_text("core.no-finding").or_(page.get_by_text("turn.allowed")).first).to_be_visible()
    picture(page, "chat")


def _find_on_dashboard(page: Page, bench: Workbench) -> None:
    page.goto(bench.dashboard)
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    expect(page.get_by_text("Trust", exact=True).first).to_be_visible()
    expect(page.locator(".js-plotly-plot").first).to_be_visible()
    expect(page.get_by_test_id("stSpinner")).to_have_count(0)
    picture(page, "dashboard")
    page.goto(f"{bench.dashboard}/turns")
    expect(page.get_by_text(re.compile(r"^4 turns, newest first"))).to_be_visible()
    expect(page.get_by_test_id("stDataFrame").locator("canvas").first).to_be_visible()
    page.wait_for_timeout(500)  # the table paints after it is there
    picture(page, "turns")
    page.goto(f"{bench.dashboard}/ledger")
    page.get_by_role("button", name="Verify now").click()
    expect(page.get_by_text(re.compile(r"^Verified [\d,]+ entries"))).to_be_visible()


def _find_after_restart(page: Page, bench: Workbench) -> None:
    page.goto(bench.chat)
    expect(page.locator(".thread")).to_be_attached()
    page.locator("[data-drawer]").first.click()
    page.get_by_text("How much is paid for meals").first.click()
    expect(page.locator(".thread article.answer")).to_have_count(len(QUESTIONS))
    expect(page.locator(".thread article.answer .badge").last).to_contain_text("Allowed")
    picture(page, "phone")
