"""The guard in front of both apps: raw ASGI, so that no page, API call, file or websocket gets past it.

Deny by default: without an actor only the listed public paths answer. Identity comes from the session cookie or an API
key, looked up on every request, so that a revoked one is refused at once. It does not decide what an actor may do: that
is `governance.identity.authorize`.
"""

import logging
import re
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.errors import CoreError
from governance.errors import AccessDenied, GovernanceError
from governance.identity import Identity
from governance.schema import Actor, Decision

SESSION_COOKIE = "promethios_session"
USER_HEADER = "x-promethios-user"
OWN_HEADERS = b"x-promethios-"
SIGN_IN, SIGN_OUT, PASSWORD = "/sign-in", "/sign-out", "/account/password"
API = "/api/"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
POLICY_VIOLATION = 1008

# Gradio and Streamlit build templates and styles at run time, hence 'unsafe-inline' and 'unsafe-eval'; nothing foreign
# is ever loaded, and no other site may frame a page.
HEADERS = {
    "content-security-policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' data: blob:; worker-src 'self' blob:; "
        "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "private, no-cache",
}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request goes no further, in the words of the API's error model."""

    status: int
    code: str
    message: str
    hint: str


NO_ONE = Refusal(401, "sign_in_needed", "Nobody is signed in.", "Sign in, or send an API key that is still valid.")
BAD_KEY = Refusal(
    401, "key_refused", "The API key is unknown, expired or revoked.", "Create a new key, or send none and sign in."
)
KEY_ELSEWHERE = Refusal(403, "key_elsewhere", "API keys open addresses under /api/ only.", "Sign in to use pages.")
FOREIGN = Refusal(
    403, "foreign_origin", "This request came from another site.", "Send it from this site's own pages, or with a key."
)
CHANGE_FIRST = Refusal(
    403, "password_change_needed", "The password must be changed first.", "Open /account/password and choose a new one."
)
UNREADABLE = Refusal(
    503, "identity_unavailable", "Who you are can't be checked now.", "Nothing was done. Try again in a moment."
)


class _Scoped(Protocol):
    @property
    def scope(self) -> Scope: ...


def actor_of(connection: _Scoped) -> Actor:
    """Return who makes this request, as the guard found it.

    Raises:
        AccessDenied: The guard did not see this request, or nobody is signed in.
    """
    actor = connection.scope.get("state", {}).get("actor")
    if not isinstance(actor, Actor):
        raise AccessDenied(Decision("block", "nobody is signed in", "access.nobody", "Sign in first."))
    return actor


def error_body(code: str, message: str, hint: str) -> dict[str, dict[str, str]]:
    """Return the one error model of the API."""
    return {"error": {"code": code, "message": message, "hint": hint}}


class Guard:
    """ASGI middleware that lets requests in with an actor, or to a public path."""

    def __init__(self, app: ASGIApp, *, identity: Identity, public: frozenset[str]) -> None:
        self._app = app
        self._identity = identity
        self._public = public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check one connection and pass it on, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(_without_own_headers(scope))
        found = await self._check(connection)
        answer = _with_headers(send)
        if isinstance(found, Refusal):
            await _refuse(connection, found, receive, answer)
            return
        if found is not None:
            _set_actor(connection.scope, found)
        if scope["type"] == "websocket":
            receive = self._until_revoked(connection, receive)
        await self._app(connection.scope, receive, answer)

    async def _check(self, connection: HTTPConnection) -> Actor | Refusal | None:
        """Return the actor, None on a public path without one, or why not."""
        try:
            return await run_in_threadpool(self._find, connection)
        except (CoreError, GovernanceError):
            log.exception("identity can't be read")
            return UNREADABLE

    def _find(self, connection: HTTPConnection) -> Actor | Refusal | None:
        scope = connection.scope
        public = scope["path"] in self._public and scope["type"] == "http"
        key = _bearer(connection.headers)
        if key is not None and not public:
            return self._by_key(scope, key)
        cookie = connection.cookies.get(SESSION_COOKIE)
        actor = self._identity.actor_from_cookie(cookie) if cookie else None
        if actor is None and not public:
            return NO_ONE
        if _changes_state(scope) and not _is_own_origin(connection.headers):
            return FOREIGN
        if actor is not None and self._must_change(actor, scope["path"]) and not public:
            return CHANGE_FIRST
        return actor

    def _by_key(self, scope: Scope, key: str) -> Actor | Refusal:
        actor = self._identity.actor_from_key(key)
        if actor is None:
            return BAD_KEY
        if scope["type"] != "http" or not scope["path"].startswith(API):
            return KEY_ELSEWHERE
        return CHANGE_FIRST if self._must_change(actor, scope["path"]) else actor

    def _must_change(self, actor: Actor, path: str) -> bool:
        return path not in (PASSWORD, SIGN_OUT) and self._identity.must_change_password(actor)

    def _until_revoked(self, connection: HTTPConnection, receive: Receive) -> Receive:
        """Look the session up again at every message: a revoked one ends its open websockets too."""

        async def checked() -> Message:
            message = await receive()
            if message["type"] == "websocket.receive" and isinstance(await self._check(connection), Refusal):
                return {"type": "websocket.disconnect", "code": POLICY_VIOLATION}
            return message

        return checked


def _without_own_headers(scope: Scope) -> Scope:
    """Return a copy of the scope without headers and state that only the guard may set."""
    kept = [(k, v) for k, v in scope["headers"] if not k.lower().replace(b"_", b"-").startswith(OWN_HEADERS)]
    state = {key: value for key, value in scope.get("state", {}).items() if key != "actor"}
    return {**scope, "headers": kept, "state": state}


def _set_actor(scope: Scope, actor: Actor) -> None:
    scope["state"]["actor"] = actor
    scope["headers"].append((USER_HEADER.encode(), actor.id.encode()))


def _bearer(headers: Headers) -> str | None:
    scheme, _, value = headers.get("authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else None


def _changes_state(scope: Scope) -> bool:
    return scope["type"] == "websocket" or scope["method"] not in SAFE_METHODS


def _is_own_origin(headers: Headers) -> bool:
    """Say whether a browser sent this from our own pages: by Origin, else by Sec-Fetch-Site; neither means no."""
    origin = headers.get("origin")
    if origin is None:
        return headers.get("sec-fetch-site") in ("same-origin", "none")
    return urlsplit(origin).netloc.lower() == headers.get("host", "").lower() != ""


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending


async def _refuse(connection: HTTPConnection, refusal: Refusal, receive: Receive, send: Send) -> None:
    if connection.scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": POLICY_VIOLATION})  # before accept: the server answers 403
        return
    await _refusal_response(connection, refusal)(connection.scope, receive, send)


def _refusal_response(connection: HTTPConnection, refusal: Refusal) -> Response:
    if _wants_page(connection) and refusal in (NO_ONE, CHANGE_FIRST):
        page = SIGN_IN if refusal is NO_ONE else PASSWORD
        return RedirectResponse(f"{page}?next={quote(_local_url(connection.scope), safe='/')}", status_code=303)
    headers = {"www-authenticate": "Bearer"} if refusal.status == 401 else {}
    return JSONResponse(error_body(refusal.code, refusal.message, refusal.hint), refusal.status, headers)


def _wants_page(connection: HTTPConnection) -> bool:
    scope = connection.scope
    accepts = "text/html" in connection.headers.get("accept", "")
    return scope["method"] in ("GET", "HEAD") and accepts and not re.match(r"/(gradio_)?api/", scope["path"])


def _local_url(scope: Scope) -> str:
    path: str = scope["path"]
    query = scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path
