"""Signing in and out and changing the password, as a browser does it."""

import re
from collections.abc import Iterator

import httpx
import pytest
from sqlalchemy import delete

from apps.guard import SESSION_COOKIE
from apps.sign_in import TOO_OLD
from core.store.tables import LoginAttempt
from tests.apps.live import PASSWORD, Live

NEW_PASSWORD = "nine-herons-wade-south"


@pytest.fixture(autouse=True)
def _forget_attempts(live: Live) -> Iterator[None]:
    """Let the next test sign in from this address again."""
    yield
    with live.workbench.records.store.write() as session:
        session.execute(delete(LoginAttempt))


@pytest.fixture
def browser(live: Live) -> Iterator[httpx.Client]:
    """Nobody's browser, on our own pages."""
    with live.client(page=True) as client:
        yield client


def _sign_in(browser: httpx.Client, name: str, password: str = PASSWORD, **fields: str) -> httpx.Response:
    return browser.post("/sign-in", data={"name": name, "password": password} | fields)


def _token(page: httpx.Response) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


def test_signing_in_opens_the_app(live: Live, browser: httpx.Client) -> None:
    answer = _sign_in(browser, "Mia ")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{SESSION_COOKIE}=")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/" in cookie
    assert "Secure" not in cookie
    assert browser.get("/api/native-llm/agents").status_code == 200
    opened = live.workbench.records.ledger.entries(kinds=["session.opened"], actor_id=live.people["mia"].id)
    assert opened[-1].body["by"] == "password"


@pytest.mark.parametrize(
    ("name", "password"), [("mia", "wrong"), ("nobody-here", PASSWORD), ("", ""), ("<script>alert(1)</script>", "x")]
)
def test_signing_in_refuses_and_keeps_the_name(browser: httpx.Client, name: str, password: str) -> None:
    answer = _sign_in(browser, name, password)
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert 'role="alert"' in answer.text
    assert "<script>" not in answer.text
    assert f'value="{PASSWORD}"' not in answer.text
    if name == "mia":
        assert 'value="mia"' in answer.text


def test_signing_in_slows_down_guessing(live: Live, browser: httpx.Client) -> None:
    live.add_person("guessed")
    answers = [_sign_in(browser, "guessed", f"wrong-{n}").text for n in range(7)]
    assert "Too many" in answers[-1]
    assert "Too many" not in answers[0]
    assert _sign_in(browser, "guessed").status_code == 401


@pytest.mark.parametrize(
    ("wanted", "going"),
    [
        ("/turns?id=1", "/turns?id=1"),
        ("http://127.0.0.1:8501/turns", "http://127.0.0.1:8501/turns"),
        ("http://127.0.0.1:9999/", "/"),
        ("http://evil.example:8501/", "/"),
        ("http://127.0.0.1@evil.example:8501/", "/"),
        ("http://evil@127.0.0.1:8501/", "/"),
        ("//evil.example/", "/"),
        ("///evil.example/", "/"),
        ("/\\evil.example/", "/"),
        ("\\\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("http:evil.example", "/"),
        ("turns", "/"),
        ("/a\r\nset-cookie: x=1", "/"),
        ("http://127.0.0.1:99999/", "/"),
        ("http://[::1", "/"),
        ("/sign-in?next=/", "/"),
        ("", "/"),
    ],
)
def test_signing_in_goes_on_only_to_our_own_addresses(browser: httpx.Client, wanted: str, going: str) -> None:
    assert _sign_in(browser, "mia", next=wanted).headers["location"] == going
    assert browser.get("/sign-in", params={"next": wanted}).headers["location"] == going


def test_the_pages_load_nothing_foreign_and_run_no_script(browser: httpx.Client) -> None:
    page = browser.get("/sign-in")
    assert page.status_code == 200
    assert "<script" not in page.text
    assert "http://" not in page.text
    assert "https://" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert browser.get("/sign-in/style.css").headers["content-type"].startswith("text/css")


def test_a_first_sign_in_leads_to_a_new_password_then_to_the_app(live: Live, browser: httpx.Client) -> None:
    live.add_person("fresh", must_change_password=True)
    first = _sign_in(browser, "fresh", next="/turns")
    assert first.headers["location"] == "/account/password?next=/turns"
    page = browser.get(first.headers["location"])
    assert "one-time password" in page.text
    fields = {"csrf": _token(page), "next": "/turns", "current": PASSWORD}
    for new, again, problem in (
        ("short", "short", "12"),
        (NEW_PASSWORD, NEW_PASSWORD + "x", "different"),
        (PASSWORD, PASSWORD, "Choose another"),
    ):
        refused = browser.post("/account/password", data=fields | {"new": new, "again": again})
        assert refused.status_code == 400
        assert problem in refused.text
    before = browser.cookies[SESSION_COOKIE]
    done = browser.post("/account/password", data=fields | {"new": NEW_PASSWORD, "again": NEW_PASSWORD})
    assert (done.status_code, done.headers["location"]) == (303, "/turns")
    assert live.identity.actor_from_cookie(before) is None
    assert browser.get("/api/native-llm/agents").status_code == 200


def test_a_wrong_current_password_changes_nothing(live: Live) -> None:
    with live.client("max", page=True) as browser:
        token = _token(browser.get("/account/password"))
        fields = {"csrf": token, "current": "not-my-password", "new": NEW_PASSWORD, "again": NEW_PASSWORD}
        refused = browser.post("/account/password", data=fields)
    assert refused.status_code == 400
    assert "current password is wrong" in refused.text
    assert live.identity.sign_in("max", PASSWORD, address="127.0.0.1").actor.name == "max"


def test_signing_out_ends_the_session(live: Live) -> None:
    with live.client("mia", page=True) as browser:
        cookie = browser.cookies[SESSION_COOKIE]
        token = _token(browser.get("/account/password"))
        answer = browser.post("/sign-out", data={"csrf": token})
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
        assert browser.get("/").headers["location"].startswith("/sign-in")
    assert live.identity.actor_from_cookie(cookie) is None


@pytest.mark.parametrize("path", ["/sign-out", "/account/password"])
@pytest.mark.parametrize("token", ["", "wrong", "another session's"])
def test_forms_need_their_own_sessions_token(live: Live, path: str, token: str) -> None:
    sent = live.identity.csrf_token(live.cookie("max")) if token.startswith("another") else token
    with live.client("mia", page=True) as browser:
        fields = {"csrf": sent, "current": PASSWORD, "new": NEW_PASSWORD, "again": NEW_PASSWORD}
        answer = browser.post(path, data=fields)
        assert answer.status_code == 403
        assert TOO_OLD in answer.text
        assert browser.get("/api/native-llm/agents").status_code == 200


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", "/account/password"])
def test_forms_refuse_other_sites(live: Live, path: str) -> None:
    with live.client("mia", page=True) as browser:
        token = live.identity.csrf_token(browser.cookies[SESSION_COOKIE])
        fields = {"name": "mia", "password": PASSWORD, "csrf": token}
        answer = browser.post(path, data=fields, headers={"origin": "http://evil.example"})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_a_form_that_carries_a_file_is_refused(browser: httpx.Client) -> None:
    answer = browser.post("/sign-in", data={"name": "mia"}, files={"password": ("a.txt", b"x")})
    assert answer.status_code == 400
