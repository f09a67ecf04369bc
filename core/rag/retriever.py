"""Finds evidence: chunks are searched by meaning and by words, then read sentence by sentence.

One answer never mixes two versions of a dataset: when a version was replaced meanwhile, the search runs again. Who may
use which dataset is decided by the caller.
"""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import select

from core.encoder.sentence_encoder import SentenceEncoder
from core.errors import RetrievalError
from core.rag.active_versions import ActiveVersions
from core.rag.card_index import CardIndex
from core.rag.cross_reading import CrossReading
from core.rag.embedding import Embedder
from core.rag.lexical import LexicalIndex
from core.rag.question import needs_evidence, search_query
from core.rag.reader import Reader
from core.rag.reading import ChunkReading, TableAnswers
from core.rag.search import SHORTLIST, ChunkSearch
from core.rag.spread import spread
from core.rag.vectors import VectorIndex
from core.schema import Message, Retrieval
from core.store.database import Store
from core.store.tables import ChunkRow

ATTEMPTS = 3


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
        cross: CrossReading | None = None,
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
            cross: Judges the passages that the reader likes best; None for the reader alone.
            cards: Chooses datasets first; None for searching them all.
            two_levels_above: With more datasets than this, cards choose first.
            table_answers: Answers by a query over a table; None for answers from chunks alone.
        """
        self._store = store
        self._active = ActiveVersions()
        self._chunks = ChunkSearch(vectors, lexical, embedder, cards=cards, two_levels_above=two_levels_above)
        self._reading = ChunkReading(encoder, reader, threshold=threshold, cross=cross, table_answers=table_answers)

    def retrieve(
        self, conversation: Sequence[Message], *, dataset_ids: Sequence[str], top_k: int, as_of: date | None = None
    ) -> Retrieval:
        """Return evidence for the last user message, from the active versions of these datasets only.

        Args:
            conversation: What was said so far.
            dataset_ids: What may be searched.
            top_k: How many pieces of evidence at most.
            as_of: Leaves out what did not hold on this day, as the cards say it; None asks for no day.

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
                versions = self._active.of(session, dataset_ids, as_of=as_of)
            if not versions:
                return Retrieval("nothing")
            found = self._chunks.search(query, versions)
            with self._store.read() as session:
                if self._active.of(session, dataset_ids, as_of=as_of) == versions:
                    owners = select(ChunkRow.id, ChunkRow.dataset_id).where(ChunkRow.id.in_([i for i, _ in found]))
                    chosen = spread(found, dict(session.execute(owners).all()))
                    return self._reading.read(session, query, chosen, top_k=top_k)
        raise RetrievalError("The attached datasets are being replaced; try again in a moment.")
