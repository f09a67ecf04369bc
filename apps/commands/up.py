"""`promethios up`: migrate, seed, and start both servers; Ctrl-C stops them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from types import FrameType
from urllib.error import URLError
from urllib.request import urlopen

import typer

from apps.commands.opening import err, helpful_errors, out
from apps.telemetry import QUIET
from core.config import Settings, load_settings

READY_WITHIN_S = 180.0


def up() -> None:
    """Start the chat app, the REST API and the dashboard."""
    with helpful_errors():
        settings = load_settings()
        out.print(f"Data folder: {settings.data_folder}", highlight=False)
        out.print("Loading the model; a first start also reads the starter datasets, which takes about half a minute.")
        raise typer.Exit(_run_both(settings))


def _run_both(settings: Settings) -> int:
    # Servers announce themselves at "info"; here one announcement for both says it better.
    level = "warning" if settings.log_level == "info" else settings.log_level
    # With several threads OpenBLAS waits spinning: half of the processor time of a question, and none of it faster.
    environment = {"OPENBLAS_NUM_THREADS": "1", **os.environ, **QUIET, "PROMETHIOS_LOG_LEVEL": level}
    servers = [
        subprocess.Popen([sys.executable, "-m", module], start_new_session=True, env=environment)  # noqa: S603 - our own modules
        for module in ("apps.chat_app", "apps.scorecard_dashboard")
    ]
    stopping = _stop_on_signal()
    try:
        if _wait_until_ready(settings, servers, stopping):
            _announce(settings)
        while all(server.poll() is None for server in servers) and not stopping():
            time.sleep(0.3)
    finally:
        _stop(servers)
    return 0 if stopping() else 1


def _stop_on_signal() -> Callable[[], bool]:
    asked: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        asked.append(number)

    signal.signal(signal.SIGINT, note)
    signal.signal(signal.SIGTERM, note)
    return lambda: bool(asked)


def _wait_until_ready(settings: Settings, servers: list[subprocess.Popen[bytes]], stopping: Callable[[], bool]) -> bool:
    waiting = {
        f"http://{settings.host}:{settings.port}/health/ready",
        f"http://{settings.host}:{settings.dashboard_port}/_stcore/health",
    }
    deadline = time.monotonic() + READY_WITHIN_S
    while waiting and not stopping() and all(server.poll() is None for server in servers):
        if time.monotonic() > deadline:
            err.print(f"[bold red]Error:[/] no answer from {', '.join(sorted(waiting))}. See the lines above.")
            return False
        waiting = {url for url in waiting if not _answers(url)}
        time.sleep(0.3)
    return not waiting


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=2) as response:  # noqa: S310 - our own address
            return bool(response.status == 200)
    except (URLError, OSError):
        return False


def _announce(settings: Settings) -> None:
    out.print(f"\n[bold]Chat and REST API[/]  http://{settings.host}:{settings.port}", highlight=False)
    out.print(f"[bold]Dashboard[/]          http://{settings.host}:{settings.dashboard_port}", highlight=False)
    out.print("Ctrl-C stops both.", highlight=False)


def _stop(servers: list[subprocess.Popen[bytes]]) -> None:
    for server in servers:
        if server.poll() is None:
            server.terminate()
    for server in servers:
        try:
            server.wait(timeout=15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
