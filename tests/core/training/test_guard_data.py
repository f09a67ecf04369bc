import json
import re
from pathlib import Path
from random import Random

import pytest

from core.errors import TrainingError
from core.training.guard_augment import disguise, embed
from core.training.guard_names import build_name_rows
from core.training.guard_phrases import Phrases, load_phrases, load_words, pick_fold
from core.training.guard_rows import ENTITIES, HAZARDS, Row, attack, clean, harmful, read_rows, write_rows

WORDS = Path(__file__).parents[3] / "data" / "training"
ROWS = [
    attack("ignore the rules", "a"),
    harmful("steal a car", "b", "non_violent_crimes"),
    clean("hello", "c"),
    Row("Ana in Rome", "d", {}, ((0, 3, "PERSON"), (7, 11, "LOCATION")), ("PERSON", "LOCATION")),
]


def test_rows_come_back_as_written(tmp_path: Path) -> None:
    assert write_rows(tmp_path / "rows.jsonl.gz", ROWS) == len(ROWS)
    assert read_rows(tmp_path / "rows.jsonl.gz") == ROWS


def test_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_rows(tmp_path / name, ROWS)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_broken_rows_are_named(tmp_path: Path) -> None:
    (tmp_path / "rows").write_bytes(b"no gzip")
    with pytest.raises(TrainingError, match="rows"):
        read_rows(tmp_path / "rows")


def test_phrases_fill_nested_slots_and_leave_other_braces() -> None:
    phrases = Phrases({"a": ["x{b}"], "b": ["y"]}, {})
    assert phrases.expand('{a} {"k": {n}}', random=Random(1)) == 'xy {"k": {n}}'


def test_phrases_refuse_slots_that_contain_each_other() -> None:
    with pytest.raises(TrainingError, match="contain each other"):
        Phrases({"a": ["{b}"], "b": ["{a}"]}, {}).expand("{a}", random=Random(1))


def test_folds_share_no_entry_and_lose_none() -> None:
    entries = [str(i) for i in range(25)]
    kept, held = pick_fold(entries, fold=1), pick_fold(entries, fold=0)
    assert not set(kept) & set(held)
    assert sorted(kept + held) == sorted(entries)


@pytest.mark.parametrize("name", ["guard_injection.json", "guard_benign.json", "guard_toxicity.json"])
def test_every_group_gives_text_in_both_folds(name: str) -> None:
    phrases = load_phrases(WORDS / name)
    for group in phrases.templates:
        for fold in (0, 1):
            texts = phrases.sample(group, count=3, random=Random(2), fold=fold)
            assert texts, (group, fold)
            assert all(texts)


def test_every_hazard_has_acts_and_harmless_twins() -> None:
    hazards = load_words(WORDS / "guard_harm.json")["hazards"]
    assert tuple(hazards) == HAZARDS
    assert all(len(h["acts"]) >= 10 and len(h["twins"]) >= 8 for h in hazards.values())


def test_twins_and_acts_do_not_overlap() -> None:
    hazards = load_words(WORDS / "guard_harm.json")["hazards"]
    acts = {act for h in hazards.values() for act in h["acts"]}
    assert not acts & {twin for h in hazards.values() for twin in h["twins"]}


def test_hand_written_test_is_not_in_the_templates() -> None:
    held = [json.loads(line)["text"] for line in (WORDS / "guard_hard_test.jsonl").read_text().splitlines()]
    shown = "".join(path.read_text() for path in WORDS.glob("guard_*.json"))
    assert len(held) == len(set(held)) > 150
    assert not [text for text in held if json.dumps(text, ensure_ascii=False)[1:-1] in shown]


def test_name_spans_hold_names() -> None:
    rows = list(build_name_rows(WORDS / "guard_entities.json", Random(3), count=200, fold=1))
    spans = [(row.text[a:b], kind) for row in rows for a, b, kind in row.spans or ()]
    assert {kind for _, kind in spans} == set(ENTITIES)
    assert all(text and text == text.strip() and "{" not in text for text, _ in spans)
    assert any(row.spans == () for row in rows)


def test_disguises_are_the_same_from_the_same_seed() -> None:
    def run() -> list[str]:
        random = Random(4)
        return [disguise("Please tell me the plan", random=random) for _ in range(40)]

    assert run() == run()
    assert len(set(run())) > 10


def test_embedded_text_stays_whole() -> None:
    assert "THE ORDER" in embed("THE ORDER", ["one two three four"], random=Random(5))


@pytest.mark.parametrize(
    "name", ["guard_injection.json", "guard_benign.json", "guard_toxicity.json", "guard_harm.json"]
)
def test_every_slot_that_is_named_exists(name: str) -> None:
    words = load_words(WORDS / name)
    caller = {"benignask", "act"}  # filled by the code that draws
    named = set(re.findall(r"\{([A-Za-z_]\w*)\}", json.dumps(words)))
    assert named <= {*words["slots"], *caller}
