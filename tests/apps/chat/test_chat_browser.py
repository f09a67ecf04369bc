import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from apps.guard import SESSION_COOKIE
from governance.ledger import verify_receipt
from governance.schema import AgentView
from tests.apps.live import PASSWORD, Live

pytestmark = pytest.mark.browser
CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def problems() -> list[str]:
    return []


@pytest.fixture
def page(browser: Browser, live: Live, problems: list[str]) -> Iterator[Page]:
    """A page that mia is signed in to; errors in it fail the test."""
    yield from _signed_in(browser, live, "mia", problems)


@pytest.fixture
def builders_page(browser: Browser, live: Live, problems: list[str]) -> Iterator[Page]:
    yield from _signed_in(browser, live, "bea", problems)


@pytest.fixture
def phone(browser: Browser, live: Live, problems: list[str]) -> Iterator[Page]:
    yield from _signed_in(browser, live, "mia", problems, width=390)


def _signed_in(browser: Browser, live: Live, name: str, problems: list[str], width: int = 1440) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": width, "height": 844}, has_touch=width < 800)
    context.set_default_timeout(20_000)
    context.add_cookies([{"name": SESSION_COOKIE, "value": live.cookie(name), "url": live.url}])
    page = context.new_page()
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: problems.append(request.url) if _is_foreign(request.url, live.url) else None)
    page.goto(live.url)
    expect(page.locator(".thread")).to_be_visible(timeout=30_000)
    yield page
    context.close()
    assert problems == []


def _is_foreign(url: str, own: str) -> bool:
    return not url.startswith((own, "data:", "blob:"))


def _pick(page: Page, agent: AgentView) -> None:
    page.get_by_role("button", name=agent.name, exact=True).click()
    expect(page.locator(".empty h1")).to_have_text(agent.name)


def _ask(page: Page, text: str) -> None:
    page.fill("#question", text)
    page.press("#question", "Enter")


def test_an_answer_streams_keeps_its_place_and_its_citation_opens(page: Page, cafe: AgentView) -> None:
    _pick(page, cafe)
    _ask(page, "When does the café open?")
    expect(page.locator(".said")).to_have_text("When does the café open?")
    expect(page.locator("#question")).to_have_value("")
    expect(page.locator(".answer .badge")).to_have_text(re.compile(r"Allowed · 1 source · \d+ ms checks"))
    expect(page.locator(".answer q")).to_have_text("The café opens at nine in the morning.")
    page.click(".answer .cite")
    expect(page.locator(".behind mark")).to_have_text("The café opens at nine in the morning.")
    page.keyboard.press("Escape")
    expect(page.locator(".behind")).to_be_hidden()
    page.reload()
    expect(page.locator(".answer .badge")).to_contain_text("Allowed · 1 source")


def test_the_panel_opens_and_its_receipt_verifies(page: Page, live: Live, cafe: AgentView, tmp_path: Path) -> None:
    _pick(page, cafe)
    _ask(page, "When does the café close?")
    page.click(".answer .badge")
    expect(page.locator(".behind")).to_contain_text("turn.allowed")
    with page.expect_download() as downloading:
        page.click("text=Download receipt")
    path = tmp_path / downloading.value.suggested_filename
    downloading.value.save_as(path)
    verified = verify_receipt(path.read_bytes(), key=live.workbench.records.ledger.key)
    assert path.name == f"receipt-{verified.body['turn_id']}.json"


def test_escape_stops_the_answer_and_typing_goes_on_meanwhile(page: Page, live: Live, echo: AgentView) -> None:
    _pick(page, echo)
    live.engine.pause_s = 0.05
    _ask(page, "word " * 400)
    expect(page.locator(".live .words")).to_contain_text("word word")
    page.fill("#question", "typed meanwhile")
    page.press("#question", "Enter")
    expect(page.locator("#hint")).to_contain_text("still being written")
    page.keyboard.press("Escape")
    expect(page.locator(".answer .badge")).to_contain_text("Stopped")
    assert live.engine.closed_early.wait(5)
    expect(page.locator("#question")).to_have_value("typed meanwhile")
    expect(page.locator("#send")).to_be_visible()


