"""Tests for joining the cross-encoder with the reader, and for what the join is measured on."""

import json
from pathlib import Path

import numpy as np

from core.rag.cross_reading import UNREAD, Joint
from core.rag.embedding import Embedder
from core.training.cross_data import load_written
from core.training.cross_fit import Seen, both_ways, describe, fit_joint, totals, written_groups

RANDOM = np.random.default_rng(1)


def seen(words: list[float], cross: list[float], *, gold: int | None = None, judged: bool = True) -> Seen:
    count = len(words)
    right = np.array([at == gold for at in range(count)])
    passage = np.arange(count)
    return Seen(
        np.array(words),
        np.array(cross),
        RANDOM.normal(0.4, 0.01, count),
        passage,
        right,
        np.full(count, judged),
        tuple(range(count)),
    )


def questions(count: int) -> list[Seen]:
    """Return questions where words know nothing and the cross-encoder is right with some noise; half have no answer."""
    found = []
    for at in range(count):
        cross = RANDOM.normal(-2.0, 1.0, 4)
        gold = at % 4 if at % 2 else None
        if gold is not None:
            cross[gold] += 4
        found.append(seen(RANDOM.normal(0.0, 1.0, 4).tolist(), cross.tolist(), gold=gold))
    return found


def test_the_better_judge_counts_more_and_no_more_is_answered_wrongly() -> None:
    joint = fit_joint(questions(200), read=4)
    assert joint.cross > 3 * abs(joint.words)
    said = describe(questions(200), joint, read=4)
    alone = describe(questions(200), Joint(1.0, 0.0, 0.0, 0.0), read=0)
    share = {text: float(text.split("right sentence ")[1].split("%")[0]) for text in (said, alone)}
    assert share[said] > 90 > 60 > share[alone]
    assert "of 100; given up where nothing answers" in said


def test_what_was_not_read_or_may_not_be_judged_keeps_its_place() -> None:
    joint = Joint(0.5, 1.0, 0.0, 0.0)
    assert totals(joint, seen([2.0, 2.0], [3.0, 3.0]), read=1).tolist() == [4.0, 1.0 + UNREAD]
    assert totals(joint, seen([2.0, 2.0], [3.0, 3.0], judged=False), read=2).tolist() == [2.0, 2.0]


def test_wordings_are_asked_with_their_passage_and_without_it(tmp_path: Path) -> None:
    rows = [
        {
            "id": f"p{number}",
            "domain": "inns",
            "heading": f"Inn {number} > Rules",
            "sentences": [f"Inn {number} opens at {number}.", "Dogs stay in the yard."],
            "questions": [
                {"answers": 0, "direct": f"When does inn {number} open?", "other_words": [f"opening time inn {number}"]}
            ],
            "unanswered": [f"Who owns inn {number}?"],
        }
        for number in range(40)
    ]
    (tmp_path / "passages_inns.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    passages = load_written(tmp_path)
    kept = [at for at, passage in enumerate(passages) if passage.is_kept_out]
    assert 0 < len(kept) < 12
    (with_it, without, *_) = written_groups(passages, kept[:1], Embedder(threads=1))
    assert with_it.question == without.question == passages[kept[0]].questions[0].wordings[0]
    assert [r.gold for r in with_it.readings if r.gold] == [(0,)]
    assert not any(r.gold or r.heading == passages[kept[0]].heading for r in without.readings)
    assert len(both_ways([with_it])) == 2
