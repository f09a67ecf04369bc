"""Starting and stopping the server."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from apps.telemetry import QUIET, quiet_telemetry
from core.schema import Message
from tests.apps.live import open_live

ROOT = Path(__file__).resolve().parents[2]


def _environment(home: Path, **settings: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PROMETHIOS_")}
    return kept | {"PROMETHIOS_HOME": str(home), **{f"PROMETHIOS_{name}": value for name, value in settings.items()}}


def test_stopping_the_server_closes_the_workbench(tmp_path: Path) -> None:
    with open_live(tmp_path) as served:
        admin, agent = served.people["admin"], served.add_agent("Echo")
    *_, last = served.workbench.native_llm.chat(admin, agent, [Message("user", "hello")])
    assert (last.outcome, last.receipt) == ("failed", None)


def test_quiet_telemetry_overrides_what_was_set() -> None:
    environment = {"GRADIO_ANALYTICS_ENABLED": "True", "HOME": "/home/ada"}
    quiet_telemetry(environment)
    assert environment == QUIET | {"HOME": "/home/ada"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["GOVERNANCE_ENABLED", "PORT"])
def test_a_bad_setting_stops_the_start_with_one_clear_line(tmp_path: Path, name: str) -> None:
    environment = _environment(tmp_path, **{name: "false"})
    done = subprocess.run(
        [sys.executable, ROOT / "apps" / "chat_app.py"], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("Error: ")
    assert name.lower() in done.stderr.lower()
    assert "Traceback" not in done.stderr


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def started(tmp_path: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """The server as a person starts it, with the bundled model, up to where it says its address."""
    command = [sys.executable, ROOT / "apps" / "chat_app.py"]
    environment = _environment(tmp_path, PORT=str(port))
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as server:
        try:
            yield server
        finally:
            server.kill()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_first_start_serves_the_bundled_model_and_ends_on_a_signal(
    started: subprocess.Popen[str], port: int
) -> None:
    assert started.stdout is not None
    password = next(line for line in started.stdout if "one-time password" in line).split()[-1]
    url = f"http://127.0.0.1:{port}"
    with httpx.Client(base_url=url, transport=httpx.HTTPTransport(retries=5), timeout=60) as client:
        client.headers["origin"] = url
        assert client.get("/health/ready").json() == {"ready": True, "missing": []}
        first = client.post("/sign-in", data={"name": "admin", "password": password})
        assert first.headers["location"].startswith("/account/password")
        assert client.get("/api/native-llm/agents").status_code == 403
    started.send_signal(signal.SIGTERM)
    assert started.wait(timeout=30) in (0, -signal.SIGTERM)
