from random import Random

import numpy as np
import pytest

from core.errors import TrainingError
from core.rag.support import support_of
from core.training.support import (
    RISING,
    SupportRecipe,
    choose_threshold,
    measure,
    read_features,
    row_weights,
    train_support,
)
from core.training.support_data import SupportRow, load_reported_rows, load_support_rows
from core.training.support_errors import ERRORS, Pool, change_name, change_number, negate, oppose

PASSAGE = ("The mill in Port Alden was built in 1876 by two brothers. It is the largest mill of the county.",)
RECIPE = SupportRecipe(steps=150, batch_size=64, shares=(("page", 1.0),))
POOL = Pool(("It opened in 1880 in Millbrook.",), ("Later, in Oslo, bread was sold to the public every morning.",))


def made_rows() -> list[SupportRow]:
    right = ["The mill was built in 1876.", "Two brothers built the mill in Port Alden.", "It is the largest mill."]
    wrong = ["The mill was built in 1911 by nuns.", "A bakery in Oslo sells bread.", "The county closed the harbour."]
    return [SupportRow(text, PASSAGE, text in right, "page") for text in (right + wrong) * 5]


def test_training_tells_what_a_passage_says_from_what_it_does_not() -> None:
    rows = made_rows()
    features = read_features(rows)
    weights = train_support(rows, features, recipe=RECIPE)
    scores = support_of(features, weights)
    threshold = choose_threshold(rows, scores, recipe=RECIPE)
    assert measure(rows, scores, threshold) == {
        "page": {"supported": 15, "supported_right": 15, "unsupported": 15, "unsupported_right": 15}
    }


def test_support_only_rises_with_what_is_shared_and_falls_with_what_is_not() -> None:
    rows = made_rows()
    features = read_features(rows)
    weights = train_support(rows, features, recipe=RECIPE)
    for place, sign in enumerate(RISING.values()):
        higher = features.copy()
        higher[:, place] += 0.5
        assert (sign * (support_of(higher, weights) - support_of(features, weights)) >= -1e-9).all()


def test_training_is_the_same_for_the_same_seed() -> None:
    rows = made_rows()
    features = read_features(rows)
    one, two = (train_support(rows, features, recipe=RECIPE) for _ in range(2))
    assert all(np.array_equal(one[name], two[name]) for name in one)


def test_every_kind_counts_its_share_whatever_its_number_of_rows() -> None:
    rows = [SupportRow("a", (), is_so, kind) for kind, is_so, n in (("page", True, 3), ("page, made wrong", False, 5),
            ("squad", True, 1)) for _ in range(n)]  # fmt: skip
    weights = row_weights(rows, SupportRecipe(shares=(("page", 0.5), ("squad", 1.0))))
    assert weights[:3].sum() == pytest.approx(0.5)
    assert weights[3:8].sum() == pytest.approx(0.5)
    assert weights[8:].sum() == pytest.approx(1.0)


def test_rows_come_from_every_source_and_never_from_what_is_reported(source_folder) -> None:
    learnt = load_support_rows(source_folder, held_out=False)
    chosen = load_support_rows(source_folder, held_out=True)
    kinds = {row.source.split(",")[0] for row in learnt}
    assert {"squad", "page", "halueval"} <= kinds
    assert {row.supported for row in learnt} == {True, False}
    asked = [{(r.sentence, r.passages) for r in rows if r.source[:4] != "page"} for rows in (learnt, chosen)]
    assert all(asked)
    assert not asked[0] & asked[1]
    assert learnt == load_support_rows(source_folder, held_out=False)


def test_reported_rows_leave_out_what_claims_nothing(tmp_path) -> None:
    folder = tmp_path / "grounding"
    folder.mkdir()
    head = "model_name\tdata_source\tknowledge\tmessage\tresponse\tbegin_label\n"
    lines = "m\tx\tThe sky is blue.\thi\tIt is blue.\tFully attributable\nm\tx\tNo.\thi\thaha\tGeneric\n"
    for name in ("begin_dev_wow.tsv", "begin_dev_cmu.tsv"):
        (folder / name).write_text(head + lines)
    for name in ("qa_one-turn_data.jsonl", "qa_multi-turn_data.jsonl"):
        (folder / name).write_text("")
    rows = load_reported_rows(tmp_path)
    assert [(row.sentence, row.supported) for row in rows] == [("It is blue.", True)] * 2


def test_a_missing_file_is_said(tmp_path) -> None:
    with pytest.raises(TrainingError, match="can't be read"):
        load_reported_rows(tmp_path)


@pytest.mark.parametrize("error", ERRORS, ids=[error.__name__ for error in ERRORS])
def test_an_error_changes_the_sentence(error) -> None:
    sentence = "The first mill in Port Alden was opened in 1876 by two brothers from abroad."
    made = [error(sentence, POOL, Random(seed)) for seed in range(20)]
    assert any(made)
    assert sentence not in made


def test_errors_are_of_the_kind_they_say() -> None:
    sentence = "The mill in Port Alden was never open in 1876."
    number, name = (error(sentence, POOL, Random(1)) for error in (change_number, change_name))
    assert "1876" not in str(number)
    assert "Port Alden" not in str(name)
    assert negate(sentence, POOL, Random(1)) == "The mill in Port Alden was open in 1876."
    assert number != name
    assert oppose("It is open.", POOL, Random(1)) in ("It is close.", "It is closed.")
