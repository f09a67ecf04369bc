"""Run rails under a deadline, so that a rail that raises or hangs becomes an error and never a silent pass.

Rails that the policy lets be late run last, so that they can't make any other late. One that is late is left out, and
named, for the rest of the turn.

A hung rail's thread can't be ended from outside; it is left behind, and with `MAX_STUCK` of them every further check
fails at once. A rail that holds the interpreter's lock can't be timed out: rails made of patterns are bounded by their
rules instead.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from copy import copy
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from governance.errors import RailError
from governance.schema import Finding, Rail

MAX_STUCK = 64
IDLE_S = 5.0  # how long a thread waits for its next check: starting one costs more than most checks


@dataclass(slots=True)
class _Run:
    findings: dict[int, list[Finding]] = field(default_factory=dict)  # by the job's place
    rail_ms: dict[str, float] = field(default_factory=dict)
    current: str = ""
    error: Exception | None = None
    done: threading.Event = field(default_factory=threading.Event)


class RailRunner:
    """Runs rails over texts. Safe to share between threads.

    Attributes:
        left_out: Rails that were late and that nobody waits for any more, in the order in which they were.
    """

    def __init__(self, *, deadline_s: float, timer: Callable[[], float] = time.perf_counter) -> None:
        self._deadline_s = deadline_s
        self._timer = timer
        self._places = threading.Semaphore(MAX_STUCK)
        self._idle: deque[SimpleQueue[Callable[[], None]]] = deque()
        self._may_be_late: frozenset[str] = frozenset()
        self.left_out: tuple[str, ...] = ()

    def for_turn(self, *, may_be_late: Collection[str]) -> "RailRunner":
        """Return this runner for one turn, which goes on without these rails when they are late."""
        turn = copy(self)
        turn._may_be_late, turn.left_out = frozenset(may_be_late), ()
        return turn

    def run(self, jobs: Sequence[tuple[Rail, str]]) -> tuple[list[list[Finding]], dict[str, float]]:
        """Return each job's findings, and the milliseconds that each rail took; nothing for a rail that was left out.

        Raises:
            RailError: A rail raised, gave something that is no finding in its text, or was late and may not be.
        """
        if not self._places.acquire(blocking=False):
            raise RailError(
                f"{MAX_STUCK} checks are still running. Restart the service and look for a rail that hangs."
            )
        run = _Run()
        asked = [(i, rail, text) for i, (rail, text) in enumerate(jobs) if rail.name not in self.left_out]
        asked.sort(key=lambda job: job[1].name in self._may_be_late)
        self._start(lambda: self._work(run, asked))
        in_time = run.done.wait(self._deadline_s)
        current, findings, rail_ms = run.current, dict(run.findings), dict(run.rail_ms)
        if run.error is not None:
            raise RailError(f"The rail {run.current!r} failed: {type(run.error).__name__}.") from run.error
        if not in_time:
            late = dict.fromkeys(rail.name for i, rail, _ in asked if i not in findings)
            if not late.keys() <= self._may_be_late:
                raise RailError(f"The rail {current!r} did not answer within {self._deadline_s:g} s.")
            self.left_out += tuple(late)
        return [findings.get(i, []) for i in range(len(jobs))], rail_ms

    def _start(self, work: Callable[[], None]) -> None:
        """Hand work to a thread that waits for some, or to a new one."""
        try:
            inbox = self._idle.pop()
        except IndexError:
            inbox = SimpleQueue()
            threading.Thread(target=self._serve, args=(inbox,), daemon=True, name="rails").start()
        inbox.put(work)

    def _serve(self, inbox: "SimpleQueue[Callable[[], None]]") -> None:
        while True:
            try:
                work = inbox.get(timeout=IDLE_S)
            except Empty:
                try:
                    self._idle.remove(inbox)
                except ValueError:  # somebody took it just now
                    work = inbox.get()
                else:
                    return
            work()
            self._idle.append(inbox)

    def _work(self, run: _Run, jobs: Sequence[tuple[int, Rail, str]]) -> None:
        try:
            for place, rail, text in jobs:
                run.current = rail.name
                started = self._timer()
                findings = list(rail.inspect(text))
                _check(findings, text)
                run.findings[place] = findings
                run.rail_ms[rail.name] = run.rail_ms.get(rail.name, 0.0) + 1000 * (self._timer() - started)
        except Exception as exc:  # noqa: BLE001 - whatever a rail raises must stop the turn, not the thread
            run.error = exc
        finally:
            self._places.release()
            run.done.set()


def _check(findings: Sequence[Finding], text: str) -> None:
    for finding in findings:
        if not (0 <= finding.start <= finding.end <= len(text) and 0 <= finding.score <= 1):
            raise ValueError(f"a finding lies outside its text or its score outside 0..1: {finding.category}")
