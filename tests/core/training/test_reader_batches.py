"""Tests for the reader's batches: all of a group's rows, within the limits, the same whoever lays them out."""

from dataclasses import fields, replace
from random import Random

import numpy as np
import pytest

from core.encoder.minilm import load_words
from core.encoder.packing import MAX_TOKENS
from core.training.reader_batches import Layout, Row, collate, encode_groups, lay_out, load_layouts, plan_batches
from core.training.reader_data import Group, Labelled

MEALS = Labelled("Travel > Meals", ("The policy covers meals.", "Meals are paid up to 60 USD a day."), (1,))
LASER = Labelled("Laser > Focus", ("The focus height is 7 mm.", "Clean the lens weekly."))
GROUPS = [
    Group("How much is paid for meals?", (LASER, MEALS)),
    Group("How high is the focus?", (replace(LASER, gold=(0,)), replace(MEALS, gold=()))),
    Group("What is the capital of France?", (LASER,)),
]


def rows_of(lengths: list[int]) -> list[Row]:
    marks, answers = np.array([1], np.int32), np.zeros(1, np.float32)
    return [Row(np.arange(length, dtype=np.int32), 1, marks, answers) for length in lengths]


def some_groups(count: int) -> list[list[Row]]:
    random = Random(4)
    return [rows_of([random.randint(8, 200) for _ in range(random.randint(1, 5))]) for _ in range(count)]


def test_a_batch_knows_which_sentences_answer() -> None:
    batch = collate(encode_groups(GROUPS, load_words()[0]), "cpu")
    assert batch.groups == 3
    assert batch.answers.tolist() == [0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
    assert batch.group.tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2]
    assert batch.row_answers.tolist() == [0, 1, 1, 0, 0]


def test_a_batch_is_padded_and_its_marks_stand_behind_sentences() -> None:
    encoded = encode_groups(GROUPS, load_words()[0])
    batch = collate(encoded, "cpu")
    rows = [row for group in encoded for row in group]
    assert batch.mask.sum(dim=1).tolist() == [len(row.ids) for row in rows]
    assert (batch.ids[batch.mask == 0] == 0).all()
    assert batch.types.sum(dim=1).tolist() == [len(row.ids) - row.question_length for row in rows]
    assert (batch.ids[batch.marks[:, 0], batch.marks[:, 1]] == 102).all()  # [SEP]


def test_a_long_passage_becomes_several_rows_that_keep_what_answers() -> None:
    sentences = tuple(f"Rule {n} says that visitors of hall {n} wear a badge at all times." for n in range(60))
    (rows,) = encode_groups([Group("What do they wear?", (Labelled("Rules", sentences, (3, 59)),))], load_words()[0])
    assert len(rows) > 1
    assert all(len(row.ids) <= MAX_TOKENS for row in rows)
    assert np.flatnonzero(np.concatenate([row.answers for row in rows])).tolist() == [3, 59]


@pytest.mark.parametrize(
    ("most", "batch_tokens"), [(4, 10**9), (10**9, 3_000), (6, 2_000)], ids=["groups", "tokens", "both"]
)
def test_an_epoch_holds_every_group_once_within_the_limits(most: int, batch_tokens: int) -> None:
    groups = some_groups(100)
    plan = plan_batches(groups, Random(1), most=most, batch_tokens=batch_tokens)
    assert sorted(place for batch in plan for place in batch) == list(range(100))
    assert all(len(batch) <= most for batch in plan)
    assert all(lay_out([groups[p] for p in batch]).ids.size <= batch_tokens for batch in plan)


def test_a_group_above_the_limit_makes_its_own_batch() -> None:
    groups = [rows_of([20]), rows_of([300, 300]), rows_of([24])]
    assert sorted(plan_batches(groups, Random(1), most=8, batch_tokens=64)) in ([[0, 2], [1]], [[1], [2, 0]])


def test_batches_hold_similar_lengths_in_an_order_of_each_epoch_s_own() -> None:
    groups, random = some_groups(400), Random(1)
    first, second = (plan_batches(groups, random, most=10**9, batch_tokens=8_000) for _ in range(2))
    assert first != second
    layouts = [lay_out([groups[p] for p in batch]) for batch in first]
    used, padded = sum(int(x.lengths[:, 1].sum()) for x in layouts), sum(x.ids.size for x in layouts)
    in_order = [lay_out(groups[at : at + 20]) for at in range(0, 400, 20)]
    assert used / padded > sum(int(x.lengths[:, 1].sum()) for x in in_order) / sum(x.ids.size for x in in_order)


def same(one: Layout, two: Layout) -> bool:
    return all(np.array_equal(getattr(one, field.name), getattr(two, field.name)) for field in fields(Layout))


def test_worker_processes_lay_out_the_same_batches_in_the_same_order() -> None:
    groups = some_groups(60)
    plan = plan_batches(groups, Random(2), most=4, batch_tokens=10**9)
    alone = list(load_layouts(groups, plan=plan, workers=0))
    helped = list(load_layouts(groups, plan=plan, workers=2))
    assert len(alone) == len(plan)
    assert all(same(one, two) for one, two in zip(alone, helped, strict=True))
    assert not any(same(one, two) for one, two in zip(alone[1:], helped, strict=False))
