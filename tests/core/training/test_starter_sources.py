import json
import shutil

import pytest

from core.errors import TrainingError
from core.training.starter_sources import load_sources, split_sentences


def test_sources_hold_no_article_and_no_request_in_both_parts(source_folder):
    train, held_out = (load_sources(source_folder, held_out=part) for part in (False, True))
    for part in (train, held_out):
        assert all((part.questions, part.passages, part.requests, part.harmful, part.private, part.injections))
    towns = [{q.passage.document for q in part.questions if "gate" in q.text} for part in (train, held_out)]
    assert towns[1] == {"Farrow"}
    assert not towns[0] & towns[1]
    assert not {q.text for q in train.questions} & {q.text for q in held_out.questions if "gate" in q.text}


def test_every_question_points_at_the_sentence_that_answers(sources):
    gates = [q for q in sources.questions if q.text.startswith("When was the north gate")]
    assert gates
    assert all("was built in 18" in q.passage.sentences[q.gold] for q in gates)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(TrainingError, match=r"nowhere.*folder that holds qa"):
        load_sources(tmp_path / "nowhere", held_out=False)


@pytest.mark.parametrize(
    ("name", "content"),
    [("qa/squad_dev_half.json", None), ("qa/pubmedqa.json", b"{"), ("text/python_peps.jsonl.gz", b"no gzip")],
    ids=["missing", "cut", "not gzip"],
)
def test_a_broken_file_is_a_training_error(source_folder, tmp_path, name, content):
    folder = shutil.copytree(source_folder, tmp_path / "copy")
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    with pytest.raises(TrainingError, match="can't be read"):
        load_sources(folder, held_out=False)


def test_rows_of_another_form_are_refused(source_folder, tmp_path):
    folder = shutil.copytree(source_folder, tmp_path / "copy")
    (folder / "qa/squad_dev_half.json").write_text(json.dumps({"data": [{"name": "x"}]}))
    with pytest.raises(TrainingError, match="title"):
        load_sources(folder, held_out=False)


def test_data_without_rows_of_a_kind_is_refused(source_folder, tmp_path):
    folder = shutil.copytree(source_folder, tmp_path / "copy")
    (folder / "safety/bipia/text_attack_train.json").write_text("{}")
    with pytest.raises(TrainingError, match="holds no injections"):
        load_sources(folder, held_out=False)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("One thing. Another thing.", 2),
        ("Dr. Who met J. Smith there.", 1),
        ("Pay, e.g. Monday.", 1),
        ("It costs 2.5 USD.", 1),
    ],
)
def test_sentences_end_where_a_reader_would_end_them(text, count):
    assert len(split_sentences(text)) == count
