"""Measured uptime: the server asks itself whether it is ready, and seals how often it was.

A beat is one ledger entry over some minutes of probes. Where nobody probed, nobody was up: a stopped, killed or hanging
server counts as down. Several servers on one ledger count together, and the best of any moment is not told apart: their
probes are added, at most one per moment due.
"""

import logging
import math
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Event, Thread

from governance.errors import GovernanceError
from governance.ledger import Ledger
from governance.scorecard import UPTIME_FORMULA, Score, wilson

BEAT = "service.beat"
PROBE_S = 30.0
BEAT_S = 300.0
CLOSE_S = 5.0
_LOG = logging.getLogger(__name__)


class Heartbeat:
    """Probes the server from a thread of its own and seals the outcome every few minutes."""

    def __init__(
        self, ledger: Ledger, *, is_ready: Callable[[], bool], probe_s: float = PROBE_S, beat_s: float = BEAT_S
    ) -> None:
        """Probe nothing yet.

        Args:
            ledger: Gets the beats.
            is_ready: Says whether a turn could be answered now.
            probe_s: Seconds from one probe to the next.
            beat_s: Seconds of probes that one entry tells of.
        """
        self._ledger = ledger
        self._is_ready = is_ready
        self._probe_s = probe_s
        self._per_beat = max(1, round(beat_s / probe_s))
        self._closing = Event()
        self._probes = self._ready = 0
        self._thread = Thread(target=self._work, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begin; the first probe comes at once, the first entry when its minutes are over."""
        self._thread.start()

    def close(self) -> None:
        """Stop, and seal what was probed since the last entry."""
        self._closing.set()
        self._thread.join(CLOSE_S)
        self._seal()

    def _work(self) -> None:
        while not self._closing.is_set():
            self._probes += 1
            self._ready += self._is_ready()
            if self._probes >= self._per_beat:
                self._seal()
            self._closing.wait(self._probe_s)

    def _seal(self) -> None:
        if not self._probes:
            return
        body = {"probe_s": self._probe_s, "probes": self._probes, "ready": self._ready}
        try:
            self._ledger.append(BEAT, body)
        except GovernanceError as exc:
            _LOG.error("The heartbeat could not be sealed: %s", exc)
        self._probes = self._ready = 0


def read_uptime(ledger: Ledger, *, since: datetime | None, now: datetime) -> Score:
    """Return the share of probes that a ready server answered, of those due from the window's first one to now."""
    beats = ledger.entries(kinds=[BEAT], since=since, until=now + timedelta(milliseconds=1))
    if not beats:
        return Score("Uptime", None, 0, UPTIME_FORMULA)
    probe_s = float(beats[-1].body["probe_s"])
    begin = beats[0].at - timedelta(seconds=beats[0].body["probes"] * probe_s)
    begin = begin if since is None else max(begin, since)
    # The probes since the last beat are not sealed yet; after one beat's time they are missing.
    grace = timedelta(seconds=1.5 * max(BEAT_S, probe_s))
    end = beats[-1].at if now - beats[-1].at <= grace else now
    due = max(1, math.floor((end - begin).total_seconds() / probe_s))
    ready = min(due, sum(int(beat.body["ready"]) for beat in beats))
    low, high = wilson(ready, due)
    return Score(
        "Uptime",
        ready / due,
        due,
        UPTIME_FORMULA,
        low,
        high,
        entries=tuple(beat.index for beat in beats),
        failures=tuple(beat.index for beat in beats if beat.body["ready"] < beat.body["probes"]),
        of_turns=False,
    )
