"""The dashboard's server: Streamlit behind the same guard and sign-in as the chat app, in a process without a model.

`promethios up` starts it; `python apps/scorecard_dashboard.py` and `streamlit run apps/scorecard_dashboard.py` do too,
and both serve `app`, so that the guard stands in front of every page, file and websocket either way.
"""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
import uvicorn
from starlette.middleware import Middleware
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from apps.dashboard.session import records
from apps.guard import Guard
from apps.oidc import public_paths, sign_in_routes
from apps.telemetry import quiet_telemetry
from core.config import load_settings
from core.errors import CoreError
from governance.errors import GovernanceError

HEALTH = "/_stcore/health"
SCRIPT = Path(__file__).parent / "dashboard" / "app.py"
MAX_MESSAGE_BYTES = 16 * 1024 * 1024
STOP_WITHIN_S = 10


class Front:
    """The guard and the sign-in pages in front of Streamlit; opens the records at the first request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._guarded: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a connection through the guard; the server's own start and stop go straight on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if self._guarded is None:
            opened = records()
            pages = Router(routes=sign_in_routes(opened), default=self._app)
            public = public_paths(opened.settings) | {HEALTH}
            self._guarded = Guard(pages, identity=opened.identity, public=public)
        await self._guarded(scope, receive, send)


@asynccontextmanager
async def _closing(_app: st.App) -> AsyncIterator[None]:
    yield
    if records.cache_info().currsize:
        records().close()
        records.cache_clear()


app = st.App(SCRIPT, lifespan=_closing, middleware=[Middleware(Front)])


def main() -> None:
    """Serve the dashboard with the settings of environment and file."""
    quiet_telemetry(os.environ)
    try:
        settings = load_settings()
        records()
    except (CoreError, GovernanceError) as exc:
        sys.exit(f"Error: {exc}")
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.dashboard_port,
        log_level=settings.log_level,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        ws_max_size=MAX_MESSAGE_BYTES,
        timeout_graceful_shutdown=STOP_WITHIN_S,
    )


if __name__ == "__main__":
    main()