def test_regenerating_and_editing_keep_versions(page: Page, echo: AgentView) -> None:
    _pick(page, echo)
    _ask(page, "First words")
    expect(page.locator(".answer .badge")).to_be_visible()
    page.get_by_label("Answer again").click()
    expect(page.locator(".answer .versions")).to_contain_text("2/2")
    page.locator(".answer").get_by_label("Version before").click()
    expect(page.locator(".answer .versions")).to_contain_text("1/2")
    page.get_by_label("Edit this question").click()
    page.get_by_label("Ask it in other words").fill("Other words")
    page.get_by_role("button", name="Ask again", exact=True).click()
    expect(page.locator(".said")).to_have_text("Other words")
    expect(page.locator(".question .versions")).to_contain_text("2/2")
    expect(page.locator(".answer .words")).to_contain_text("Other words")
    page.locator(".question").get_by_label("Version before").click()
    expect(page.locator(".said")).to_have_text("First words")


def test_the_settled_answer_stands_where_it_was_written(page: Page, live: Live, echo: AgentView) -> None:
    _pick(page, echo)
    live.engine.pause_s = 0.05
    _ask(page, "steady words " * 8)
    expect(page.locator(".live .words")).to_contain_text("steady")
    writing = page.locator(".live .words").bounding_box()
    live.engine.pause_s = 0.0
    expect(page.locator(".answer .badge")).to_be_visible()
    settled = page.locator(".answer .words").bounding_box()
    assert writing is not None
    assert settled is not None
    assert (settled["x"], settled["y"], settled["width"]) == pytest.approx(
        (writing["x"], writing["y"], writing["width"]), abs=1
    )


def test_rating_is_kept(page: Page, echo: AgentView) -> None:
    _pick(page, echo)
    _ask(page, "Rate this")
    page.get_by_label("Not helpful").click()
    page.get_by_label("What was wrong?").fill("too short")
    page.get_by_role("button", name="Send rating").click()
    expect(page.get_by_label("Not helpful")).to_have_attribute("aria-pressed", "true")


def test_hostile_texts_stay_inert(page: Page, signs: AgentView) -> None:
    _pick(page, signs)
    _ask(page, 'What does the odd sign say? <img src=x onerror="window.hacked=1">')
    expect(page.locator(".answer .badge")).to_be_visible()
    page.click(".answer .cite")
    expect(page.locator(".behind blockquote")).to_contain_text("<img src=x")
    assert page.evaluate("window.hacked") is None
    assert page.locator("#root img, .thread img, .behind img, a[href^='javascript:']").count() == 0


def test_another_conversation_can_be_read_while_one_runs(
    page: Page, live: Live, echo: AgentView, cafe: AgentView
) -> None:
    _pick(page, cafe)
    live.engine.pause_s = 0.05
    _pick(page, echo)
    _ask(page, "slow " * 60)
    expect(page.locator(".live .words")).to_contain_text("slow")
    _pick(page, cafe)
    expect(page.locator(".live")).to_have_count(0)
    expect(page.locator(".empty h1")).to_have_text(cafe.name)
    live.engine.pause_s = 0.0
    page.locator(".entry .pick").first.click()
    expect(page.locator(".answer .badge")).to_contain_text("Allowed")


def test_a_question_that_fails_is_given_back(page: Page, live: Live, echo: AgentView) -> None:
    _pick(page, echo)
    _ask(page, "Before it is gone")
    expect(page.locator(".answer .badge")).to_be_visible()
    conversation = page.locator(".thread").get_attribute("data-conversation")
    live.workbench.records.conversations.delete(live.people["mia"], conversation or "")
    _ask(page, "Long and careful words")
    expect(page.locator(".toast-body")).to_contain_text("You have no conversation")
    expect(page.locator("#question")).to_have_value("Long and careful words")
    expect(page.locator("#send")).to_be_visible()


def test_the_address_of_a_conversation_opens_it_again(page: Page, live: Live, echo: AgentView) -> None:
    _pick(page, echo)
    _ask(page, "Find me by address")
    expect(page.locator(".answer .badge")).to_be_visible()
    address = page.url
    page.get_by_label("New conversation").last.click()
    expect(page.locator(".empty")).to_be_visible()
    page.goto(address)
    expect(page.locator(".said")).to_have_text("Find me by address")


