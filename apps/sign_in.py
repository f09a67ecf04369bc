"""Signing in and out, and changing the password: the routes and pages that both apps share.

Cookies belong to a host, not to a port, so one sign-in opens both apps. Who may do what is not decided here.
"""

from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.templating import Jinja2Templates

from apps.guard import PASSWORD, SESSION_COOKIE, SIGN_IN, SIGN_OUT, actor_of
from core.config import Settings
from governance.errors import InputError, SignInRefused
from governance.identity import SessionSecret
from governance.records import Records

STYLE = "/sign-in/style.css"
PUBLIC_PATHS = frozenset({SIGN_IN, STYLE})
PAGES = Path(__file__).parent / "pages"
MAX_FIELD_CHARS = 2048
TOO_OLD = "This page was older than your sign-in. Nothing was changed; open it again and repeat."


class SignInPages:
    """The routes of signing in to one installation with a password."""

    def __init__(self, records: Records, *, oidc: str = "") -> None:
        """Take the records, and the path where signing in at an organisation's issuer begins, if it is served."""
        self._records = records
        self._oidc = oidc
        self._identity = records.identity
        self._settings = records.settings
        self._pages = Jinja2Templates(PAGES)

    def routes(self) -> list[BaseRoute]:
        """Return the routes for an app to serve behind the guard; PUBLIC_PATHS among them are open."""
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
        going = self.checked_next(request, request.query_params.get("next", ""))
        if "actor" in request.scope["state"]:
            return RedirectResponse(going, status_code=303)
        return await self.sign_in_page(request, going)

    async def sign_in(self, request: Request) -> Response:
        """Check name and password, set the session cookie and go on."""
        form = await _form(request)
        name, going = form.get("name", "").strip(), self.checked_next(request, form.get("next", ""))
        address = request.client.host if request.client else "unknown"
        try:
            session = await run_in_threadpool(self._identity.sign_in, name, form.get("password", ""), address=address)
        except SignInRefused as exc:
            return await self.sign_in_page(request, going, name=name, problem=str(exc), status=401)
        return await self.enter(session, going, event="session.opened", by="password")

    async def sign_out(self, request: Request) -> Response:
        """End the session and forget its cookie."""
        cookie, form = request.cookies[SESSION_COOKIE], await _form(request)
        if not self._identity.check_csrf(cookie, form.get("csrf", "")):
            return self.problem_page(request, TOO_OLD, status=403)
        await run_in_threadpool(self._identity.sign_out, cookie)
        await run_in_threadpool(self._records.ledger.append, "session.closed", {}, actor_id=actor_of(request).id)
        response = RedirectResponse(SIGN_IN, status_code=303)
        response.delete_cookie(SESSION_COOKIE, secure=self._settings.secure_cookies, httponly=True, samesite="lax")
        return response

    async def show_password(self, request: Request) -> Response:
        """Show the form for a new password."""
        return await self._password_page(request, self.checked_next(request, request.query_params.get("next", "")))

    async def change_password(self, request: Request) -> Response:
        """Change the signed-in person's password, end all their sessions, and begin a new one."""
        form, actor = await _form(request), actor_of(request)
        going = self.checked_next(request, form.get("next", ""))
        if not self._identity.check_csrf(request.cookies[SESSION_COOKIE], form.get("csrf", "")):
            return self.problem_page(request, TOO_OLD, status=403)
        try:
            _refuse_different(form)
            session = await run_in_threadpool(
                self._identity.change_password, actor, current=form.get("current", ""), new=form.get("new", "")
            )
        except (InputError, SignInRefused) as exc:
            return await self._password_page(request, going, problem=str(exc), status=400)
        return await self.enter(session, going, event="password.changed", by="password")

    async def enter(self, session: SessionSecret, going: str, *, event: str, by: str) -> Response:
        """Record a new session, hand out its cookie, and go on: first to a new password where one is due."""
        await run_in_threadpool(self._records.ledger.append, event, {"by": by}, actor_id=session.actor.id)
        target = f"{PASSWORD}?next={quote(going, safe='/')}" if session.must_change_password else going
        response = RedirectResponse(target, status_code=303)
        response.set_cookie(
            SESSION_COOKIE,
            session.cookie,
            expires=session.expires_at,
            httponly=True,
            secure=self._settings.secure_cookies,
            samesite="lax",
        )
        return response

    async def sign_in_page(
        self, request: Request, going: str, *, name: str = "", problem: str = "", status: int = 200
    ) -> Response:
        """Return the sign-in page; a problem keeps the name that was typed."""
        users = await run_in_threadpool(self._identity.list_users)
        fresh = all(user.must_change_password for user in users)
        shown = {"next": going, "name": name, "problem": problem, "oidc": self._oidc, "fresh": fresh}
        return self._page(request, "sign_in.html", shown, status=status)

    def problem_page(self, request: Request, problem: str, *, status: int) -> Response:
        """Return a page that says what went wrong."""
        return self._page(request, "problem.html", {"problem": problem}, status=status)

    def checked_next(self, request: Request, wanted: str) -> str:
        """Return where to go after signing in: a path here, or an address of the other app on this host; else "/"."""
        if not wanted.isprintable() or "\\" in wanted or wanted.startswith((SIGN_IN, SIGN_OUT)):
            return "/"
        try:
            parts = urlsplit(wanted)
            is_ours = parts.hostname == request.url.hostname and parts.port in _ports(self._settings)
        except ValueError:
            return "/"
        if parts.scheme in ("http", "https") and is_ours and parts.username is None:
            return wanted
        is_local = not parts.scheme and not parts.netloc and wanted.startswith("/") and not wanted.startswith("//")
        return wanted if is_local else "/"

    async def _password_page(self, request: Request, going: str, *, problem: str = "", status: int = 200) -> Response:
        actor, csrf = actor_of(request), self._identity.csrf_token(request.cookies[SESSION_COOKIE])
        first = await run_in_threadpool(self._identity.must_change_password, actor)
        shown = {"next": going, "name": actor.name, "problem": problem, "csrf": csrf, "first": first}
        return self._page(request, "password.html", shown, status=status)

    def _page(self, request: Request, name: str, shown: dict[str, Any], *, status: int) -> Response:
        ports = " ".join(f"*:{port}" for port in _ports(self._settings))  # signing in may lead to the other app
        policy = (
            f"default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self' {ports}"
        )
        headers = {"content-security-policy": policy, "cache-control": "no-store"}
        return self._pages.TemplateResponse(request, name, shown, status_code=status, headers=headers)


def _ports(settings: Settings) -> tuple[int, int]:
    return settings.port, settings.dashboard_port


async def _form(request: Request) -> dict[str, str]:
    """Return a form's text fields; long ones are cut off, since none of ours is."""
    form = await request.form(max_files=0, max_fields=10, max_part_size=4 * MAX_FIELD_CHARS)
    return {key: value[:MAX_FIELD_CHARS] for key, value in form.items() if isinstance(value, str)}


def _refuse_different(form: dict[str, str]) -> None:
    if form.get("new", "") != form.get("again", ""):
        raise InputError("The two new passwords are different. Type the same one twice.")
