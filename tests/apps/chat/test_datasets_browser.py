"""A newcomer's way in a real browser: add files, follow the job, ask, and see where the answer stands."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from tests.apps.chat.test_chat_browser import _signed_in
from tests.apps.chat.test_chat_browser import browser as browser
from tests.apps.live import Live

pytestmark = pytest.mark.browser
NOTES = b"# Lake\n\n## Rental\n\nA rowing boat costs nine pounds an hour.\n"
PRICES = b"boat,deposit\n" + b"".join(b"canoe %d,%d pounds\n" % (n, n) for n in range(3)) + b"broken,row,here\n"


@pytest.fixture
def page(browser: Browser, live: Live) -> Iterator[Page]:
    yield from _signed_in(browser, live, "bea", [])


def _file(name: str, data: bytes) -> FilePayload:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": data}


def test_files_are_added_asked_about_and_cited_with_their_rows(page: Page, live: Live) -> None:
    page.click("text=All datasets")
    page.click("text=Add data >> visible=true")
    page.set_input_files("#add-files", [_file("lake.md", NOTES), _file("deposits.csv", PRICES)])
    expect(page.locator("#add-chosen")).to_contain_text("2 files")
    expect(page.locator("#add-title")).to_have_value("lake")
    page.fill("#add-title", "Lake hire")
    page.click("#add-send")
    expect(page.locator(".job .badge")).to_contain_text("Added · 2 files")
    expect(page.locator(".job .problems")).to_contain_text("deposits.csv, line 5")
    page.click(".job >> text=Look into it")
    expect(page.locator(".sheet h1")).to_have_text("Lake hire")
    expect(page.locator(".sheet .columns")).to_contain_text("deposit")
    page.click(".sheet >> text=Ask about it")
    expect(page.locator(".empty h1")).to_have_text("About Lake hire")
    page.fill("#question", "What is the deposit for canoe 2?")
    page.press("#question", "Enter")
    expect(page.locator(".answer .cite")).to_have_text(re.compile(r"1(Rows 1-3|Query)"))
    page.click(".answer .cite")
    expect(page.locator(".behind .place")).to_contain_text("Row")


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
