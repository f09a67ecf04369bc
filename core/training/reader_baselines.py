"""What a trained reader is held against: the embedder's cosine, and shared words as retrieval reads by them today."""

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.rag.embedding import Embedder
from core.rag.lexical import LexicalIndex
from core.rag.reader import Reader
from core.schema import Chunk
from core.training.reader_data import Group, Labelled
from core.training.reader_evaluation import ReaderFigures, Scorer, Scores, evaluate_reader

COSINE, WORDS = "cosine", "words"
Figures = dict[str, list[ReaderFigures]]
"""By the name of the groups that were measured."""


def measure_baselines(tests: Mapping[str, Sequence[Group]], *, embedder: Embedder) -> dict[str, Figures]:
    """Return the figures of each baseline on each set of groups."""
    scorers = {COSINE: cosine_scorer(embedder), WORDS: words_scorer(embedder)}
    return {
        name: {test: evaluate_reader(scorer, groups) for test, groups in tests.items()}
        for name, scorer in scorers.items()
    }


def cosine_scorer(embedder: Embedder) -> Scorer:
    """Return the scorer that takes the cosine between a question and `heading: sentence`."""

    def score(groups: Sequence[Group]) -> list[Scores]:
        held = embed_once(embedder, (f"{r.heading}: {s}" for r in readings_of(groups) for s in r.sentences))
        asked = embed_once(embedder, (group.question for group in groups))
        return [
            [
                [float(asked[group.question] @ held[f"{reading.heading}: {s}"]) for s in reading.sentences]
                for reading in group.readings
            ]
            for group in groups
        ]

    return score


def words_scorer(embedder: Embedder) -> Scorer:
    """Return the scorer that `core.rag.reader` is; words are as rare as the measured groups make them."""

    def score(groups: Sequence[Group]) -> list[Scores]:
        held = embed_once(embedder, (text_of(reading) for reading in readings_of(groups)))
        asked = embed_once(embedder, (group.question for group in groups))
        with tempfile.TemporaryDirectory() as folder:
            reader = Reader(index_groups(Path(folder), groups))
            return [
                [
                    reader.score(
                        group.question,
                        reading.sentences,
                        context=reading.heading,
                        similarity=float(asked[group.question] @ held[text_of(reading)]),
                    )
                    for reading in group.readings
                ]
                for group in groups
            ]

    return score


def index_groups(folder: Path, groups: Sequence[Group]) -> LexicalIndex:
    """Return a lexical index of the groups' passages."""
    lexical = LexicalIndex(folder)
    texts = dict.fromkeys((r.heading, " ".join(r.sentences)) for r in readings_of(groups))
    chunks = [Chunk(f"c{n}", "groups", "1", heading, "", n, text) for n, (heading, text) in enumerate(texts)]
    with lexical.writing() as writer:
        writer.add(chunks)
        writer.commit()
    return lexical


def embed_once(embedder: Embedder, texts: Iterable[str]) -> dict[str, NDArray[np.float32]]:
    """Return the vector of each text."""
    once = list(dict.fromkeys(texts))
    return dict(zip(once, embedder.embed(once), strict=True))


def readings_of(groups: Sequence[Group]) -> Iterable[Labelled]:
    """Return the readings of all groups."""
    return (reading for group in groups for reading in group.readings)


def text_of(reading: Labelled) -> str:
    """Return what is embedded of a reading."""
    return f"{reading.heading}\n{' '.join(reading.sentences)}"
