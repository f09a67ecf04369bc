"""The guard, in front of a small app that says whom it sees, over real HTTP and websockets."""

import json
from collections.abc import Iterator
from datetime import timedelta
from http.client import HTTPConnection

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import HTTPConnection as Connection
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from apps.guard import SESSION_COOKIE, Guard, actor_of
from core.errors import StoreError
from governance.errors import AccessDenied
from governance.identity import Identity
from tests.apps.live import Live, serving

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


async def say(request: Request) -> JSONResponse:
    return JSONResponse({"path": request.url.path, "headers": dict(request.headers), "actor": _name(request)})


async def echo_socket(socket: WebSocket) -> None:
    await socket.accept()
    async for text in socket.iter_text():
        await socket.send_text(f"{_name(socket)}: {text}")


def _name(connection: Connection) -> str | None:
    try:
        return actor_of(connection).name
    except AccessDenied:
        return None


@pytest.fixture(scope="module")
def url(live: Live) -> Iterator[str]:
    routes = [Route("/{path:path}", say, methods=METHODS), WebSocketRoute("/socket", echo_socket)]
    app = Starlette(routes=routes)
    with serving(Guard(app, identity=live.identity, public=frozenset({"/open"}))) as address:
        yield address


@pytest.fixture
def mia(live: Live) -> dict[str, str]:
    return {SESSION_COOKIE: live.cookie("mia")}


def _get(url: str, **options: object) -> httpx.Response:
    return httpx.get(url, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", METHODS)
def test_guard_refuses_every_method_without_credentials(url: str, method: str) -> None:
    answer = httpx.request(method, f"{url}/anything", headers={"origin": url})
    assert answer.status_code == 401
    if method != "HEAD":
        assert answer.json()["error"]["code"] == "sign_in_needed"


def test_guard_lets_a_signed_in_person_through(url: str, mia: dict[str, str]) -> None:
    answer = _get(f"{url}/page", cookies=mia)
    assert answer.status_code == 200
    assert answer.json()["actor"] == "mia"


@pytest.mark.parametrize("path", ["/open/", "/open/more", "/opened", "/Open", "//open", "/open%00", "/x/../open"])
def test_guard_opens_exactly_the_public_path(url: str, path: str) -> None:
    assert _get(f"{url}/open").status_code == 200
    connection = HTTPConnection(url.removeprefix("http://"))  # httpx would tidy the path up
    connection.request("GET", path)
    assert connection.getresponse().status == 401
    connection.close()


def test_guard_sends_a_page_to_the_sign_in_and_back(url: str) -> None:
    answer = _get(f"{url}/deep/page?tab=2&name=ä", headers={"accept": "text/html"})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=/deep/page%3Ftab%3D2%26name%3D%25C3%25A4"


@pytest.mark.parametrize("path", ["/api/native-llm/agents", "/gradio_api/info"])
def test_guard_answers_programs_with_json_even_when_they_accept_pages(url: str, path: str) -> None:
    assert _get(url + path, headers={"accept": "text/html"}).status_code == 401


def test_guard_removes_forged_identity_headers(url: str, live: Live, mia: dict[str, str]) -> None:
    forged = {
        "X-Promethios-User": live.people["admin"].id,
        "x_promethios_user": "admin",
        "X-Promethios-Role": "admin",
    }
    assert _get(f"{url}/page", headers=forged).status_code == 401
    seen = _get(f"{url}/page", headers=forged, cookies=mia).json()["headers"]
    own = {key: value for key, value in seen.items() if "promethios" in key.replace("_", "-") and key != "cookie"}
    assert own == {"x-promethios-user": live.people["mia"].id}
    assert _get(f"{url}/open", headers=forged).json()["actor"] is None


@pytest.mark.parametrize("change", ["", "x", "flip"])
def test_guard_refuses_a_forged_cookie(url: str, mia: dict[str, str], change: str) -> None:
    real = mia[SESSION_COOKIE]
    forged = {"": "", "x": real + "x", "flip": ("B" if real[0] != "B" else "C") + real[1:]}[change]
    assert _get(f"{url}/page", cookies={SESSION_COOKIE: forged}).status_code == 401


def test_guard_refuses_a_session_the_moment_it_is_revoked(url: str, live: Live, mia: dict[str, str]) -> None:
    assert _get(f"{url}/page", cookies=mia).status_code == 200
    live.identity.sign_out(mia[SESSION_COOKIE])
    assert _get(f"{url}/page", cookies=mia).status_code == 401


def test_guard_refuses_an_expired_session(url: str, live: Live, mia: dict[str, str]) -> None:
    live.clock.ahead = timedelta(seconds=live.workbench.records.settings.session_ttl_s + 1)
    try:
        assert _get(f"{url}/page", cookies=mia).status_code == 401
    finally:
        live.clock.ahead = timedelta()


def test_guard_refuses_a_disabled_person_at_once(url: str, live: Live) -> None:
    gone = live.add_person("gone")
    cookie, key = {SESSION_COOKIE: live.cookie("gone")}, live.key("gone", "chat.use")
    live.identity.disable_user(live.people["admin"], gone.id)
    assert _get(f"{url}/page", cookies=cookie).status_code == 401
    assert _get(f"{url}/api/x", headers={"authorization": f"Bearer {key}"}).status_code == 401


def test_guard_takes_a_key_for_api_addresses_only(url: str, live: Live) -> None:
    key = {"authorization": f"Bearer {live.key('mia', 'chat.use')}"}
    assert httpx.post(f"{url}/api/x", headers=key).json()["actor"] == "mia"
    answer = _get(f"{url}/gradio_api/queue/join", headers=key)
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "key_elsewhere"


@pytest.mark.parametrize("kind", ["unknown", "expired", "revoked", "empty"])
def test_guard_refuses_a_bad_key_even_beside_a_good_cookie(
    url: str, live: Live, mia: dict[str, str], kind: str
) -> None:
    key = live.key("mia", "chat.use", life=timedelta(minutes=5))
    made = live.identity.list_keys(live.people["mia"])[0]
    if kind == "revoked":
        live.identity.revoke_key(live.people["mia"], made.id)
    live.clock.ahead = timedelta(minutes=6 if kind == "expired" else 0)
    sent = {"unknown": key + "x", "empty": ""}.get(kind, key)
    try:
        answer = _get(f"{url}/api/x", headers={"authorization": f"bearer {sent}".strip()}, cookies=mia)
    finally:
        live.clock.ahead = timedelta()
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "key_refused"


def test_guard_reads_other_authorization_schemes_as_nobody(url: str) -> None:
    assert _get(f"{url}/api/x", auth=("admin", "admin")).status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"origin": "OWN"}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "OWN.evil.example"}, 403),
        ({"origin": "http://evil.example", "sec-fetch-site": "same-origin"}, 403),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
    ],
)
@pytest.mark.parametrize("path", ["/api/x", "/open"])
def test_guard_lets_only_own_pages_change_state(
    url: str, mia: dict[str, str], headers: dict[str, str], status: int, path: str
) -> None:
    sent = {key: value.replace("OWN", url) for key, value in headers.items()}
    assert httpx.post(f"{url}{path}", cookies=mia, headers=sent).status_code == status
    assert _get(f"{url}/page", cookies=mia, headers=sent).status_code == 200


