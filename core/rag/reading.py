"""Reads found chunks sentence by sentence, and makes evidence of those that answer a question."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from core.encoder.sentence_encoder import SentenceEncoder, Vectors
from core.rag.chunking import sentence_heading
from core.rag.cross_reading import CrossReading
from core.rag.embedding import DIMENSIONS
from core.rag.question import question_parts
from core.rag.reader import Reader
from core.rag.sentences import split_sentences
from core.schema import Evidence, Retrieval
from core.store.tables import ChunkRow, Dataset

NEAREST = 3
NEARLY = 0.45  # of the best sentence's odds: a second sentence with as much is quoted too
ROWS_READ = 2  # groups of rows without vectors that are read by meaning for a question; each takes some 30 ms of a core
KEPT = 128  # such groups whose sentences' vectors are kept for the next question, some 40 kB each

TableAnswers = Callable[[str, Mapping[str, str]], Evidence | None]
"""Answers a question from the tables of datasets, given with their versions, those found first before the others."""


@dataclass(frozen=True, slots=True)
class _Source:
    title: str
    licence: str


@dataclass(frozen=True, slots=True)
class _Scored:
    """A passage with its sentences' cosines and scores for each part of the question."""

    row: ChunkRow
    source: _Source
    sentences: tuple[str, ...]
    meanings: list[list[float]]
    by_part: list[list[float]]


class ChunkReading:
    """Reads chunks for a question."""

    def __init__(
        self,
        encoder: SentenceEncoder,
        reader: Reader,
        *,
        threshold: float,
        cross: CrossReading | None = None,
        table_answers: TableAnswers | None = None,
    ) -> None:
        """Take what reads and scores sentences, and the score below which nothing answers.

        Without `cross`, what the reader says stands.
        """
        self._encoder = encoder
        self._reader = reader
        self._threshold = threshold
        self._cross = cross
        self._table_answers = table_answers
        self._read_now = lru_cache(maxsize=KEPT)(lambda *passage: encoder.passages([passage])[0])

    def read(self, session: Session, query: str, found: Sequence[tuple[str, float]], *, top_k: int) -> Retrieval:
        """Return evidence from the found chunks, best first.

        Args:
            session: Where the chunks are read from.
            query: What is asked.
            found: (chunk id, cosine similarity), best first.
            top_k: How many pieces of evidence at most.
        """
        wanted = select(ChunkRow).where(ChunkRow.id.in_([i for i, _ in found]))
        rows = {row.id: row for row in session.scalars(wanted.options(undefer(ChunkRow.sentence_vectors)))}
        sources = _sources(session, {row.dataset_id for row in rows.values()})
        asked = [(part, self._encoder.question(part)) for part in question_parts(query)]
        bare = [i for i, _ in found if i in rows and not rows[i].by_meaning][ROWS_READ:]
        scored = [
            self._score(asked, rows[i], sources[rows[i].dataset_id], similarity=s, by_meaning=i not in bare)
            for i, s in found
            if i in rows
        ]
        if self._cross is not None:
            scored = _judged(self._cross, [part for part, _ in asked], scored)
        answers = choose_answers([each.by_part for each in scored], threshold=self._threshold)
        evidence = [_evidence(each, answering) for each, answering in zip(scored, answers, strict=True)]
        ranked = sorted(evidence, key=lambda e: (not e.answering, -e.score))[:top_k]
        versions = {rows[i].dataset_id: rows[i].version for i, _ in found if i in rows}
        computed = self._table_answers(query, versions) if self._table_answers else None
        if computed is not None:
            beside = [replace(each, answering=()) for each in ranked]
            return _found([computed, *beside][:top_k])
        if not ranked or ranked[0].score < self._threshold:
            return Retrieval("nothing", nearest=tuple(dict.fromkeys(e.document for e in ranked))[:NEAREST])
        best = [max((max(e.by_part[n], default=0.0) for e in scored), default=0.0) for n in range(len(asked))]
        unanswered = tuple(n for n, score in enumerate(best, start=1) if score < self._threshold)
        return replace(_found(ranked), unanswered=unanswered)

    def _score(
        self,
        asked: Sequence[tuple[str, Vectors]],
        row: ChunkRow,
        source: _Source,
        *,
        similarity: float,
        by_meaning: bool,
    ) -> _Scored:
        """Read a passage; where not `by_meaning`, its likeness to the question stands for that of each sentence."""
        sentences = split_sentences(row.text)
        context = f"{source.title} {row.document} {row.place}"
        vectors = self._sentence_vectors(row, sentences) if by_meaning else None
        meanings = [
            [similarity] * len(sentences) if vectors is None else (vectors @ vector).tolist() for _, vector in asked
        ]
        by_part = [
            self._reader.score(part, sentences, context=context, similarity=similarity, meanings=meant)
            for (part, _), meant in zip(asked, meanings, strict=True)
        ]
        return _Scored(row, source, tuple(sentences), meanings, by_part)

    def _sentence_vectors(self, row: ChunkRow, sentences: Sequence[str]) -> Vectors:
        """Return the vectors that were made when the chunk came in; made now for a chunk from before there were any."""
        if row.sentence_vectors is not None:
            vectors = np.frombuffer(row.sentence_vectors, dtype=np.float16).reshape(-1, DIMENSIONS)
            if len(vectors) == len(sentences):
                return vectors.astype(np.float32)
        return self._read_now(sentence_heading(row.document, row.place), tuple(sentences))


