"""Signing in at an organisation's issuer: our routes against a real, small issuer on loopback."""

import time
from collections.abc import Iterator

import httpx
import pytest
from starlette.applications import Starlette

from tests.apps.live import Live, open_live, serving
from tests.governance.identity.test_oidc import SECRET, Issuer


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    made = Issuer()
    with serving(Starlette(routes=made.routes())) as url:
        made.url = url
        yield made


@pytest.fixture(scope="module")
def organisation(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    settings = {"oidc_issuer": issuer.url, "oidc_client_id": "workbench", "oidc_client_secret": SECRET}
    with open_live(tmp_path_factory.mktemp("oidc"), **settings, secure_cookies=False) as opened:
        yield opened


@pytest.fixture
def browser(organisation: Live, issuer: Issuer) -> Iterator[httpx.Client]:
    now = int(time.time())
    issuer.claims = {"iat": now, "exp": now + 300}
    issuer.signing_key, issuer.discovery = None, {}
    with httpx.Client(base_url=organisation.url, timeout=30, headers={"accept": "text/html"}) as client:
        yield client


def _come_back(browser: httpx.Client) -> httpx.Response:
    begun = browser.get("/sign-in/oidc", params={"next": "/turns"})
    assert begun.status_code == 303
    back = httpx.get(begun.headers["location"]).headers["location"]
    return browser.get(back)


def test_the_issuer_signs_somebody_in(organisation: Live, browser: httpx.Client) -> None:
    assert "/sign-in/oidc" in browser.get("/sign-in").text
    answer = _come_back(browser)
    assert (answer.status_code, answer.headers["location"]) == (303, "/turns")
    assert browser.get("/api/native-llm/agents").status_code == 200
    user = next(each for each in organisation.identity.list_users() if each.by_oidc)
    assert (user.name, user.role) == ("ada", "member")


def test_a_code_that_another_browser_began_is_refused(organisation: Live, browser: httpx.Client) -> None:
    begun = browser.get("/sign-in/oidc").headers["location"]
    back = httpx.get(begun).headers["location"]
    with httpx.Client() as victim:
        answer = victim.get(back)
    assert answer.status_code == 400
    assert "Begin again" in answer.text
    browser.get("/sign-in/oidc")  # begins anew, so the first state is no longer ours
    assert browser.get(back).status_code == 401
    assert browser.get("/api/native-llm/agents").status_code == 401


def test_a_forged_signature_is_refused(issuer: Issuer, browser: httpx.Client) -> None:
    issuer.signing_key = type(issuer.key).generate_key(2048, {"kid": "one"})
    assert _come_back(browser).status_code == 401
    assert browser.get("/api/native-llm/agents").status_code == 401


def test_an_issuer_that_is_not_ours_is_reported_kindly(issuer: Issuer, browser: httpx.Client) -> None:
    issuer.discovery = {"issuer": "https://somewhere.example"}
    answer = browser.get("/sign-in/oidc")
    assert answer.status_code == 502
    assert "does not answer" in answer.text
    assert "somewhere.example" not in answer.text


def test_the_callback_reports_an_issuer_that_went_away(issuer: Issuer, browser: httpx.Client) -> None:
    begun = browser.get("/sign-in/oidc").headers["location"]
    back = httpx.get(begun).headers["location"]
    issuer.discovery = {"issuer": "https://somewhere.example"}
    assert browser.get(back).status_code == 502


def test_without_an_issuer_there_is_no_such_route(live: Live) -> None:
    with live.client(page=True) as nobody:
        assert nobody.get("/sign-in/oidc").headers["location"] == "/sign-in?next=/sign-in/oidc"
        assert "/sign-in/oidc" not in nobody.get("/sign-in").text
