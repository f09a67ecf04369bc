"""Tests for the made-up policies: filled, repeatable, split, with golds that hold and follow-ups that ask for them."""

import re
from random import Random

from core.training.starter_policies import build_policy, build_table, load_facts


def pattern(template: str) -> str:
    """Return what matches a template however its slots are filled."""
    return ".+?".join(re.escape(part) for part in re.split(r"\{\w+\}", template))


def test_every_slot_is_filled() -> None:
    for seed in range(200):
        sheet = build_policy(Random(seed), rules=9)
        asked = [*(q.text for q in sheet.questions), *sheet.follow_ups, *sheet.earlier]
        near = [text for passage in sheet.near for text in passage.sentences]
        assert not any("{" in text or "}" in text for text in [*sheet.passage.sentences, *asked, *near])


def test_the_same_seed_makes_the_same_policy() -> None:
    assert build_policy(Random(7), rules=5) == build_policy(Random(7), rules=5)


def test_some_facts_are_kept_for_evaluation() -> None:
    kept = [fact for fact in load_facts() if fact.held_out]
    assert 0 < len(kept) < len(load_facts()) / 3


def test_near_passages_hold_no_gold() -> None:
    for seed in range(200):
        sheet = build_policy(Random(seed), rules=6)
        near = {text for passage in sheet.near for text in passage.sentences}
        assert not near & {sheet.passage.sentences[q.gold] for q in sheet.questions}


def test_follow_ups_name_their_own_thing_or_ask_their_own_question() -> None:
    questions = {fact.name: fact.questions for fact in load_facts()}
    kinds = {True: 0, False: 0}
    for seed in range(600):
        sheet = build_policy(Random(seed), rules=9, held_out=seed % 3 == 0)
        for (name, *_), question, follow_up in zip(sheet.keys, sheet.questions, sheet.follow_ups, strict=True):
            short = re.fullmatch(r"(?:And|What about|and for|How about) (.+)\?", follow_up)
            gold = sheet.passage.sentences[question.gold]
            is_short = short is not None and short[1].lower() in gold.lower()
            kinds[is_short] += 1
            whole = any(re.search(pattern(q), follow_up, re.I) for q in questions[name])
            assert is_short or whole, f"{follow_up!r} asks for {gold!r}"
    assert min(kinds.values()) > 100


def test_a_follow_up_is_asked_behind_the_same_question_about_another_thing() -> None:
    questions = {fact.name: fact.questions for fact in load_facts()}
    found = 0
    for seed in range(300):
        sheet = build_policy(Random(seed), rules=9)
        for (name, *about), earlier in zip(sheet.keys, sheet.earlier, strict=True):
            if about:
                found += 1
                assert any(re.fullmatch(pattern(q), earlier) for q in questions[name])
                assert not any(re.search(rf"\b{re.escape(each)}\b", earlier) for each in about)
            else:
                assert earlier in {q.text for q in sheet.questions}
    assert found > 100


def test_keys_tell_apart_what_questions_name_and_nothing_else() -> None:
    facts = {fact.name: fact for fact in load_facts()}
    assert facts["hr-parental"].subject == ()
    assert facts["rule-0"].subject == ("item",)
    assert facts["rule-2"].subject == ("item",)  # one of its questions names an amount, the other does not
    assert facts["man-error"].subject == ("code",)


def test_rows_of_a_table_are_told_apart_by_name() -> None:
    for seed in range(50):
        sheet = build_table(Random(seed), rows=6)
        assert len(set(sheet.keys)) == 6
        for (_, name), row, follow_up in zip(sheet.keys, sheet.passage.sentences, sheet.follow_ups, strict=True):
            assert f": {name} | " in row
            assert name in follow_up
