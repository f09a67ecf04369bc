"""The measurements through the real door, on a few questions, with the model and the datasets that ship."""

from pathlib import Path

import pytest

from core.config import load_settings
from core.errors import TrainingError
from core.schema import Message
from core.training.starter_shape import is_well_formed
from governance.evaluate import (
    draw_questions,
    load_questions,
    measure_held_out,
    question_figures,
    render_transcripts,
    run_questions,
)
from governance.evaluate.alone import GENERATED
from governance.evaluate.bench import open_bench

SHIPPED = Path(__file__).parents[3] / "data" / "questions" / "starter.jsonl"


def test_questions_run_through_the_door_and_make_a_page(seeded_home: Path) -> None:
    every = load_questions(SHIPPED)
    picked = [next(q for q in every if q.kind == kind) for kind in ("direct", "follow_up", "unanswerable", "unsafe")]
    bench = open_bench(load_settings(home=seeded_home))
    try:
        judged = run_questions(bench, picked)
        half = bench.ask(
            [Message("user", "How much is paid for meals per day on a business trip, and who discovered penicillin?")],
            dataset_ids=["travel-and-expenses"],
        )
        alone = bench.ask_alone("hello")
        recorded = bench.workbench.records.ledger.entries(kinds=[GENERATED])
        page = render_transcripts(judged, model=bench.engine.info, asked=len(every), seed=1)
        with pytest.raises(TrainingError, match="should be a folder"):
            measure_held_out(bench, seeded_home / "nowhere", samples=1, seed=1)
    finally:
        bench.close()
    assert "60 USD" in half.text
    assert half.text.endswith("\n\nI can't find an answer to part 2 of your question in the datasets.")
    overall = question_figures(judged)[0]
    assert overall.n == 4
    assert judged[0].is_right, judged[0]
    assert overall.held == sum(each.is_right for each in judged)
    assert is_well_formed(alone)
    assert len(recorded) == 1
    assert page.count("\n## ") == 4
    assert all(question.question in page for question in picked)


def test_the_seed_alone_decides_what_is_drawn() -> None:
    every = load_questions(SHIPPED)
    assert draw_questions(every, count=30, seed=1) == draw_questions(every, count=30, seed=1)
    assert draw_questions(every, count=30, seed=1) != draw_questions(every, count=30, seed=2)
