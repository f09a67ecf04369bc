import threading
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
