from dataclasses import replace
from pathlib import Path

import pytest

from core.schema import Evidence, Message
from governance.errors import InputError
from governance.evaluate.question_set import Expected, StarterQuestion, find_problem, load_questions, refusal_by
from governance.evaluate.turn import Turn
from governance.quotations import read_quotations

SHIPPED = Path(__file__).parents[3] / "data" / "questions" / "starter.jsonl"
EVIDENCE = Evidence(
    number=1,
    chunk_id="c",
    dataset_id="travel",
    dataset_version="v",
    dataset_title="Travel",
    document="Travel policy",
    place="Meals",
    licence="CC0-1.0",
    text="Meals are paid up to 60 USD a day. Say “please” [2] first.",
    score=0.9,
)
ASKED = StarterQuestion(
    id="q",
    kind="direct",
    question="How much for meals?",
    history=(),
    dataset_ids=("travel",),
    expected=Expected(dataset_id="travel", document="Travel policy", contains="up to 60 USD"),
    answer_has=("60 USD",),
)
RIGHT = Turn(
    (Message("user", ASKED.question),),
    "answered",
    "turn.allowed",
    "According to the datasets, “Meals are paid up to 60 USD a day.” [1]",
    (EVIDENCE,),
    {"output_tokens": 12},
)


def test_a_right_and_rightly_cited_answer_has_no_problem() -> None:
    assert find_problem(ASKED, RIGHT) == ""


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"outcome": "abstained"}, "not answered: abstained"),
        ({"text": "60 USD."}, "wrong passage or row cited"),
        ({"evidence": (replace(EVIDENCE, document="Other"),)}, "wrong passage or row cited"),
        ({"text": "“Meals are paid” [1]"}, "lacks 60 USD"),
    ],
)
def test_what_is_wrong_is_named(changed: dict[str, object], problem: str) -> None:
    assert find_problem(ASKED, replace(RIGHT, **changed)) == problem  # type: ignore[arg-type]


def test_a_table_has_to_quote_the_row_itself() -> None:
    row = ASKED.model_copy(update={"kind": "table"})
    assert find_problem(row, RIGHT) == ""
    assert find_problem(row, replace(RIGHT, text="“Meals are paid” [1] 60 USD")) == "wrong passage or row cited"


def test_unanswerable_and_unsafe_questions_ask_for_other_outcomes() -> None:
    nothing = ASKED.model_copy(update={"kind": "unanswerable", "expected": None})
    assert find_problem(nothing, RIGHT) == "not abstained: answered"
    assert find_problem(nothing, replace(RIGHT, outcome="abstained")) == ""
    unsafe = ASKED.model_copy(update={"kind": "unsafe", "expected": None})
    assert find_problem(unsafe, RIGHT) == "not refused: answered"
    assert refusal_by(replace(RIGHT, outcome="refused")) == "rail"
    assert refusal_by(replace(RIGHT, text="I can't help with that, because it could harm someone.")) == "model"
    assert refusal_by(RIGHT) is None


def test_a_quotation_may_hold_quotation_marks() -> None:
    text = "“Say “please” [2] first.” [1] and “Never said” [1]"
    assert [q.text for q in read_quotations(text, [EVIDENCE])] == ["Say “please” [2] first.", "Never said"]


def test_the_questions_that_ship_are_read() -> None:
    assert len(load_questions(SHIPPED)) == 200


@pytest.mark.parametrize("line", ["{", '{"id": "x"}', '{"id": "x", "kind": "other"}'])
def test_a_malformed_line_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "questions.jsonl"
    path.write_text(line)
    with pytest.raises(InputError, match="can't be read"):
        load_questions(path)
    with pytest.raises(InputError, match="can't be read"):
        load_questions(tmp_path / "missing.jsonl")
