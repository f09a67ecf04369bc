import gradio as gr
import pytest

import apps.chat
from apps.chat import build_chat
from apps.chat.acting import acting
from apps.chat.layout import CHAT_EVENTS, TURN_EVENTS, dashboard_url, read_sent
from apps.chat.sidebar import Account, draw_account
from governance.errors import AccessDenied, InputError
from tests.apps.live import Live


def test_the_package_exposes_what_it_names() -> None:
    assert sorted(apps.chat.__all__) == ["CHAT_CSS", "CHAT_HEAD", "CHAT_THEME", "build_chat"]
    assert all(hasattr(apps.chat, name) for name in apps.chat.__all__)


def test_every_event_is_private_and_queued_without_a_limit_of_one(live: Live) -> None:
    page = build_chat(live.workbench)
    events = list(page.fns.values())
    assert len(events) > len(CHAT_EVENTS) + len(TURN_EVENTS)
    assert {event.api_visibility for event in events} == {"private"}
    assert {event.concurrency_limit for event in events if event.fn} == {None}
    assert all(event.queue for event in events if event.fn)


def test_what_the_page_sends_is_validated() -> None:
    assert read_sent(gr.EventData(None, {"agent": "a", "number": 2, "helpful": True})).number == 2
    for wrong in ({"role": "admin"}, {"number": "x"}, {"agent": "a" * 65}, {"text": "x" * 20_001}, None, []):
        with pytest.raises(InputError, match="Reload the page"):
            read_sent(gr.EventData(None, wrong))


def test_an_event_without_the_guards_request_has_no_actor() -> None:
    with pytest.raises(AccessDenied):
        acting(gr.Request())


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:7860/gradio_api/queue/join", "http://127.0.0.1:8501/"),
        ("https://bench.example/x", "https://bench.example:8501/"),
        ("http://[::1]:7860/", "http://[::1]:8501/"),
    ],
)
def test_the_dashboard_is_on_the_same_host(url: str, expected: str) -> None:
    assert dashboard_url(url, port=8501) == expected


def test_the_account_menu_offers_the_dashboard_to_those_who_may_read_scores(live: Live) -> None:
    for name, offered in (("rex", True), ("mia", False)):
        drawn = draw_account(Account(live.people[name], "http://h:8501/", "token"))
        assert ("http://h:8501/" in drawn) is offered
        assert '<input type="hidden" name="csrf" value="token">' in drawn