def _judged(cross: CrossReading, parts: Sequence[str], scored: Sequence[_Scored]) -> list[_Scored]:
    """Return the passages with the scores that both readers give them."""
    passages = [(_headings(each), each.sentences) for each in scored]
    joined = [
        cross.score(
            part, passages, [each.by_part[n] for each in scored], meanings=[each.meanings[n] for each in scored]
        )
        for n, part in enumerate(parts)
    ]
    return [replace(each, by_part=[part[at] for part in joined]) for at, each in enumerate(scored)]


def _headings(scored: _Scored) -> str:
    """Return what a passage stands under: its dataset, which often names what a question is about, document, place."""
    own = sentence_heading(scored.row.document, scored.row.place)
    return own if scored.row.document.startswith(scored.source.title) else f"{scored.source.title} > {own}"


def choose_answers(scores: Sequence[Sequence[Sequence[float]]], *, threshold: float) -> list[tuple[int, ...]]:
    """Return for each passage the places of the sentences to quote, best first.

    Each part of a question is answered by the best sentence that answers no part before it. A question of one part is
    answered by two when the second is nearly as good, since then nothing tells which of them is meant.

    Args:
        scores: Of each sentence, by passage and by part of the question.
        threshold: Score below which a sentence answers nothing.
    """
    chosen: dict[tuple[int, int], float] = {}
    parts = len(scores[0]) if scores else 0
    for part in range(parts):
        found = {(p, s): score for p, passage in enumerate(scores) for s, score in enumerate(passage[part])}
        good = sorted((at for at in found if found[at] >= threshold), key=lambda at: -found[at])
        chosen |= {at: found[at] for at in [at for at in good if at not in chosen][:1]}
        if parts == 1:
            chosen |= {at: found[at] for at in good[1:2] if _odds(found[at]) >= NEARLY * _odds(found[good[0]])}
    return [tuple(sorted((s for q, s in chosen if q == p), key=lambda s: -chosen[p, s])) for p in range(len(scores))]


def _found(ranked: Sequence[Evidence]) -> Retrieval:
    return Retrieval("found", tuple(replace(e, number=n) for n, e in enumerate(ranked, start=1)))


def _odds(score: float) -> float:
    return score / max(1 - score, 1e-9)


def _evidence(scored: _Scored, answering: tuple[int, ...]) -> Evidence:
    scores = tuple(map(max, zip(*scored.by_part, strict=True)))
    return Evidence(
        number=1,
        chunk_id=scored.row.id,
        dataset_id=scored.row.dataset_id,
        dataset_version=scored.row.version,
        dataset_title=scored.source.title,
        document=scored.row.document,
        place=scored.row.place,
        licence=scored.source.licence,
        text=scored.row.text,
        score=max(scores, default=0.0),
        sentences=scored.sentences,
        sentence_scores=scores,
        answering=answering,
    )


def _sources(session: Session, dataset_ids: set[str]) -> dict[str, _Source]:
    query = select(Dataset.id, Dataset.title, Dataset.licence).where(Dataset.id.in_(dataset_ids))
    return {dataset_id: _Source(title, licence) for dataset_id, title, licence in session.execute(query)}
