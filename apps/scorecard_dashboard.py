"""The dashboard's server: Streamlit behind the same guard and sign-in as the chat app, in a process without a model.

`promethios up` starts it; `python apps/scorecard_dashboard.py` and `streamlit run apps/scorecard_dashboard.py` do too.
"""

import os
import sys
from pathlib import Path

import streamlit as st
import uvicorn
from starlette.middleware import Middleware
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from apps.dashboard.session import records
from apps.guard import Guard
from apps.sign_in import PUBLIC_PATHS, SignInPages
from apps.telemetry import quiet_telemetry
from core.config import load_settings
from core.errors import CoreError
from governance.errors import GovernanceError

HEALTH = "/_stcore/health"
PUBLIC = PUBLIC_PATHS | {HEALTH}
SCRIPT = Path(__file__).parent / "dashboard" / "app.py"


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
            pages = Router(routes=SignInPages(records()).routes(), default=self._app)
            self._guarded = Guard(pages, identity=records().identity, public=PUBLIC)
        await self._guarded(scope, receive, send)


app = st.App(SCRIPT, middleware=[Middleware(Front)])


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
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        ws_max_size=16 * 1024 * 1024,
    )


if __name__ == "__main__":
    main()
