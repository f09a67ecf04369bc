"""The cross-encoder at work: reads a question together with a passage, and says of each sentence how far it answers.

Its card says how many lower layers are those of the bundled embedder: they read question and passage apart, so that a
passage's are kept for the next question. The layers above were trained here and read both together, in int8.
"""

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load
from tokenizers import Tokenizer

from core.encoder.minilm import load_layers, load_words
from core.encoder.minilm_graph import LAYERS, build_layers, place_vectors
from core.encoder.onnx_encoder import open_session, read_card, verified
from core.encoder.packing import PAD, tokenize
from core.encoder.sentence_encoder import Row, Vectors, mean_spans, pack_question, pack_sentences
from core.errors import ModelError

BUNDLED = Path(__file__).resolve().parents[2] / "data" / "models" / "reader"
SHARED = 3  # lower layers that stay those of MiniLM, where the card names no other number
KEPT = 256  # rows whose lower half is kept, some 100 kB each


@dataclass(frozen=True, slots=True)
class Head:
    """Turns what the layers give into scores: cosine and a straight line.

    Attributes:
        side: Added to what the lower layers give for a question, or to its word vectors where there are none.
        weight: (2, width): of the product of both means, and of the sentence's.
    """

    side: Vectors
    weight: Vectors
    bias: float
    sharpness: float
    nothing: float

    def scores(self, hidden: Vectors, question: Row, passage: Row) -> list[float]:
        """Return the score of each sentence; `hidden` holds the question's tokens, then the passage's."""
        cut = len(question.ids)
        asked, own = hidden[:cut].mean(axis=0), hidden[cut:]
        means = np.stack([own[start:end].mean(axis=0) for start, end in passage.spans])
        cosine = mean_spans(own, passage.spans) @ (asked / np.linalg.norm(asked))
        more = (means * asked) @ self.weight[0] + means @ self.weight[1] + self.bias
        return (self.sharpness * (cosine - self.nothing) + more).tolist()  # type: ignore[no-any-return]


def question_row(tokenizer: Tokenizer, question: str) -> Row:
    """Return how a question is read, in training and at work."""
    return pack_question(tokenize(tokenizer, [question])[0])


def passage_rows(tokenizer: Tokenizer, heading: str, sentences: Sequence[str]) -> list[Row]:
    """Return how a passage is read, in training and at work; a sentence without tokens is read as one of padding."""
    start, *own = tokenize(tokenizer, [heading, *sentences])
    return pack_sentences(start, [each or [PAD] for each in own])


class CrossEncoder:
    """A cross-encoder: loads at first use. Safe to use from several threads."""

    def __init__(self, folder: Path = BUNDLED, *, threads: int = 1) -> None:
        """Take the folder of the weights and the cores that one call may use."""
        self._folder = folder
        self._threads = threads
        self._lock = threading.Lock()
        self._model: _Model | None = None

    def score(self, question: str, passages: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
        """Return the log-odds of each sentence against "nothing answers", for passages of a heading and sentences.

        Raises:
            ModelError: The weights are missing or not the expected ones.
        """
        if not passages:
            return []
        with self._lock:
            if self._model is None:
                self._model = _Model(self._folder, threads=self._threads)
        return self._model.score(question, passages)


class _Model:
    """The model in memory."""

    def __init__(self, folder: Path, *, threads: int) -> None:
        card = read_card(folder)
        weights = load(verified(folder / card["weights"], card["digest"]))
        layers = load_layers()
        self._tokenizer, self._words = load_words()
        self._places = place_vectors(layers)
        try:
            upper = {name: np.asarray(each, np.float32) for name, each in weights.items()}
            self._head = Head(
                upper["side"],
                upper["head.weight"].reshape(2, -1),
                float(upper["head.bias"][0]),
                float(upper["sharpness"]),
                float(upper["nothing"]),
            )
            shared = int(card.get("shared", SHARED))
            above = build_layers(upper, range(shared, LAYERS))
        except KeyError as exc:
            raise ModelError(f"The reader's weights in {folder} lack {exc}.") from exc
        self._above = open_session(above, threads=threads)
        self._below = open_session(build_layers(layers, range(shared)), threads=threads) if shared else None
        self._lower = lru_cache(maxsize=KEPT)(self._read_lower)
        self._turns = ThreadPoolExecutor(len(os.sched_getaffinity(0)), thread_name_prefix="cross")

    def score(self, question: str, passages: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
        """Return the scores of each passage's sentences; as many passages are read at a time as there are cores.

        The longest are read first, so that no core is left with one at the end.
        """
        asked = question_row(self._tokenizer, question)
        first = self._read_lower(asked.ids) + self._head.side
        rows = [passage_rows(self._tokenizer, *passage) for passage in passages]
        longest = sorted((row for own in rows for row in own), key=lambda row: -len(row.ids))
        read = dict(zip(longest, self._turns.map(lambda row: self._score(asked, first, row), longest), strict=True))
        return [[score for row in own for score in read[row]] for own in rows]

    def _score(self, asked: Row, first: Vectors, row: Row) -> list[float]:
        joint = np.concatenate([first, self._lower(row.ids)])
        return self._head.scores(_run(self._above, joint), asked, row)

    def _read_lower(self, ids: tuple[int, ...]) -> Vectors:
        vectors = self._words[list(ids)] + self._places[: len(ids)]
        return vectors if self._below is None else _run(self._below, vectors)


def _run(session: Any, tokens: NDArray[np.float32]) -> Vectors:
    (hidden,) = session.run(None, {"tokens": tokens[None]})
    return hidden[0]  # type: ignore[no-any-return]
