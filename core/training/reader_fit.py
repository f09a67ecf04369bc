"""Weighs meaning against words in `core.rag.reader`: `python -m core.training.reader_fit DATA_FOLDER`.

The weights of words were chosen before there was a sentence encoder, and stay. How much the cosine of question and
sentence counts beside them is tried out on questions that the encoder did not learn from: those of the articles that
were kept out, each with the passages of these articles nearest to it, once with the passage that answers and once
without. The similarity of the whole passage gives way as meaning comes in. Only the bias is fitted, on every second
question, so that

    P(sentence s answers) = exp(total of s) / (1 + sum of exp(total of t) over all sentences t read)

makes the right sentences, or "nothing", likely. All else is measured.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.encoder.sentence_encoder import SentenceEncoder
from core.rag.embedding import Embedder
from core.rag.reader import BY_MEANING, BY_WORDS, Reader, Weights
from core.training.console import say
from core.training.reader_data import FACTS_TEST, QUESTIONS_TEST, TRAIN, Group, data_file, read_groups
from core.training.reader_texts import embed_once, index_groups, readings_of, text_of
from core.training.sentence_run import is_kept_out

READ = 16  # passages, as retrieval reads them
GIVEN_UP = 0.05
MEANINGS = (0.0, 3.0, 5.0, 7.0, 9.0)
WITHOUT_SIMILARITY = 9.0  # the weight of meaning at which that of similarity is 0
_STEPS = 40

Matrix = NDArray[np.float64]
Seen = list[tuple[Matrix, NDArray[np.bool_]]]
"""Of each question: the features of all sentences that are read for it, and which of them answer."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what each weight of meaning reaches, and what the product's weights do."""
    parser = argparse.ArgumentParser(description="Weigh meaning against words.")
    parser.add_argument("data", type=Path, metavar="DATA_FOLDER", help="folder of the groups")
    folder = parser.parse_args(arguments).data
    embedder, encoder = Embedder(), SentenceEncoder()
    kept = widen([g for g in read_groups(data_file(folder, TRAIN)) if is_kept_out(g)], embedder)

    def see_both(groups: Sequence[Group]) -> Seen:
        return [*see(groups, embedder, encoder), *see(map(without_answer, groups), embedder, encoder)]

    tests = {
        "kept-out articles": see_both(kept[1::2]),
        QUESTIONS_TEST: see(read_groups(data_file(folder, QUESTIONS_TEST)), embedder, encoder),
        FACTS_TEST: see(read_groups(data_file(folder, FACTS_TEST)), embedder, encoder),
    }
    learnt = see_both(kept[::2])
    tried = [fit_bias(learnt, with_meaning(meaning)) for meaning in MEANINGS]
    for name, weights in [*((f"meaning {w.of.meaning:.0f}", w) for w in tried), ("the product's", BY_MEANING)]:
        say(f"{name}: bias {weights.bias:.2f}, similarity {weights.of.similarity:.2f}")
        for test, seen in tests.items():
            say(f"  {test}: {describe(seen, weights)}")


def with_meaning(meaning: float) -> Weights:
    """Return the weights of words with this one of meaning beside them."""
    similarity = BY_WORDS.of.similarity * (1 - meaning / WITHOUT_SIMILARITY)
    return replace(BY_WORDS, of=replace(BY_WORDS.of, similarity=similarity, meaning=meaning))


def widen(groups: Iterable[Group], embedder: Embedder) -> list[Group]:
    """Return each question that is answered once, with the passages of all groups that are nearest to it."""
    asked = {group.question: group for group in groups if any(reading.gold for reading in group.readings)}
    passages = {text_of(reading): replace(reading, gold=()) for reading in readings_of(list(groups))}
    held = embed_once(embedder, passages)
    wanted = embed_once(embedder, asked)
    matrix = np.stack([held[text] for text in passages])
    widened = []
    for question, group in asked.items():
        answers = {text_of(reading): reading for reading in group.readings if reading.gold}
        nearest = [list(passages)[at] for at in np.argsort(-(matrix @ wanted[question]))[:READ]]
        others = [passages[text] for text in nearest if text not in answers]
        widened.append(Group(question, (*answers.values(), *others[: READ - len(answers)])))
    return widened


def without_answer(group: Group) -> Group:
    """Return a group without the passages that answer."""
    return replace(group, readings=tuple(reading for reading in group.readings if not reading.gold))


def see(groups: Iterable[Group], embedder: Embedder, encoder: SentenceEncoder) -> Seen:
    """Return what the reader sees in the sentences of each group."""
    groups = list(groups)
    passages = list(dict.fromkeys((r.heading, r.sentences) for r in readings_of(groups)))
    vectors = dict(zip(passages, encoder.passages(passages), strict=True))
    held = embed_once(embedder, (text_of(r) for r in readings_of(groups)))
    asked = embed_once(embedder, (group.question for group in groups))
    with tempfile.TemporaryDirectory() as folder:
        reader = Reader(index_groups(Path(folder), groups))
        return [
            _see(group, reader, encoder.question(group.question), vectors, held, asked[group.question])
            for group in groups
        ]


def fit_bias(seen: Seen, weights: Weights) -> Weights:
    """Return the weights with the bias that makes what is right likeliest, by bisection of its slope."""
    totals = [features @ np.array(astuple(weights.of)) for features, _ in seen]
    answered = sum(bool(gold.any()) for _, gold in seen) / len(seen)
    low, high = -40.0, 40.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        odds = [np.exp(np.clip(total + middle, -60, 60)).sum() for total in totals]
        found = float(np.mean([each / (1 + each) for each in odds]))
        low, high = (middle, high) if found < answered else (low, middle)
    return replace(weights, bias=(low + high) / 2)


def describe(seen: Seen, weights: Weights) -> str:
    """Return how often the best sentence is right, and how well its score tells that nothing answers."""
    scored = [(features @ np.array(astuple(weights.of)) + weights.bias, gold) for features, gold in seen]
    right = [bool(gold[scores.argmax()]) for scores, gold in scored if gold.any()]
    answered = np.array([scores.max() for scores, gold in scored if gold.any()])
    others = np.array([scores.max() for scores, gold in scored if not gold.any()])
    bar = np.quantile(answered, GIVEN_UP)
    return (
        f"right sentence {np.mean(right):.1%} of {len(right)}; abstains {(others < bar).mean():.1%} of {len(others)} "
        f"where {GIVEN_UP:.0%} are wrongly given up, at {1 / (1 + np.exp(-bar)):.2f}"
    )


def _see(
    group: Group, reader: Reader, question: NDArray[np.float32], vectors: Any, held: Any, asked: NDArray[np.float32]
) -> tuple[Matrix, NDArray[np.bool_]]:
    features = [
        astuple(each)
        for reading in group.readings
        for each in reader.features(
            group.question,
            reading.sentences,
            context=reading.heading,
            similarity=float(asked @ held[text_of(reading)]),
            meanings=(vectors[reading.heading, reading.sentences] @ question).tolist(),
        )
    ]
    gold = [at in reading.gold for reading in group.readings for at in range(len(reading.sentences))]
    return np.array(features), np.array(gold)


if __name__ == "__main__":
    main(sys.argv[1:])
