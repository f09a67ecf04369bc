"""Tests for the made-up policies: filled, repeatable, split, and with golds that hold."""

from random import Random

from core.training.starter_policies import build_policy, load_facts


def test_every_slot_is_filled() -> None:
    for seed in range(200):
        sheet = build_policy(Random(seed), rules=9)
        texts = [*sheet.passage.sentences, *(q.text for q in sheet.questions), *sheet.follow_ups]
        assert not any("{" in text or "}" in text for text in texts)


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
