"""Tests for the reader's groups: what is marked answers, what is not marked does not, and files hold all of it."""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from core.errors import TrainingError
from core.training.reader_data import (
    Group,
    Labelled,
    build_fact_groups,
    build_groups,
    build_question_groups,
    data_file,
    read_groups,
    write_data,
    write_groups,
)
from core.training.starter_policies import Fact, load_facts
from core.training.starter_sources import Sources, load_sources

MEALS = Labelled("Travel > Meals", ("The policy covers meals.", "Meals are paid up to 60 USD a day."), (1,))
LASER = Labelled("Laser > Focus", ("The focus height is 7 mm.", "Clean the lens weekly."))
GROUPS = [
    Group("How much is paid for meals?", (LASER, MEALS)),
    Group("How high is the focus?", (replace(LASER, gold=(0,)), replace(MEALS, gold=()))),
    Group("What is the capital of France?", (LASER,)),
]


class WordEmbedder:
    """Vectors of words; stands for the embedder."""

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        vectors = np.zeros((len(texts), 64), np.float32)
        for row, text in enumerate(texts):
            for word in text.lower().split():
                vectors[row, sum(map(ord, word)) % 64] += 1
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def kept(source_folder: Path) -> Sources:
    return load_sources(source_folder, held_out=True)


@cache
def _filled(template: str, subject: tuple[tuple[str, str], ...], flags: int = 0) -> re.Pattern[str]:
    """Return what matches a template however its slots are filled, but for those that the subject fills."""
    seen: set[str] = set()
    made = ""
    for part in re.split(r"(\{\w+\})", template):
        name = part[1:-1].lower()
        if part[:1] != "{":
            made += re.escape(part)
        elif name in dict(subject):
            made += f"(?i:{re.escape(dict(subject)[name])})"
        else:
            made += f"(?i:(?P={name}))" if name in seen else f"(?P<{name}>.+?)"
            seen.add(name)
    return re.compile(made, flags)


def _tells(fact: Fact, sentence: str, *, subject: tuple[tuple[str, str], ...] = ()) -> re.Match[str] | None:
    head = f"{fact.heading}: " if fact.heading else ""
    matches = (_filled(head + template, subject).fullmatch(sentence) for template in fact.sentences)
    return next((match for match in matches if match), None)


def _asks(fact: Fact, question: str) -> re.Match[str] | None:
    matches = (_filled(q.rstrip("?"), (), re.I).fullmatch(question.rstrip("?")) for q in fact.questions)
    return next((match for match in matches if match), None)


def _asked(group: Group) -> list[tuple[Fact, tuple[tuple[str, str], ...]]]:
    """Return the facts that a group may ask for, each with the values that its questions name."""
    golds = [r.sentences[i] for r in group.readings for i in r.gold]
    found = ((fact, _tells(fact, golds[0]) if golds else _asks(fact, group.question)) for fact in load_facts())
    return [(fact, tuple((name, match[name]) for name in fact.subject)) for fact, match in found if match]


@pytest.mark.parametrize("held_out", [False, True], ids=["learnt", "held out"])
def test_no_distractor_tells_the_fact_that_is_asked_for(sources: Sources, kept: Sources, held_out: bool) -> None:
    checked = {True: 0, False: 0}
    for seed in range(8):
        for group in build_fact_groups(kept if held_out else sources, count=100, seed=seed):
            asked = _asked(group)
            if len(asked) != 1:  # a table, a follow-up that nothing answers, or words that two facts are asked by
                continue
            ((fact, subject),) = asked
            checked[any(r.gold for r in group.readings)] += 1
            for reading in group.readings:
                telling = [i for i, s in enumerate(reading.sentences) if _tells(fact, s, subject=subject) is not None]
                assert telling == list(reading.gold), f"{group.question!r}: {reading}"
    assert min(checked.values()) > 50


def test_no_other_table_has_the_row_that_is_asked_for(sources: Sources) -> None:
    others = 0
    for seed in range(12):
        for group in build_fact_groups(sources, count=100, seed=seed):
            rows = [re.match(r"\w+: (.+?) \| ", r.sentences[i]) for r in group.readings for i in r.gold]
            if not rows or rows[0] is None:
                continue
            for reading in group.readings:
                others += not reading.gold and " | " in reading.sentences[0]
                told = [i for i, s in enumerate(reading.sentences) if f": {rows[0][1]} | " in s]
                assert told == list(reading.gold)
    assert others > 20


def test_a_fifth_of_the_made_up_questions_has_no_answer(sources: Sources) -> None:
    groups = list(build_fact_groups(sources, count=1000, seed=1))
    assert 0.15 < sum(not any(r.gold for r in g.readings) for g in groups) / 1000 < 0.25
    assert 0.08 < sum("\n" in g.question for g in groups) / 1000 < 0.16


def test_a_public_question_never_sees_its_own_passage_unmarked(sources: Sources) -> None:
    groups = list(build_question_groups(sources, embedder=WordEmbedder(), seed=1, rounds=3))
    assert len(groups) == 3 * len(sources.questions)
    for group, question in zip(groups, 3 * sources.questions, strict=True):
        for reading in group.readings:
            own = reading.sentences == question.passage.sentences
            assert reading.gold == ((question.gold,) if own else ())


def test_keywords_are_held_by_marked_sentences_alone(sources: Sources) -> None:
    found = 0
    for seed in range(4):
        for group in build_groups(sources, embedder=WordEmbedder(), seed=seed, scale=0.02):
            asked = re.fullmatch(r"What is said about (\w+) and (\w+)\?", group.question)
            for reading in group.readings if asked else ():
                found += 1
                holding = [i for i, s in enumerate(reading.sentences) if asked and asked[1] in s and asked[2] in s]
                assert holding == list(reading.gold)
    assert found > 50


def test_groups_survive_being_written(tmp_path: Path) -> None:
    path = tmp_path / "groups.jsonl.gz"
    assert write_groups(GROUPS, path) == 3
    assert read_groups(path) == GROUPS


def test_groups_that_were_not_written_to_the_end_are_not_there(tmp_path: Path) -> None:
    def broken() -> object:
        yield GROUPS[0]
        raise RuntimeError("cut off")

    with pytest.raises(RuntimeError, match="cut off"):
        write_groups(broken(), tmp_path / "groups.jsonl.gz")
    assert not (tmp_path / "groups.jsonl.gz").exists()


def test_the_same_seed_writes_the_same_groups(source_folder: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        counts = write_data(source_folder, tmp_path / name, embedder=WordEmbedder(), seed=3, scale=0.01)
    assert counts["facts_test"] == 8
    for test in counts:
        one, two = (read_groups(data_file(tmp_path / name, test)) for name in ("one", "two"))
        assert one == two
        assert len(one) == counts[test] > 0


def test_the_command_builds_all_groups(group_folder: Path) -> None:
    groups = {path.name.removesuffix(".jsonl.gz"): read_groups(path) for path in group_folder.iterdir()}
    assert set(groups) == {"train", "q_test", "facts_test"}
    assert all(groups.values())


def test_missing_public_data_is_said(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="should be a folder"):
        write_data(tmp_path / "none", tmp_path, embedder=WordEmbedder(), seed=1)


def test_the_made_up_facts_of_the_two_parts_are_apart(sources: Sources, kept: Sources) -> None:
    for part in (sources, kept):
        groups = build_fact_groups(part, count=300, seed=1)
        told = {fact for g in groups if any(r.gold for r in g.readings) for fact, _ in _asked(g)}
        assert len(told) > 3
        assert all(fact.held_out == part.held_out for fact in told)
