"""Finds evidence: dense and lexical search side by side, their scores fused, then read sentence by sentence.

Only the active versions of the given datasets are searched, and one answer never mixes two versions of a dataset:
when a version was replaced meanwhile, the search runs again. Who may use which dataset is decided by the caller; what
the caller does not name, or is not in use, is left out before anything is scored.

Of many datasets, cards say first which of them a question is about, and meaning is searched in those alone. Words are
searched in all, so that what a card does not say is found too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session, undefer

from core.encoder.sentence_encoder import SentenceEncoder, Vectors
from core.errors import RetrievalError
from core.rag.card_index import CardIndex
from core.rag.chunking import sentence_heading
from core.rag.embedding import DIMENSIONS, Embedder
from core.rag.fusion import fuse_scores
from core.rag.lexical import LexicalIndex
from core.rag.question import needs_evidence, question_parts, search_query
from core.rag.reader import Reader
from core.rag.sentences import split_sentences
from core.rag.vectors import VectorIndex
from core.schema import Evidence, Message, Retrieval
from core.store.database import Store
from core.store.tables import ChunkRow, Dataset

DEPTH = 50  # results taken from each index
READ = 16  # fused results that are read
SHORTLIST = 50  # datasets that cards choose from many
NEAREST = 3
NEARLY = 0.45  # of the best sentence's odds: a second sentence with as much is quoted too
ATTEMPTS = 3
ROWS_READ = 2  # groups of rows without vectors that are read by meaning for a question; each takes some 30 ms of a core
FEW = 100  # datasets that the database is asked for by name

TableAnswers = Callable[[str, Mapping[str, str]], Evidence | None]
"""Answers a question from the tables of datasets, given with their versions, those found first before the others."""


@dataclass(frozen=True, slots=True)
class _Source:
    title: str
    licence: str


@dataclass(frozen=True, slots=True)
class _Scored:
    """A passage with its sentences' scores for each part of the question."""

    row: ChunkRow
    source: _Source
    sentences: tuple[str, ...]
    by_part: list[list[float]]


