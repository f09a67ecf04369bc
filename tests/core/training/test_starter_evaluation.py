from pathlib import Path

import pytest

from core.errors import ModelError
from core.schema import Message, digest_of
from core.training.starter_card import Figure
from core.training.starter_data import Conversation
from core.training.starter_evaluation import evaluate_starter, quotes_well
from core.training.starter_evidence import number_evidence
from core.training.starter_sources import Passage

SHIPPED = Path(__file__).parents[3] / "data/models/starter"
TRAVEL = Passage("Travel policy", "Meals", ("Meals are paid.", "Hotels are not."))
SPORT = Passage("Sport", "Rules", ("Runs count.",))


def _turn(*passages):
    return Conversation("policy", (Message("user", "Who pays?"),), "", number_evidence(passages))


@pytest.mark.parametrize(
    ("answer", "passages"),
    [
        ("According to the datasets, “Meals are paid.” [1]", [TRAVEL]),
        ("According to the datasets, “Meals are paid.” [1] Also, “Runs count.” [2]", [TRAVEL, SPORT]),
        ("The datasets say:\n- “Meals are paid.” [1]\n- “Hotels are not.” [1]", [TRAVEL, SPORT]),
        ("“Runs count.” [2]", [TRAVEL, SPORT]),
    ],
)
def test_answers_of_the_taught_form_are_well_formed(answer, passages):
    assert quotes_well(answer, turn=_turn(*passages))


@pytest.mark.parametrize(
    ("answer", "passages"),
    [
        ("According to the datasets, meals are paid.", [TRAVEL]),
        ("According to the datasets, “Meals are free.” [1]", [TRAVEL]),
        ("According to the datasets, “Runs count.” [1]", [TRAVEL, SPORT]),
        ("According to Travel policy, “Runs count.” [2]", [TRAVEL, SPORT]),
        ("According to the dataset, “Meals are paid.” [1]", [TRAVEL]),
        ("“Meals are paid.” [1] So eat.", [TRAVEL]),
        ("“Meals are paid.” [1] but “Hotels are not.” [1]", [TRAVEL]),
        ("Meals cost 60 USD: “Meals are paid.” [1]", [TRAVEL]),
        ("", [TRAVEL]),
    ],
    ids=[
        "no quotation",
        "misquoted",
        "wrong number",
        "wrong document",
        "garbled",
        "after",
        "between",
        "before",
        "empty",
    ],
)
def test_own_facts_and_false_citations_are_not(answer, passages):
    assert not quotes_well(answer, turn=_turn(*passages))


def test_a_share_of_nothing_is_not_measured():
    assert Figure("x", 0, 0).share is None
    assert Figure("x", 1, 4).share == 0.25


def test_a_missing_model_is_named(source_folder, tmp_path):
    with pytest.raises(ModelError, match="missing"):
        evaluate_starter(tmp_path / "missing", source_folder, samples=1)


def test_card_of_the_shipped_model_belongs_to_its_weights():
    card = (SHIPPED / "README.md").read_text(encoding="utf-8")
    assert digest_of((SHIPPED / "model.safetensors").read_bytes()) in card
    assert "## Measured" in card
    assert "not measured" not in card


def test_shipped_folder_is_small_and_holds_no_code():
    files = [path for path in SHIPPED.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 40_000_000
    assert {path.suffix for path in files} <= {".json", ".csv", ".md", ".jinja", ".safetensors"}
