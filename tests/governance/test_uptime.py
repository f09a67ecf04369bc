"""Measured uptime: what is sealed while the server is up, and what counts as down."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from core.store.database import Store
from governance.ledger import Ledger, Signer, create_signer
from governance.metrics import MetricsCollector
from governance.uptime import BEAT, Heartbeat, read_uptime

Clock = Callable[[], datetime]


@pytest.fixture
def signer() -> Signer:
    return create_signer(bytes(32))


@pytest.fixture
def ledger(store: Store, signer: Signer, clock: Clock) -> Ledger:
    return Ledger(store, signer=signer, clock=clock)


def beat(ledger: Ledger, clock: Clock, *, ready: int = 10, minutes: float = 5) -> None:
    clock.advance(60 * minutes)  # type: ignore[attr-defined]
    ledger.append(BEAT, {"probe_s": 30.0, "probes": 10, "ready": ready})


def test_uptime_is_not_measured_before_the_first_beat(ledger: Ledger, clock: Clock) -> None:
    score = read_uptime(ledger, since=None, now=clock())
    assert (score.value, score.n, score.low) == (None, 0, None)


def test_server_that_is_always_ready_was_up(ledger: Ledger, clock: Clock) -> None:
    for _ in range(12):
        beat(ledger, clock)
    score = read_uptime(ledger, since=None, now=clock())
    assert (score.value, score.n, score.failures) == (1.0, 120, ())
    assert score.entries == tuple(range(12))
    assert score.low is not None
    assert 0.95 < score.low < 1


def test_probes_that_were_not_answered_and_gaps_count_as_down(ledger: Ledger, clock: Clock) -> None:
    beat(ledger, clock)
    beat(ledger, clock, ready=5)
    beat(ledger, clock, minutes=15)  # ten minutes without a server
    score = read_uptime(ledger, since=None, now=clock())
    assert (score.value, score.n, score.failures) == (pytest.approx(25 / 50), 50, (1,))


def test_server_that_has_stopped_stays_down_until_now(ledger: Ledger, clock: Clock) -> None:
    beat(ledger, clock)
    assert read_uptime(ledger, since=None, now=clock() + timedelta(minutes=6)).value == 1.0
    assert read_uptime(ledger, since=None, now=clock() + timedelta(minutes=15)).value == pytest.approx(10 / 40)


def test_window_leaves_earlier_beats_out(ledger: Ledger, clock: Clock) -> None:
    beat(ledger, clock, ready=0)
    since = clock() + timedelta(seconds=1)
    beat(ledger, clock)
    assert read_uptime(ledger, since=since, now=clock()).value == 1.0


def test_scorecard_shows_measured_uptime(ledger: Ledger, clock: Clock) -> None:
    beat(ledger, clock)
    card = MetricsCollector(ledger, clock=clock).scorecard(days=30)
    assert (card.uptime.value, card.days) == (1.0, 30)


def test_heartbeat_seals_what_it_probed(ledger: Ledger) -> None:
    answers = iter([True, False, True, True])
    heart = Heartbeat(ledger, is_ready=lambda: next(answers, True), probe_s=0.01, beat_s=0.04)
    heart.start()
    deadline = time.monotonic() + 10
    while not ledger.size():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    heart.close()
    first = ledger.entries(kinds=[BEAT])[0].body
    assert (first["probes"], first["ready"]) == (4, 3)
    sealed = ledger.size()
    time.sleep(0.05)
    assert ledger.size() == sealed, "nothing beats after it was closed"


def test_short_life_is_sealed_when_it_ends(ledger: Ledger) -> None:
    heart = Heartbeat(ledger, is_ready=lambda: True)
    heart.start()
    time.sleep(0.2)
    heart.close()
    assert [entry.body["ready"] for entry in ledger.entries(kinds=[BEAT])] == [1]
