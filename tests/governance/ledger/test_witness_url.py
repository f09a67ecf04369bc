"""A witness behind an address: a real server that keeps, refuses, fails or is late."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from core.store.database import Store
from governance.errors import LedgerError, VerificationError
from governance.ledger import Ledger, Signer, Witness, WitnessUrl

Clock = Callable[[], datetime]


@dataclass
class Server:
    """What the server holds, and how it behaves: a status for the next answers, a delay for all."""

    url: str = ""
    notes: list[str] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    delay_s: float = 0.0
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200 if made.notes else 404, made.notes[-1] if made.notes else "")

        def do_POST(self) -> None:
            note = self.rfile.read(int(self.headers["content-length"])).decode()
            if not made.answers:
                made.notes.append(note)
            self._answer(201, "")

        def _answer(self, status: int, body: str) -> None:
            made.asked.append(self.command)
            time.sleep(made.delay_s)
            self.send_response(made.answers.pop(0) if made.answers else status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{running.server_port}/ledger"
    thread = Thread(target=running.serve_forever)
    thread.start()
    yield made
    running.shutdown()
    thread.join()
    running.server_close()


def place(server: Server, **changes: float) -> WitnessUrl:
    return WitnessUrl(server.url, sleep=lambda _: None, **changes)


def opened(store: Store, signer: Signer, clock: Clock, server: Server, *, entries: int = 0) -> Ledger:
    witness = Witness(place(server), every_s=0.01, timer=time.monotonic)
    ledger = Ledger(store, signer=signer, clock=clock, witness=witness)
    for number in range(entries):
        ledger.append("test.made", {"number": number})
    return ledger


def test_checkpoints_are_sent_and_compared(store: Store, signer: Signer, clock: Clock, server: Server) -> None:
    ledger = opened(store, signer, clock, server, entries=3)
    ledger.close()
    assert server.notes[-1] == ledger.latest_checkpoint()
    again = opened(store, signer, clock, server, entries=2)
    again.close()
    state = again.check_witness()
    assert state is not None
    assert (state.size, state.problem) == (5, "")
    assert state.place == server.url


def test_cut_tail_does_not_open(store: Store, signer: Signer, clock: Clock, server: Server, tmp_path: object) -> None:
    longer = opened(store, signer, clock, server, entries=3)
    longer.close()
    with store.write() as session:
        from sqlalchemy import text

        for table in ("entries", "checkpoints", "nodes"):
            session.execute(text(f"DELETE FROM ledger_{table}"))
    with pytest.raises(LedgerError, match="ends after 0 entries, but the witness at http"):
        opened(store, signer, clock, server)


def test_answer_that_is_no_checkpoint_does_not_open(store: Store, signer: Signer, clock: Clock, server: Server) -> None:
    server.notes.append("hello\n")
    with pytest.raises(VerificationError):
        opened(store, signer, clock, server)


def test_servers_failure_is_tried_again(server: Server) -> None:
    server.answers = [503, 502]
    place(server).write(1, "note\n")
    assert server.asked == ["POST"] * 3
    assert server.notes == ["note\n"]


@pytest.mark.parametrize("answers", [[503, 503, 503], [403]])
def test_refusal_is_told_with_its_status(server: Server, answers: list[int]) -> None:
    server.answers = list(answers)
    with pytest.raises(LedgerError, match=str(answers[-1])):
        place(server).write(1, "note\n")
    assert len(server.asked) == len(answers), "a refusal is not asked again"


def test_late_server_is_given_up(server: Server) -> None:
    server.delay_s = 0.5
    begin = time.monotonic()
    with pytest.raises(LedgerError, match="timed out"):
        place(server, timeout_s=0.05).read()
    assert time.monotonic() - begin < 5


def test_unreachable_server_is_named_without_its_password() -> None:
    with pytest.raises(LedgerError, match="can't be reached") as caught:
        WitnessUrl("http://ann:secret@127.0.0.1:9/x", sleep=lambda _: None).read()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://example.org/", "ftp://127.0.0.1/", "/etc", "https:/"])
def test_address_that_is_open_to_others_is_refused(url: str) -> None:
    if url == "https:/":
        with pytest.raises(LedgerError):
            WitnessUrl(url, sleep=lambda _: None).read()
        return
    with pytest.raises(LedgerError, match="must start with https://"):
        WitnessUrl(url)


def test_failed_checkpoint_is_sent_later_without_a_new_entry(
    store: Store, signer: Signer, clock: Clock, server: Server
) -> None:
    ledger = opened(store, signer, clock, server)
    server.answers = [500] * 3
    ledger.append("test.made", {})
    deadline = time.monotonic() + 10
    while not server.notes:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    ledger.close()
    assert server.notes == [ledger.latest_checkpoint()]
