"""The arithmetic of the speed, with a clock and an engine whose every figure is known."""

from collections.abc import Iterator

import pytest

from core.schema import Evidence, Message
from core.store.database import Store
from governance.evaluate.figures import Figure
from governance.evaluate.speed import MANY, measure_speed
from governance.evaluate.turn import Turn
from tests.governance.door import passage
from tests.governance.evaluate.given import opened

RECORD = {"output_tokens": 9, "stage_ms": {"retrieve": 30.0}, "first_release_ms": 45.0}


def turn(*evidence: Evidence, outcome: str = "answered") -> Turn:
    question = Message("user", "?" * MANY)  # what echoes is as long as the question
    return Turn((question,), outcome, "turn.allowed", "Yes.", evidence, RECORD)  # type: ignore[arg-type]


def measured(store: Store, turns: list[Turn], *ticks: float) -> list[Figure]:
    clock: Iterator[float] = iter(ticks)
    return measure_speed(opened(store)[0], turns, timer=lambda: next(clock))


def test_reading_the_prompt_is_told_from_writing_the_answer(store: Store) -> None:
    # One token takes 0.1 s, 64 take 0.73 s: 63 tokens in 0.63 s. With quotations 63 in 0.21 s.
    figures = measured(store, [turn(passage(1, "x" * 150))], 0.0, 0.1, 1.0, 1.73, 2.0, 2.31)
    assert [figure.value for figure in figures] == pytest.approx([130.0, 45.0, 100.0, 300.0])
    assert [figure.is_reached for figure in figures] == [False, None, True, None]


def test_evidence_is_cut_until_the_prompt_fits_and_other_turns_are_left_out(store: Store) -> None:
    long = passage(2, "y" * 400)
    turns = [turn(passage(1, "x" * 150), long), turn(long, long), turn(), turn(passage(1, "x"), outcome="refused")]
    figures = measured(store, turns, 0.0, 0.1, 1.0, 1.73, 2.0, 2.31)
    assert [figure.n for figure in figures] == [1, 1, 1, 1]
    assert [figure.value for figure in measured(store, [turn(long, long)])] == [None] * 4