class HybridRetriever:
    """Implements `core.schema.Retriever` over the store and both indexes."""

    def __init__(
        self,
        store: Store,
        vectors: VectorIndex,
        lexical: LexicalIndex,
        embedder: Embedder,
        encoder: SentenceEncoder,
        reader: Reader,
        *,
        threshold: float,
        cards: CardIndex | None = None,
        two_levels_above: int = SHORTLIST,
        table_answers: TableAnswers | None = None,
    ) -> None:
        """Take the parts, and the sentence score below which nothing answers.

        Args:
            store: Holds the chunks.
            vectors: Finds chunks by meaning.
            lexical: Finds chunks by words.
            embedder: Makes the query's vector.
            encoder: Reads sentences by meaning.
            reader: Scores sentences.
            threshold: Of a sentence's score.
            cards: Chooses datasets first; None for searching them all.
            two_levels_above: With more datasets than this, cards choose first.
            table_answers: Answers by a query over a table; None for answers from chunks alone.
        """
        self._store = store
        self._vectors = vectors
        self._lexical = lexical
        self._embedder = embedder
        self._encoder = encoder
        self._reader = reader
        self._threshold = threshold
        self._cards = cards
        self._two_levels_above = two_levels_above
        self._table_answers = table_answers

    def retrieve(self, conversation: Sequence[Message], *, dataset_ids: Sequence[str], top_k: int) -> Retrieval:
        """Return evidence for the last user message, from the active versions of these datasets only.

        Raises:
            RetrievalError: An index can't be searched, or the datasets change faster than a search runs.
            ModelError: The embedder can't be loaded.
        """
        last = next((m.content for m in reversed(conversation) if m.role == "user"), "")
        if not needs_evidence(last):
            return Retrieval("not_needed")
        query = search_query(conversation)
        for _ in range(ATTEMPTS):
            with self._store.read() as session:
                versions = _active_versions(session, dataset_ids)
            if not versions:
                return Retrieval("nothing")
            found = self._search(query, versions)
            with self._store.read() as session:
                if _active_versions(session, dataset_ids) == versions:
                    return self._read(session, query, found, top_k=top_k)
        raise RetrievalError("The attached datasets are being replaced; try again in a moment.")

    def _search(self, query: str, versions: dict[str, str]) -> list[tuple[str, float]]:
        """Return (chunk id, cosine similarity) of the best fused results."""
        vector = self._embedder.embed([query])[0]
        near = self._shortlist(query, vector, versions)
        dense = dict(self._vectors.search(vector, versions=near, top_k=DEPTH))
        lexical = dict(self._lexical.search(query, versions=sorted(versions.values()), top_k=DEPTH))
        lexical |= self._lexical.scores(query, ids=[i for i in dense if i not in lexical])
        dense |= self._vectors.similarities(vector, ids=[i for i in lexical if i not in dense])
        unknown = sum(dense.values()) / max(len(dense), 1)  # of chunks that are found by words alone
        dense |= {i: unknown for i in lexical if i not in dense}
        return [(chunk_id, dense[chunk_id]) for chunk_id, _ in fuse_scores(dense, lexical)[:READ]]

    def _shortlist(self, query: str, vector: Vectors, versions: dict[str, str]) -> list[str]:
        """Return the versions to search by meaning."""
        if self._cards is None or len(versions) <= self._two_levels_above:
            return sorted(versions.values())
        chosen = self._cards.search(query, dataset_ids=sorted(versions), top_k=SHORTLIST, vector=vector)
        return sorted(versions[dataset_id] for dataset_id, _ in chosen) or sorted(versions.values())

    def _read(self, session: Session, query: str, found: Sequence[tuple[str, float]], *, top_k: int) -> Retrieval:
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
        return _found(ranked)

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
        by_part = [
            self._reader.score(
                part,
                sentences,
                context=context,
                similarity=similarity,
                meanings=[similarity] * len(sentences) if vectors is None else (vectors @ vector).tolist(),
            )
            for part, vector in asked
        ]
        return _Scored(row, source, tuple(sentences), by_part)

    def _sentence_vectors(self, row: ChunkRow, sentences: Sequence[str]) -> Vectors:
        """Return the vectors that were made when the chunk came in; made now for a chunk from before there were any."""
        if row.sentence_vectors is not None:
            vectors = np.frombuffer(row.sentence_vectors, dtype=np.float16).reshape(-1, DIMENSIONS)
            if len(vectors) == len(sentences):
                return vectors.astype(np.float32)
        return self._encoder.passages([(sentence_heading(row.document, row.place), sentences)])[0]


def choose_answers(scores: Sequence[Sequence[Sequence[float]]], *, threshold: float) -> list[tuple[int, ...]]:
    """Return for each passage the places of the sentences to quote, best first.

    Each part of a question is answered by its best sentence. A question of one part is answered by two when the second
    is nearly as good, since then nothing tells which of them is meant.

    Args:
        scores: Of each sentence, by passage and by part of the question.
        threshold: Score below which a sentence answers nothing.
    """
    chosen: dict[tuple[int, int], float] = {}
    parts = len(scores[0]) if scores else 0
    for part in range(parts):
        found = {(p, s): score for p, passage in enumerate(scores) for s, score in enumerate(passage[part])}
        good = sorted((at for at in found if found[at] >= threshold), key=lambda at: -found[at])
        chosen |= {at: found[at] for at in good[:1]}
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


def _active_versions(session: Session, dataset_ids: Sequence[str]) -> dict[str, str]:
    """Return the version of each dataset that is retrievable; what is retired, waits or is in quarantine has none."""
    usable = (Dataset.state == "indexed") & Dataset.active_version.is_not(None)
    if len(dataset_ids) <= FEW:
        query = select(Dataset.id, Dataset.active_version).where(Dataset.id.in_(dataset_ids), usable)
        return {dataset_id: str(version) for dataset_id, version in session.execute(query)}
    # One long text takes a third of the time of thousands of parameters.
    lines = select(func.aggregate_strings(Dataset.id + " " + Dataset.active_version, "\n")).where(usable)
    found = dict(line.rsplit(" ", 1) for line in (session.scalar(lines) or "").splitlines())
    return {dataset_id: found[dataset_id] for dataset_id in dataset_ids if dataset_id in found}


def _sources(session: Session, dataset_ids: set[str]) -> dict[str, _Source]:
    query = select(Dataset.id, Dataset.title, Dataset.licence).where(Dataset.id.in_(dataset_ids))
    return {dataset_id: _Source(title, licence) for dataset_id, title, licence in session.execute(query)}
