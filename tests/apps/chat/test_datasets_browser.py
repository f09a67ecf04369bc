"""A newcomer's way in a real browser: add files, follow the job, ask, and see where the answer stands."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from tests.apps.chat.test_chat_browser import _signed_in
from tests.apps.chat.test_chat_browser import browser as browser
from tests.apps.live import Live, serving
from tests.core.datasets.readers.pdf_files import build_pdf

pytestmark = pytest.mark.browser
GUIDE = ("Opening\nThe lake is open from May to September.", "Rental\nA rowing boat costs nine pounds an hour.")
PRICES = b"boat,deposit\n" + b"".join(b"canoe %d,%d pounds\n" % (n, n) for n in range(3)) + b"broken,row,here\n"

SEEN = """() => { window.seen = 0; new MutationObserver(() => {
    if (document.querySelector('.job .state')?.textContent.trim()) window.seen += 1;
}).observe(document.body, {childList: true, subtree: true}); }"""


@pytest.fixture
def page(browser: Browser, live: Live) -> Iterator[Page]:
    yield from _signed_in(browser, live, "bea", [])


def _file(name: str, data: bytes) -> FilePayload:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": data}


def _drop(page: Page, path: Path) -> None:
    """Drop a file or folder of this machine onto the page, as a person does from their files."""
    place = page.locator("#drop").bounding_box()
    assert place is not None
    at = {"x": place["x"] + place["width"] / 2, "y": place["y"] + 20}
    carried = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
    browser = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        browser.send("Input.dispatchDragEvent", {"type": kind, **at, "data": carried})


def test_a_dropped_folder_is_added_asked_about_and_cited_with_page_and_rows(
    page: Page, live: Live, tmp_path: Path
) -> None:
    folder = tmp_path / "lake"
    (folder / "guides").mkdir(parents=True)
    (folder / "deposits.csv").write_bytes(PRICES)
    (folder / "guides" / "boats.pdf").write_bytes(build_pdf(GUIDE))
    page.click("text=All datasets")
    page.click("text=Add data >> visible=true")
    _drop(page, folder)
    expect(page.locator("#add-chosen")).to_contain_text("2 files")
    expect(page.locator("#add-title")).to_have_value("lake")
    page.fill("#add-title", "Lake hire")
    page.evaluate(SEEN)
    page.click("#add-send")
    expect(page.locator(".job .badge")).to_contain_text("Added · 2 files", timeout=60_000)
    assert page.evaluate("window.seen"), "the job showed no progress"
    expect(page.locator(".job .problems")).to_contain_text("deposits.csv, line 5")
    page.click(".job >> text=Look into it")
    expect(page.locator(".sheet h1")).to_have_text("Lake hire")
    expect(page.locator(".sheet .columns")).to_contain_text("deposit")
    page.click(".sheet >> text=Ask about it")
    expect(page.locator(".empty h1")).to_have_text("About Lake hire")
    for question, cited, place in (
        ("What is the deposit for canoe 2?", r"1(Rows 1-3|Query)", "Row"),
        ("How much does a rowing boat cost?", r"1.*Page 2", "Page 2"),
    ):
        page.fill("#question", question)
        page.press("#question", "Enter")
        cite = page.locator(".answer").last.locator(".cite")
        expect(cite).to_have_text(re.compile(cited))
        cite.click()
        expect(page.locator(".behind .place")).to_contain_text(place)
        page.keyboard.press("Escape")


def test_a_file_is_added_by_its_address(page: Page, live: Live) -> None:
    web = Starlette(routes=[Route("/guides/pedal-boats.csv", lambda _: PlainTextResponse(PRICES))])
    page.goto(f"{live.url}/#add-data")
    page.click("#add-send")
    with serving(web) as url:
        page.fill("#add-address", f"{url}/guides/pedal-boats.csv")
        page.press("#add-address", "Tab")
        expect(page.locator("#add-title")).to_have_value("pedal-boats")
        page.click(".further summary")
        page.fill("#add-owner", "Boat house")
        page.fill("#add-from", "2026-05-01")
        page.fill("#add-until", "2026-04-01")
        page.click("#add-send")
        expect(page.locator("#add-problem")).to_contain_text("The days: ")
        page.fill("#add-until", "2031-09-30")
        page.click("#add-send")
        expect(page.locator(".job .badge")).to_contain_text("Added · 1 file", timeout=60_000)
    page.click(".job >> text=Look into it")
    expect(page.locator(".sheet")).to_contain_text("pedal-boats.csv (sha256:")
    expect(page.locator(".sheet")).to_contain_text("Boat house")
    expect(page.locator(".sheet")).to_contain_text("from 2026-05-01 until 2031-09-30")


def test_the_search_stays_in_the_address(page: Page, live: Live) -> None:
    page.goto(f"{live.url}/#datasets")
    page.fill("#dataset-search", "café")
    expect(page.locator(".dataset-rows li")).to_have_count(1)
    page.reload()
    expect(page.locator("#dataset-search")).to_have_value("café")
    expect(page.locator(".dataset-rows li")).to_have_count(1)


def test_an_upload_that_is_too_large_is_refused_before_it_is_sent(page: Page, live: Live) -> None:
    page.goto(f"{live.url}/#add-data")
    page.set_input_files("#add-files", [_file("big.txt", b"word " * (1 << 20))])
    expect(page.locator("#add-problem")).to_contain_text("one upload may have 2 MB")
    page.click("#add-send")
    expect(page.locator("#add-problem")).to_be_visible()
    expect(page.locator("#add-progress")).to_be_hidden()
