"""The chat app's server: REST API, sign-in, health and the Gradio screens behind one guard, with the engine inside.

Run it with `python apps/chat_app.py`, or start both apps with `promethios up`.
"""

import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import gradio as gr
import uvicorn
from fastapi import FastAPI, Request

import core
from apps.api import (
    agents,
    chat,
    conversations,
    dataset_jobs,
    datasets,
    docs,
    governance,
    health,
    policies,
    review,
    scorecard,
    status,
    turns,
)
from apps.api.errors import install_error_handlers
from apps.chat import CHAT_CSS, CHAT_HEAD, CHAT_THEME, build_chat
from apps.guard import Guard, actor_of
from apps.oidc import public_paths, sign_in_routes
from apps.telemetry import quiet_telemetry
from core.config import Settings, load_settings
from core.datasets.ingest.progress import Progress
from core.errors import CoreError
from governance.errors import GovernanceError
from governance.seed import Seeded, seed
from governance.uptime import Heartbeat
from governance.wiring import Workbench, open_workbench

API_PREFIX = "/api/native-llm"
MAX_BODY_BYTES = 16 * 1024 * 1024
STOP_WITHIN_S = 10


def create_app(workbench: Workbench) -> FastAPI:
    """Compose the server around an open workbench; stopping the server closes it."""
    app = FastAPI(
        title="Promethios Workbench",
        version=core.VERSION,
        description="Governed chat with agents, and the records that prove it.",
        docs_url=None,
        redoc_url=None,
        openapi_url=docs.OPENAPI_URL,
        max_body_size=MAX_BODY_BYTES,
        lifespan=_closing,
    )
    app.state.workbench = workbench
    install_error_handlers(app)
    uploads = dataset_jobs.build_router(max_upload_mb=workbench.records.settings.max_upload_mb)
    app.include_router(uploads, prefix=API_PREFIX)
    for module in (chat, conversations, agents, datasets, turns, review, policies, scorecard, governance, status):
        app.include_router(module.router, prefix=API_PREFIX)
    app.include_router(datasets.reviews, prefix=API_PREFIX)
    app.include_router(health.router)
    app.include_router(docs.router)
    app.router.routes += sign_in_routes(workbench.records)
    _mount_screens(app, workbench)
    public = public_paths(workbench.records.settings) | {health.LIVE, health.READY}
    app.add_middleware(Guard, identity=workbench.records.identity, public=public)
    return app


def serve(settings: Settings) -> None:
    """Open the workbench, seed it, and serve until a signal comes."""
    workbench = open_workbench(settings)
    _announce(seed(workbench, progress=_report))
    uvicorn.run(
        create_app(workbench),
        host=settings.host,
        port=settings.port,
        log_level=settings.log_level,
        access_log=settings.log_level == "debug",  # addresses may hold what somebody searched for
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=STOP_WITHIN_S,
    )


def main() -> None:
    """Start the server with the settings of environment and file."""
    quiet_telemetry(os.environ)
    try:
        settings = load_settings()
        _start_logging(settings.log_level)
        serve(settings)
    except (CoreError, GovernanceError) as exc:
        sys.exit(f"Error: {exc}")


def _start_logging(level: str) -> None:
    """Log what our own packages say at the level asked for, of libraries only warnings."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    for package in ("apps", "core", "governance"):
        logging.getLogger(package).setLevel(level.upper())


@asynccontextmanager
async def _closing(app: FastAPI) -> AsyncIterator[None]:
    records = app.state.workbench.records
    watch = records.watch_ledger()
    heartbeat = Heartbeat(records.ledger, is_ready=lambda: not health.missing_parts(app.state.workbench))
    watch.start()
    heartbeat.start()
    app.state.workbench.warming.start()
    app.state.workbench.jobs.resume()
    app.state.workbench.jobs.watch()
    yield
    watch.close()
    heartbeat.close()
    app.state.workbench.close()


def _mount_screens(app: FastAPI, workbench: Workbench) -> None:
    gr.mount_gradio_app(
        app,
        build_chat(workbench),
        path="/",
        auth_dependency=_user_name,
        run_history=False,
        show_error=False,
        enable_monitoring=False,
        mcp_server=False,
        ssr_mode=False,
        pwa=False,
        max_file_size=MAX_BODY_BYTES,
        footer_links=[],
        theme=CHAT_THEME,
        css=CHAT_CSS,
        head=CHAT_HEAD,
    )


def _user_name(request: Request) -> str:
    """Tell Gradio who this is; the guard let nobody through without an actor."""
    return actor_of(request).name


def _announce(seeded: Seeded) -> None:
    if seeded.admin_password is not None:
        sys.stdout.write(f'\nFirst sign-in: name "admin", one-time password {seeded.admin_password}\n')
    sys.stdout.flush()


def _report(progress: Progress) -> None:
    if progress.stage == "published":
        sys.stdout.write(f"Datasets: {progress.done:,} of {progress.total:,} chunks\n")


if __name__ == "__main__":
    main()
