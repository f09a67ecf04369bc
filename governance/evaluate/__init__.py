"""Measures the whole product through its door: the starter questions, held-out articles, unpicked transcripts."""

from governance.evaluate.bench import Bench, opened_bench
from governance.evaluate.figures import Figure, figures_json, render_row
from governance.evaluate.held_out import measure_held_out
from governance.evaluate.question_set import load_questions, question_figures, run_questions
from governance.evaluate.transcripts import draw_questions, render_transcripts

__all__ = [
    "Bench",
    "Figure",
    "draw_questions",
    "figures_json",
    "load_questions",
    "measure_held_out",
    "opened_bench",
    "question_figures",
    "render_row",
    "render_transcripts",
    "run_questions",
]
