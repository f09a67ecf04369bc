"""Tests for reading the likeliest plans again: how they are said, and how both scores are joined."""

from pathlib import Path

import pytest

from core.tables.candidates import Candidate
from core.tables.evaluate import evaluate
from core.tables.frame import build_frame
from core.tables.plan import Condition, Plan
from core.tables.plan_reading import READER, PlanReader, join_scores, passage_of
from core.tables.ranker import rank_answers, read_again

WEIGHTS = Path(__file__).parents[3] / "data" / "models" / "tables"
SHIPS = build_frame(
    "Ships of 1912",
    ["Ship", "Port", "Tonnage", "Crew"],
    [["Ada", "Kiel", "1,200", "90"], ["Bee", "Hull", "900", "110"], ["Cod", "Kiel", "2,300", "80"]],
)


def candidate(plan: Plan) -> Candidate:
    outcome = evaluate(plan, SHIPS)
    assert outcome is not None
    return Candidate(plan, outcome)


def test_plans_are_said_in_words_below_the_table_and_its_columns() -> None:
    in_kiel = Plan("count", where=(Condition("Port", "is", "kiel"),))
    heading, sentences = passage_of(SHIPS, [candidate(Plan("top", "Ship", "Tonnage")), candidate(in_kiel)])
    assert heading == "Ships of 1912: Ship, Port, Tonnage, Crew"
    assert sentences == ["Ship with the highest Tonnage: Cod.", "Count of rows where Port is Kiel: 2."]


def test_both_scores_count() -> None:
    assert join_scores([0.5, 0.3, 0.2], [0.0, 0.0, 0.0])[0] > 0.5
    assert join_scores([0.5, 0.3, 0.2], [0.0, 4.0, 0.0])[1] > 0.5
    assert sum(join_scores([0.5, 0.0], [-30.0, 30.0])) == pytest.approx(1)


def test_plans_of_one_answer_share_their_probability_and_the_likeliest_stands_for_it() -> None:
    plans = [candidate(Plan("top", "Ship", by)) for by in ("Crew", "Tonnage")]
    low = candidate(Plan("bottom", "Ship", "Crew"))  # Cod too
    answers = rank_answers([plans[0], plans[1], low], [1.0, 0.9, 0.8])
    assert [(a.best, round(a.probability, 2)) for a in answers] == [(plans[1], 0.63), (plans[0], 0.37)]
    assert read_again(answers, [0.0, 8.0]).best is plans[0]


def test_the_column_that_a_word_means_is_told_though_the_question_does_not_name_it() -> None:
    plans = [candidate(Plan("top", "Ship", by)) for by in ("Crew", "Tonnage")]
    heavy, people = PlanReader(WEIGHTS / READER), "which ship had the most people on board?"
    most_crew, most_tonnage = heavy.score(people, SHIPS, plans)
    assert most_crew > most_tonnage
    most_crew, most_tonnage = heavy.score("which ship was the heaviest?", SHIPS, plans)
    assert most_tonnage > most_crew