def test_guard_asks_for_a_new_password_first(url: str, live: Live) -> None:
    live.add_person("newcomer", must_change_password=True)
    cookie, own = {SESSION_COOKIE: live.cookie("newcomer")}, {"origin": url}
    page = _get(f"{url}/page", cookies=cookie, headers={"accept": "text/html"})
    assert (page.status_code, page.headers["location"]) == (303, "/account/password?next=/page")
    refused = httpx.post(f"{url}/api/x", cookies=cookie, headers=own)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "password_change_needed")
    key = live.key("newcomer", "chat.use")
    assert _get(f"{url}/api/x", headers={"authorization": f"Bearer {key}"}).status_code == 403
    for path in ("/account/password", "/sign-out"):
        assert httpx.post(url + path, cookies=cookie, headers=own).status_code == 200


def test_guard_adds_security_headers_to_answers_and_refusals(url: str, mia: dict[str, str]) -> None:
    for answer in (_get(f"{url}/page", cookies=mia), _get(f"{url}/page")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert "frame-ancestors 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "private, no-cache"


def test_guard_fails_closed_when_identity_cannot_be_read(live: Live) -> None:
    class Broken(Identity):
        def __init__(self) -> None:
            """Open nothing."""

        def actor_from_cookie(self, cookie: str) -> None:
            raise StoreError("the disk is gone")

    app = Starlette(routes=[Route("/{path:path}", say)])
    with serving(Guard(app, identity=Broken(), public=frozenset())) as address:
        answer = _get(f"{address}/page", cookies={SESSION_COOKIE: live.cookie("mia")})
    assert answer.status_code == 503
    assert "disk" not in answer.text


def _socket_url(url: str) -> str:
    return url.replace("http://", "ws://") + "/socket"


@pytest.mark.parametrize(
    ("who", "origin"),
    [("nobody", "own"), ("mia", "foreign"), ("mia", "missing"), ("forged", "own"), ("key", "own")],
)
def test_guard_refuses_a_websocket(url: str, live: Live, who: str, origin: str) -> None:
    headers = {"X-Promethios-User": live.people["admin"].id}
    if who in ("mia", "forged"):
        headers["Cookie"] = f"{SESSION_COOKIE}={live.cookie('mia')}" + ("x" if who == "forged" else "")
    if who == "key":
        headers["Authorization"] = f"Bearer {live.key('mia', 'chat.use')}"
    sent = {"own": url, "foreign": "http://evil.example", "missing": None}[origin]
    with pytest.raises(InvalidStatus) as refused, connect(_socket_url(url), additional_headers=headers, origin=sent):  # type: ignore[arg-type]
        pass
    assert refused.value.response.status_code == 403


def test_guard_opens_a_websocket_and_ends_it_when_the_session_ends(url: str, mia: dict[str, str]) -> None:
    cookie = {"Cookie": f"{SESSION_COOKIE}={mia[SESSION_COOKIE]}"}
    with connect(_socket_url(url), additional_headers=cookie, origin=url) as socket:  # type: ignore[arg-type]
        socket.send("hello")
        assert socket.recv(timeout=5) == "mia: hello"
        assert httpx.get(f"{url}/page", cookies=mia).status_code == 200


def test_guard_ends_an_open_websocket_when_its_session_is_revoked(url: str, live: Live, mia: dict[str, str]) -> None:
    cookie = {"Cookie": f"{SESSION_COOKIE}={mia[SESSION_COOKIE]}"}
    with connect(_socket_url(url), additional_headers=cookie, origin=url) as socket:  # type: ignore[arg-type]
        live.identity.sign_out(mia[SESSION_COOKIE])
        socket.send("still here?")
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=5)


def test_actor_of_refuses_a_request_that_no_guard_saw() -> None:
    with pytest.raises(AccessDenied):
        actor_of(Request({"type": "http", "headers": []}))


def test_refusals_are_json(url: str) -> None:
    assert set(json.loads(_get(f"{url}/page").text)["error"]) == {"code", "message", "hint"}
