"""Signing in and out, and changing the password: the routes and pages that both apps share.

Cookies belong to a host, not to a port, so one sign-in opens both apps. Nothing here says what a person may do.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.templating import Jinja2Templates

from apps.guard import PASSWORD, SESSION_COOKIE, SIGN_IN, SIGN_OUT, actor_of
from core.config import Settings
from governance.errors import InputError, SignInRefused
from governance.identity import Identity, SessionSecret

STYLE = "/sign-in/style.css"
PUBLIC_PATHS = frozenset({SIGN_IN, STYLE})
PAGES = Path(__file__).parent / "pages"
MAX_FIELD_CHARS = 1024


class SignIn:
    """The routes of signing in, over one installation's identities."""

    def __init__(self, identity: Identity, *, settings: Settings) -> None:
        self._identity = identity
        self._settings = settings
        self._pages = Jinja2Templates(PAGES)

    def routes(self) -> list[BaseRoute]:
        """Return the routes for an app to serve; all but PUBLIC_PATHS belong behind the guard."""
        return [
            Route(SIGN_IN, self.show_sign_in, methods=["GET"]),
            Route(SIGN_IN, self.sign_in, methods=["POST"]),
            Route(SIGN_OUT, self.sign_out, methods=["POST"]),
            Route(PASSWORD, self.show_password, methods=["GET"]),
            Route(PASSWORD, self.change_password, methods=["POST"]),
            Route(STYLE, self.style, methods=["GET"]),
        ]

    async def style(self, request: Request) -> Response:
        """Serve the style sheet of these pages."""
        return FileResponse(PAGES / "style.css", media_type="text/css")

    async def show_sign_in(self, request: Request) -> Response:
        """Show the sign-in page; whoever is signed in already goes on."""
        going = self._next(request, request.query_params.get("next"))
        if "actor" in request.scope["state"]:
            return RedirectResponse(going, status_code=303)
        return self._sign_in_page(request, going)

    async def sign_in(self, request: Request) -> Response:
        """Check name and password, set the session cookie and go on."""
        form = await request.form(max_files=0, max_fields=10)
        name, going = _field(form, "name").strip(), self._next(request, _field(form, "next"))
        address = request.client.host if request.client else "unknown"
        try:
            session = await run_in_threadpool(self._identity.sign_in, name, _field(form, "password"), address=address)
        except SignInRefused as exc:
            return self._sign_in_page(request, going, name=name, problem=str(exc), status=401)
        return self._enter(session, going)

    async def sign_out(self, request: Request) -> Response:
        """End the session and forget its cookie."""
        cookie, form = request.cookies.get(SESSION_COOKIE, ""), await request.form(max_files=0, max_fields=10)
        if not self._identity.check_csrf(cookie, _field(form, "csrf")):
            return self._password_page(request, "The page was too old. Press the button again.", status=403)
        await run_in_threadpool(self._identity.sign_out, cookie)
        response = RedirectResponse(SIGN_IN, status_code=303)
        response.delete_cookie(SESSION_COOKIE, secure=self._settings.secure_cookies, httponly=True, samesite="lax")
        return response
