from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import DatasetError, ModelError
from core.tables.question import Question, asks_to_compute
from core.tables.schema import StoredTable
from core.tables.table_answerer import TableAnswer, TableAnswerer

WEIGHTS = Path(__file__).parents[3] / "data" / "models" / "tables"
Keep = Callable[..., StoredTable]


@pytest.fixture(scope="module")
def answerer() -> TableAnswerer:
    return TableAnswerer(WEIGHTS)


@pytest.fixture
def games(keep: Keep) -> StoredTable:
    return keep(
        ["Date", "Opponent", "City", "Result", "Attendance"],
        ["May 3, 2001", "Leeds United", "Leeds", "win", "12,400"],
        ["May 10, 2001", "York Town", "York", "loss", "8,100"],
        ["May 17, 2001", "Hull City", "Hull", "win", "9,950"],
        ["May 24, 2001", "Bath Rovers", "Bath", "win", "15,020"],
        ["June 2, 2001", "Leeds United", "Leeds", "draw", "11,007"],
        title="Games of 2001",
    )


@pytest.mark.parametrize(
    ("question", "values", "sentence"),
    [
        ("How many games were a win?", ("3",), "Count of rows of Games of 2001 where Result is win: 3."),
        (
            "Which opponent had the highest attendance?",
            ("Bath Rovers",),
            "Opponent of Games of 2001 with the highest Attendance: Bath Rovers.",
        ),
        ("How many games had an attendance of over 10,000?", ("3",), None),
        ("What was the attendance on May 17, 2001?", ("9,950",), None),
    ],
)
def test_question_is_answered_by_a_query(
    answerer: TableAnswerer, games: StoredTable, question: str, values: tuple[str, ...], sentence: str | None
) -> None:
    answer = answerer.answer(question, [games])
    assert answer is not None
    assert answer.values == values
    assert answer.sentence == sentence or sentence is None
    assert answer.sql.startswith("SELECT ") or answer.sql.startswith("WITH ")
    assert answer.rows_read == 5
    assert answer.table == games


@pytest.mark.parametrize(
    "question",
    [
        "",
        "?!",
        "word " * 500,
        "What does the policy say about meals on a business trip?",
        "Who wrote the manual of the laser cutter, and when must its water be changed?",
        "'; DROP TABLE games; --",
        "SELECT * FROM read_csv('/etc/passwd')",
    ],
    ids=lambda question: question[:20],
)
def test_what_the_table_does_not_say_is_declined(answerer: TableAnswerer, games: StoredTable, question: str) -> None:
    assert answerer.answer(question, [games]) is None


def test_words_of_sql_in_a_question_reach_the_query_only_as_values(answerer: TableAnswerer, keep: Keep) -> None:
    table = keep(["Note", "Count"], ["x'; DROP TABLE t; --", "3"], ["plain", "4"], title='T"; DROP TABLE t; --')
    answer = answerer.answer("How many rows have the note x'; DROP TABLE t; --?", [table])
    assert answer is None or answer.values == ("1",)


def test_empty_table_and_no_table_answer_nothing(answerer: TableAnswerer, keep: Keep) -> None:
    assert answerer.answer("How many games were a win?", [keep(["Result"])]) is None
    assert answerer.answer("How many games were a win?", []) is None


def test_table_that_answers_is_chosen_among_others(
    answerer: TableAnswerer, games: StoredTable, medals: StoredTable
) -> None:
    tables = [medals, games]
    answer = answerer.answer("How many games were a win?", tables)
    assert isinstance(answer, TableAnswer)
    assert (answer.table, answer.values) == (games, ("3",))


def test_query_that_takes_too_long_says_so(games: StoredTable) -> None:
    with pytest.raises(DatasetError, match="couldn't be asked within 0 s"):
        TableAnswerer(WEIGHTS, time_limit_s=0).answer("How many games were a win?", [games])


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="weights for table questions"):
        TableAnswerer(tmp_path)


@pytest.mark.parametrize(
    ("text", "computes"),
    [
        ("How many expenses are there?", True),
        ("Which city has the largest stadium?", True),
        ("What was the total?", True),
        ("What is the price of the P-300?", False),
        ("Who wrote the manual?", False),
    ],
)
def test_questions_that_compute_are_told_from_look_ups(text: str, computes: bool) -> None:
    assert asks_to_compute(Question(text)) is computes
