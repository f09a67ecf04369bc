"""Signing in at an organisation's OpenID Connect issuer: the two routes around `governance.identity.oidc`."""

import json
import logging
import os

import httpx
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from apps.sign_in import PUBLIC_PATHS, SignInPages
from core.config import Settings
from governance.errors import GovernanceError, SignInRefused
from governance.identity import (
    AuthorizationRequest,
    OidcClient,
    SessionSecret,
    begin_sign_in,
    complete_sign_in,
    discover,
)
from governance.records import Records, utc_now

START = "/sign-in/oidc"
CALLBACK = "/sign-in/oidc/callback"
COOKIE = "promethios_oidc"
COOKIE_LIFE_S = 600
TIMEOUT_S = 10.0
UNREACHABLE = "Your organisation's sign-in does not answer. Nothing was changed; try again, or use a password."
BEGIN_AGAIN = "This sign-in was begun in another browser or too long ago. Begin again."

log = logging.getLogger(__name__)


def sign_in_routes(records: Records) -> list[BaseRoute]:
    """Return every route of signing in, for an app to serve behind the guard."""
    if records.settings.oidc_issuer is None:
        return SignInPages(records).routes()
    pages = SignInPages(records, oidc=START)
    return [*pages.routes(), *OidcPages(records, pages=pages).routes()]


def public_paths(settings: Settings) -> frozenset[str]:
    """Return which of these routes the guard must leave open."""
    return PUBLIC_PATHS | ({START, CALLBACK} if settings.oidc_issuer else set())


class OidcPages:
    """Start and callback."""

    def __init__(self, records: Records, *, pages: SignInPages) -> None:
        self._identity = records.identity
        self._settings = records.settings
        self._pages = pages

    def routes(self) -> list[BaseRoute]:
        """Return the routes; all are open."""
        return [Route(START, self.start, methods=["GET"]), Route(CALLBACK, self.callback, methods=["GET"])]

    async def start(self, request: Request) -> Response:
        """Send the browser to the issuer; what must come back waits in a sealed cookie."""
        going = self._pages.checked_next(request, request.query_params.get("next", ""))
        try:
            begun = await run_in_threadpool(self._begin, _client(request, self._settings))
        except GovernanceError:
            return await self._failed(request, UNREACHABLE, status=502)
        response = RedirectResponse(begun.url, status_code=303)
        response.set_cookie(
            COOKIE,
            self._identity.seal("oidc", json.dumps([going, begun.dump()])),
            max_age=COOKIE_LIFE_S,
            path=START,
            httponly=True,
            secure=self._settings.secure_cookies,
            samesite="lax",
        )
        return response

    async def callback(self, request: Request) -> Response:
        """Verify what the issuer sent back and open a session."""
        kept = self._identity.unseal("oidc", request.cookies.get(COOKIE, ""))
        if kept is None:
            return await self._failed(request, BEGIN_AGAIN, status=400)
        going, begun = json.loads(kept)
        try:
            session = await run_in_threadpool(self._complete, request, AuthorizationRequest.load(begun))
        except SignInRefused as exc:
            return await self._failed(request, str(exc), status=401)
        except GovernanceError:
            return await self._failed(request, UNREACHABLE, status=502)
        response = await self._pages.enter(session, going, event="session.opened", by="oidc")
        response.delete_cookie(COOKIE, path=START)
        return response

    def _begin(self, client: OidcClient) -> AuthorizationRequest:
        with httpx.Client(timeout=TIMEOUT_S) as http:
            provider = discover(client.issuer, http=http)
        return begin_sign_in(client, provider, random_bytes=os.urandom, now=utc_now())

    def _complete(self, request: Request, begun: AuthorizationRequest) -> SessionSecret:
        query, client = request.query_params, _client(request, self._settings)
        with httpx.Client(timeout=TIMEOUT_S) as http:
            claims = complete_sign_in(
                client,
                discover(client.issuer, http=http),
                begun,
                state=query.get("state", ""),
                code=query.get("code", ""),
                http=http,
                now=utc_now(),
            )
        return self._identity.sign_in_oidc(claims, default_role=self._settings.oidc_default_role)  # type: ignore[arg-type]

    async def _failed(self, request: Request, problem: str, *, status: int) -> Response:
        log.warning("sign-in through OpenID Connect failed", exc_info=True)
        return await self._pages.sign_in_page(request, "/", problem=problem, status=status)


def _client(request: Request, settings: Settings) -> OidcClient:
    """Return what this installation is to its issuer; its own address is the one that the browser used."""
    scheme = "https" if settings.secure_cookies else request.url.scheme
    secret = settings.oidc_client_secret
    if settings.oidc_issuer is None or settings.oidc_client_id is None or secret is None:
        raise GovernanceError("oidc_issuer, oidc_client_id and oidc_client_secret are needed together.")
    return OidcClient(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        redirect_uri=f"{scheme}://{request.url.netloc}{CALLBACK}",
        client_secret=secret.get_secret_value(),
    )
