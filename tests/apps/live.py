"""The chat app on a free loopback port: real HTTP, database, ledger, rails and indexes; only the model echoes."""

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import uvicorn
from argon2 import PasswordHasher
from fastapi import FastAPI
from starlette.types import ASGIApp

from apps.chat_app import create_app
from apps.guard import SESSION_COOKIE
from core.config import load_settings
from core.llm.echo import EchoEngine, last_user_message
from core.llm.permits import PermitOffice
from core.schema import Delta, Finish, GenerateRequest, Permit
from governance.agents import AgentDraft
from governance.identity import Identity
from governance.records import open_records, utc_now
from governance.schema import Actor, AgentView, UserRole
from governance.wiring import Workbench, build_workbench

UPLOAD_MB = 2
PASSWORD = "seven-otters-swim-north"
CARD = """id: cafe-rules
title: Café rules
description: What guests may expect.
category: Business & Finance
licence: CC0-1.0
source: written for a test
tier: internal
labels: []
"""
RULES = "# Opening\n\nThe café opens at nine in the morning. The café closes at six in the evening.\n"


class ShiftedClock:
    """The real time, moved on by what a test says."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class PacedEngine(EchoEngine):
    """Quotes the first piece of evidence or else echoes; waits before each piece, and notes whether it was closed."""

    def __init__(self, office: PermitOffice) -> None:
        super().__init__(office, reply=_quote_or_echo)
        self.pause_s = 0.0
        self.pieces = 0
        self.closed_early = threading.Event()

    def generate(self, request: GenerateRequest, *, permit: Permit) -> Iterator[Delta | Finish]:
        pieces = super().generate(request, permit=permit)
        try:
            for piece in pieces:
                time.sleep(self.pause_s)
                self.pieces += 1
                yield piece
        except GeneratorExit:
            self.closed_early.set()
            raise


def _quote_or_echo(request: GenerateRequest) -> str:
    if request.evidence:
        first = request.evidence[0]
        return f"“{first.sentences[0]}” [{first.number}]"
    return last_user_message(request)


@dataclass
class Live:
    """A served workbench and the people in it; every person's password is PASSWORD."""

    url: str
    app: FastAPI
    workbench: Workbench
    engine: PacedEngine
    clock: ShiftedClock
    people: dict[str, Actor] = field(default_factory=dict)

    @property
    def identity(self) -> Identity:
        return self.workbench.records.identity

    def add_person(self, name: str, *, role: UserRole = "member", must_change_password: bool = False) -> Actor:
        made = self.identity.create_user(
            self.people["admin"], name, role=role, password=PASSWORD, must_change_password=must_change_password
        )
        self.people[name] = Actor(made.id, made.name, made.role)
        return self.people[name]

    def add_agent(self, name: str, *, datasets: Sequence[str] = ()) -> AgentView:
        draft = AgentDraft(name=name, purpose="Answers in tests.", profile="echo", dataset_ids=tuple(datasets))
        return self.workbench.create_agent(self.people["admin"], draft)

    def cookie(self, name: str) -> str:
        return self.identity.sign_in(name, PASSWORD, address="127.0.0.1").cookie

    def key(self, name: str, *scopes: str, life: timedelta = timedelta(days=1)) -> str:
        expires_at = self.clock() + life
        return self.identity.create_key(self.people[name], name="test", scopes=scopes, expires_at=expires_at).secret

    def client(self, name: str | None = None, *, key: str | None = None, page: bool = False) -> httpx.Client:
        """Return a client that is signed in as a person (a browser on our own pages), or holds a key, or nothing."""
        headers = {"accept": "text/html"} if page else {}
        if key is not None:
            headers["authorization"] = f"Bearer {key}"
        else:
            headers["origin"] = self.url
        cookies = {SESSION_COOKIE: self.cookie(name)} if name else {}
        return httpx.Client(base_url=self.url, headers=headers, cookies=cookies, timeout=30)


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """Serve an ASGI app from a thread and yield its address."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="warning", lifespan="on", proxy_headers=False, timeout_graceful_shutdown=5)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        assert time.monotonic() < deadline, "the server did not start in time"
        time.sleep(0.02)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join(timeout=15)
    assert not thread.is_alive(), "the server did not stop"
    listening.close()


@contextmanager
def open_live(home: Path, **settings: object) -> Iterator[Live]:
    """Open, fill and serve a workbench in a folder."""
    chosen = load_settings(home=home, **{"max_upload_mb": UPLOAD_MB, "import_private_addresses": True} | settings)
    clock = ShiftedClock()
    records = open_records(chosen)
    identity = Identity(
        records.store,
        key_folder=chosen.data_folder / "keys",
        session_ttl_s=chosen.session_ttl_s,
        login_attempts=chosen.login_attempts,
        login_window_s=chosen.login_window_s,
        clock=clock,
        hasher=PasswordHasher(time_cost=1, memory_cost=64, parallelism=1),  # argon2 all the same, quick for tests
    )
    office = PermitOffice(chosen.permit_ttl_s, clock=utc_now)
    engine = PacedEngine(office)
    workbench = build_workbench(replace(records, identity=identity), engine=engine, office=office)
    app = create_app(workbench)
    admin, one_time = identity.first_admin()
    assert admin is not None
    identity.change_password(admin, current=one_time, new=PASSWORD)
    with serving(app) as url:
        yield Live(url, app, workbench, engine, clock, {"admin": admin})


def write_dataset(folder: Path) -> Path:
    folder.mkdir()
    (folder / "dataset.yaml").write_text(CARD)
    (folder / "rules.md").write_text(RULES)
    return folder