def test_deleting_asks_with_the_name_first(page: Page, echo: AgentView) -> None:
    _pick(page, echo)
    _ask(page, "Delete me by name")
    expect(page.locator(".answer .badge")).to_be_visible()
    page.locator(".entry").first.hover()
    page.get_by_label("Delete Delete me by name").click()
    expect(page.locator("#confirm-text")).to_contain_text("Delete me by name")
    page.locator("#confirm").get_by_role("button", name="Delete").click()
    expect(page.locator(".side")).not_to_contain_text("Delete me by name")


def test_the_keyboard_sheet_opens_and_closes(page: Page) -> None:
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    page.keyboard.press("/")
    expect(page.locator("#question")).to_be_focused()


def test_signing_out_ends_the_session(page: Page, live: Live) -> None:
    page.locator(".account summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(re.compile("/sign-in"))
    page.goto(live.url)
    expect(page).to_have_url(re.compile("/sign-in"))


def test_the_phone_has_a_drawer_and_nothing_overflows(phone: Page, cafe: AgentView) -> None:
    expect(phone.locator(".side")).to_be_hidden()
    phone.get_by_role("button", name="Agents and conversations").click()
    phone.get_by_role("button", name=cafe.name, exact=True).click()
    expect(phone.locator(".side")).to_be_hidden()
    _ask(phone, "When does the café open?")
    phone.click(".answer .badge")
    expect(phone.locator(".behind")).to_contain_text("turn.allowed")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390


def test_members_see_no_wizard(page: Page, live: Live, cafe: AgentView) -> None:
    page.goto(f"{live.url}/#agents")
    expect(page.locator(".card").first).to_be_visible()
    expect(page.locator("text=Create agent")).to_have_count(0)
    page.goto(f"{live.url}/#new-agent")
    expect(page.locator("#wizard")).to_have_count(0)


def test_a_builder_creates_an_agent_tests_it_and_chats_with_it(
    builders_page: Page, live: Live, cafe: AgentView
) -> None:
    page = builders_page
    page.goto(f"{live.url}/#new-agent")
    page.get_by_label("Name").fill("x")
    page.click("#to-model")
    expect(page.locator("#wizard-problem")).to_contain_text("The name needs at least 2 characters.")
    page.get_by_label("Name").fill("Café helper")
    page.get_by_label("Purpose").last.fill("Answers what guests of the café ask.")
    page.click("#to-model")
    page.get_by_role("button", name="Next: datasets").click()
    page.get_by_role("textbox", name="Search").fill("cafe-rules")
    expect(page.locator("#dataset-picks input[type=checkbox]")).to_have_count(1)
    page.get_by_label(re.compile("Café rules · Business")).check()
    expect(page.locator("text=Chosen: cafe-rules")).to_be_visible()
    page.get_by_role("button", name="Next: governance").click()
    page.get_by_text(re.compile("^Enhanced:")).click()
    page.get_by_role("button", name="Next: test").click()
    page.locator("#test-question").get_by_role("textbox").fill("When does the café open?")
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.locator("#test-answer")).to_contain_text("sealed in the ledger as a test turn")
    page.get_by_role("button", name="Next: create").click()
    page.click("#create-agent")
    expect(page.locator(".empty h1")).to_have_text("Café helper")
    assert [a.level for a in live.workbench.records.agents.list() if a.name == "Café helper"] == ["enhanced"]


def test_no_event_of_the_page_is_a_public_api(live: Live) -> None:
    with live.client("mia") as client:
        info = client.get("/gradio_api/info").json()
    assert info["named_endpoints"] == {}
    assert info["unnamed_endpoints"] == {}


def test_the_sign_in_page_leads_here(browser: Browser, live: Live) -> None:
    page = browser.new_page()
    page.goto(live.url)
    page.fill("[name=name]", "mia")
    page.fill("[name=password]", PASSWORD)
    page.click("button[type=submit]")
    expect(page.locator(".thread")).to_be_visible(timeout=30_000)
    page.close()
