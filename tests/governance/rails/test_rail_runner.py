import threading
import time
from collections.abc import Callable

import pytest

from governance.errors import RailError
from governance.rails import runner as runner_module
from governance.rails.runner import RailRunner
from governance.schema import Finding


class FakeRail:
    def __init__(self, act: Callable[[str], list[Finding]], name: str = "fake") -> None:
        self.name, self.version, self.inspect = name, "1", act


def test_runner_returns_findings_in_order_and_times() -> None:
    def found(text: str) -> list[Finding]:
        return [Finding("fake", "x", 0.5, 0, len(text))]

    results, rail_ms = RailRunner(deadline_s=5).run([(FakeRail(found), "ab"), (FakeRail(found), "abc")])
    assert [[f.end for f in each] for each in results] == [[2], [3]]
    assert rail_ms["fake"] >= 0


def test_raising_rail_is_an_error_that_names_it() -> None:
    def broken(text: str) -> list[Finding]:
        raise ZeroDivisionError

    with pytest.raises(RailError, match="'fake' failed: ZeroDivisionError"):
        RailRunner(deadline_s=5).run([(FakeRail(broken), "text")])


def test_late_rail_is_an_error_that_names_it() -> None:
    release = threading.Event()

    def hangs(text: str) -> list[Finding]:
        release.wait(20)
        return []

    try:
        with pytest.raises(RailError, match="'slow' did not answer"):
            RailRunner(deadline_s=0.05).run([(FakeRail(hangs, "slow"), "text")])
    finally:
        release.set()


def test_many_hung_checks_make_the_next_fail_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner_module, "MAX_STUCK", 1)
    release = threading.Event()
    runner = RailRunner(deadline_s=0.05)
    rail = FakeRail(lambda text: [Finding("fake", "x", float(release.wait(20)), 0, 0)])
    try:
        with pytest.raises(RailError, match="did not answer"):
            runner.run([(rail, "a")])
        with pytest.raises(RailError, match="still running"):
            runner.run([(rail, "b")])
    finally:
        release.set()


@pytest.mark.parametrize(
    "finding", [Finding("fake", "x", 0.5, 0, 99), Finding("fake", "x", 0.5, -1, 1), Finding("fake", "x", 1.5, 0, 1)]
)
def test_finding_outside_its_text_is_an_error(finding: Finding) -> None:
    with pytest.raises(RailError, match="failed"):
        RailRunner(deadline_s=5).run([(FakeRail(lambda text: [finding]), "text")])


def test_one_thread_serves_checks_in_turn_and_a_hung_one_is_left_behind() -> None:
    release, seen = threading.Event(), list[int]()

    def note(text: str) -> list[Finding]:
        seen.append(threading.get_ident())
        if text == "hang":
            release.wait(20)
        return []

    runner, rail = RailRunner(deadline_s=0.2), FakeRail(note)
    for _ in range(3):
        runner.run([(rail, "a")])
        wait_until(lambda: len(runner._idle) == 1)
    assert len(set(seen)) == 1
    try:
        with pytest.raises(RailError, match="did not answer"):
            runner.run([(rail, "hang")])
        runner.run([(rail, "b")])
        assert seen[-1] != seen[-2]
    finally:
        release.set()


def test_idle_thread_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner_module, "IDLE_S", 0.01)
    runner = RailRunner(deadline_s=5)
    for _ in range(3):
        runner.run([(FakeRail(lambda text: []), "a")])
        wait_until(lambda: not runner._idle)


def wait_until(holds: Callable[[], bool]) -> None:
    for _ in range(500):
        if holds():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come about within 5 s")
