"""Finds evidence: dense and lexical search side by side, fused, then read sentence by sentence.

Only the active versions of the given datasets are searched, and one answer never mixes two versions of a dataset:
when a version was replaced meanwhile, the search runs again. Who may use which dataset is decided by the caller.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import RetrievalError
from core.rag.embedding import Embedder
from core.rag.lexical import LexicalIndex
from core.rag.question import needs_evidence, search_query
from core.rag.reader import Reader
from core.rag.sentences import split_sentences
from core.rag.vectors import VectorIndex
from core.schema import Evidence, Message, Retrieval
from core.store.database import Store
from core.store.tables import ChunkRow, Dataset

DEPTH = 50  # results taken from each index
READ = 16  # fused results that are read
RRF_K = 60  # reciprocal rank fusion, Cormack, Clarke and Buettcher 2009
NEAREST = 3
ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class _Source:
    title: str
    licence: str


class HybridRetriever:
    """Implements `core.schema.Retriever` over the store and both indexes."""

    def __init__(
        self,
        store: Store,
        vectors: VectorIndex,
        lexical: LexicalIndex,
        embedder: Embedder,
        reader: Reader,
        *,
        threshold: float,
    ) -> None:
        """Take the parts, and the sentence score below which nothing answers."""
        self._store = store
        self._vectors = vectors
        self._lexical = lexical
        self._embedder = embedder
        self._reader = reader
        self._threshold = threshold

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
        within = sorted(versions.values())
        dense = dict(self._vectors.search(self._embedder.embed([query])[0], versions=within, top_k=DEPTH))
        lexical = [chunk_id for chunk_id, _ in self._lexical.search(query, versions=within, top_k=DEPTH)]
        least = min(dense.values(), default=0.0)
        return [(chunk_id, dense.get(chunk_id, least)) for chunk_id in fuse_ranks([list(dense), lexical])[:READ]]

    def _read(self, session: Session, query: str, found: Sequence[tuple[str, float]], *, top_k: int) -> Retrieval:
        rows = {row.id: row for row in session.scalars(select(ChunkRow).where(ChunkRow.id.in_([i for i, _ in found])))}
        titles = _sources(session, {row.dataset_id for row in rows.values()})
        read = [self._evidence(query, rows[i], titles, similarity=s) for i, s in found if i in rows]
        ranked = sorted(read, key=lambda e: -e.score)[:top_k]
        if not ranked or ranked[0].score < self._threshold:
            return Retrieval("nothing", nearest=tuple(dict.fromkeys(e.document for e in ranked))[:NEAREST])
        return Retrieval("found", tuple(replace(e, number=n) for n, e in enumerate(ranked, start=1)))

    def _evidence(self, query: str, row: ChunkRow, sources: dict[str, _Source], *, similarity: float) -> Evidence:
        sentences = split_sentences(row.text)
        context = f"{sources[row.dataset_id].title} {row.document} {row.place}"
        scores = self._reader.score(query, sentences, context=context, similarity=similarity)
        return Evidence(
            number=1,
            chunk_id=row.id,
            dataset_id=row.dataset_id,
            dataset_version=row.version,
            dataset_title=sources[row.dataset_id].title,
            document=row.document,
            place=row.place,
            licence=sources[row.dataset_id].licence,
            text=row.text,
            score=max(scores, default=0.0),
            sentences=tuple(sentences),
            sentence_scores=tuple(scores),
        )


def fuse_ranks(rankings: Sequence[Sequence[str]]) -> list[str]:
    """Return the union of rankings, best first by reciprocal rank fusion: the sum of 1 / (RRF_K + rank)."""
    scores: dict[str, float] = {}
    for ranking in rankings:
        for rank, item in enumerate(ranking, start=1):
            scores[item] = scores.get(item, 0.0) + 1 / (RRF_K + rank)
    return sorted(scores, key=lambda item: -scores[item])


def _active_versions(session: Session, dataset_ids: Sequence[str]) -> dict[str, str]:
    query = select(Dataset.id, Dataset.active_version).where(Dataset.id.in_(dataset_ids))
    return {dataset_id: version for dataset_id, version in session.execute(query) if version is not None}


def _sources(session: Session, dataset_ids: set[str]) -> dict[str, _Source]:
    query = select(Dataset.id, Dataset.title, Dataset.licence).where(Dataset.id.in_(dataset_ids))
    return {dataset_id: _Source(title, licence) for dataset_id, title, licence in session.execute(query)}
