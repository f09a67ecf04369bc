"""The sentence encoder at work: what each sentence of a passage says and what a question asks, as vectors that meet.

A passage is read whole, so that "It lasts two years" carries what "it" is; a sentence's vector is the mean of its own
tokens. The cosine between a question and a sentence says how far the sentence answers it, also in other words.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.encoder.onnx_encoder import OnnxEncoder
from core.encoder.packing import CLS, SEP

BUNDLED = Path(__file__).resolve().parents[2] / "data" / "models" / "sentences"
MAX_TOKENS = 300  # of a row; a longer passage is read in several
MAX_SENTENCE = 200
MAX_HEADING = 24  # the last ones: what stands nearest
MAX_QUESTION = 60

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Row:
    """What the encoder reads at once.

    Attributes:
        ids: Token ids.
        spans: Where each sentence begins and ends among them, in order.
    """

    ids: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]


def pack_sentences(heading: Sequence[int], sentences: Sequence[Sequence[int]]) -> list[Row]:
    """Return rows that together hold every sentence once, in order; one row unless the passage is long."""
    head = [CLS, *heading[-MAX_HEADING:], SEP]
    rows: list[Row] = []
    ids, spans = list(head), list[tuple[int, int]]()
    for sentence in sentences:
        cut = sentence[:MAX_SENTENCE]
        if spans and len(ids) + len(cut) >= MAX_TOKENS:
            rows.append(Row((*ids, SEP), tuple(spans)))
            ids, spans = list(head), []
        spans.append((len(ids), len(ids) + len(cut)))
        ids += cut
    return [*rows, Row((*ids, SEP), tuple(spans))] if spans else rows


def pack_question(question: Sequence[int]) -> Row:
    """Return the row of a question; of a long one the end counts, since it holds what is asked."""
    cut = question[-MAX_QUESTION:]
    return Row((CLS, *cut, SEP), ((0, len(cut) + 2),))


class SentenceEncoder:
    """A sentence encoder: loads at first use. Safe to use from several threads."""

    def __init__(self, folder: Path = BUNDLED, *, threads: int = 2) -> None:
        """Take the folder of the weights and the cores that one call may use."""
        self._folder = folder
        self._threads = threads
        self._loaded: OnnxEncoder | None = None

    def passages(self, passages: Sequence[tuple[str, Sequence[str]]]) -> list[Vectors]:
        """Return for each passage, a heading and its sentences, a unit vector per sentence.

        Raises:
            ModelError: The weights are missing or not the expected ones.
        """
        tokens = iter(
            self._encoder.tokenize([text for heading, sentences in passages for text in (heading, *sentences)])
        )
        packed = [pack_sentences(next(tokens), [next(tokens) for _ in sentences]) for _, sentences in passages]
        vectors = self._encode([row for rows in packed for row in rows])
        return [np.concatenate([next(vectors) for _ in rows] or [_none()]) for rows in packed]

    def question(self, question: str) -> Vectors:
        """Return the unit vector of a question.

        Raises:
            ModelError: The weights are missing or not the expected ones.
        """
        row = pack_question(self._encoder.tokenize([question])[0])
        return next(self._encode([row]))[0]  # type: ignore[no-any-return]

    def _encode(self, rows: Sequence[Row]) -> Iterator[Vectors]:
        """Yield the vectors of each row's spans. A row is read alone: beside others, int8 would round it otherwise."""
        for row in rows:
            (hidden,) = self._encoder.run([row.ids])
            yield mean_spans(hidden[0], row.spans)

    @property
    def _encoder(self) -> OnnxEncoder:
        if self._loaded is None:
            self._loaded = OnnxEncoder(self._folder, threads=self._threads)
        return self._loaded


def mean_spans(hidden: NDArray[np.float32], spans: Sequence[tuple[int, int]]) -> Vectors:
    """Return the unit mean of each span of a row's token vectors; zeros for an empty span."""
    means = np.stack(
        [hidden[start:end].mean(axis=0) if end > start else np.zeros_like(hidden[0]) for start, end in spans]
    )
    return means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)  # type: ignore[no-any-return]


def _none() -> Vectors:
    return np.empty((0, 384), dtype=np.float32)
