"""Rails that the policy lets be late: left out and named, never where another is late or where they raise."""

import threading
from collections.abc import Callable, Iterator

import pytest

from governance.errors import RailError
from governance.rails import RailRunner
from governance.schema import Finding


class FakeRail:
    def __init__(self, name: str, act: Callable[[str], list[Finding]]) -> None:
        self.name, self.version, self.inspect = name, "1", act


def found(text: str) -> list[Finding]:
    return [Finding("any", "x", 1.0, 0, len(text))]


@pytest.fixture
def hang() -> Iterator[Callable[[str], list[Finding]]]:
    release = threading.Event()

    def hangs(text: str) -> list[Finding]:
        release.wait(20)
        return []

    yield hangs
    release.set()


def test_late_rail_that_may_be_is_left_out_and_named(hang: Callable[[str], list[Finding]]) -> None:
    runner = RailRunner(deadline_s=0.1).for_turn(may_be_late={"slow"})
    slow, quick = FakeRail("slow", hang), FakeRail("quick", found)
    results, rail_ms = runner.run([(slow, "a"), (quick, "ab"), (slow, "c"), (quick, "abc")])
    assert [[f.end for f in each] for each in results] == [[], [2], [], [3]]
    assert (runner.left_out, list(rail_ms)) == (("slow",), ["quick"])


def test_rest_of_the_turn_does_not_wait_for_it_again_and_the_next_turn_does() -> None:
    asked: list[str] = []
    release = threading.Event()

    def hangs(text: str) -> list[Finding]:
        asked.append(text)
        release.wait(20)
        return []

    shared = RailRunner(deadline_s=0.1)
    turn = shared.for_turn(may_be_late={"slow"})
    try:
        for text in "ab":
            assert turn.run([(FakeRail("slow", hangs), text)]) == ([[]], {})
        assert (asked, turn.left_out) == (["a"], ("slow",))
    finally:
        release.set()
    assert shared.for_turn(may_be_late={"slow"}).left_out == ()
    assert shared.run([(FakeRail("slow", found), "abc")])[0] == [found("abc")]


def test_late_rail_that_may_not_be_is_an_error_beside_one_that_may(hang: Callable[[str], list[Finding]]) -> None:
    runner = RailRunner(deadline_s=0.1).for_turn(may_be_late={"slow"})
    with pytest.raises(RailError, match="'core' did not answer"):
        runner.run([(FakeRail("slow", hang), "a"), (FakeRail("core", hang), "a")])
    assert runner.left_out == ()


def test_raising_rail_is_an_error_whatever_may_be_late() -> None:
    def broken(text: str) -> list[Finding]:
        raise ZeroDivisionError

    runner = RailRunner(deadline_s=5).for_turn(may_be_late={"slow"})
    with pytest.raises(RailError, match="'slow' failed: ZeroDivisionError"):
        runner.run([(FakeRail("slow", broken), "a")])
