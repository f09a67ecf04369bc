"""Finds chunks: dense and lexical search side by side, their scores fused.

Only the active versions of the given datasets are searched. What the caller does not name, or is not in use, is left
out before anything is scored.

Of many datasets, cards say first which of them a question is about, and meaning is searched in those alone. Words are
searched in all, so that what a card does not say is found too.
"""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from core.encoder.sentence_encoder import Vectors
from core.rag.card_index import CardIndex
from core.rag.embedding import Embedder
from core.rag.fusion import fuse_scores
from core.rag.lexical import LexicalIndex
from core.rag.vectors import VectorIndex

DEPTH = 50  # results taken from each index
SHORTLIST = 50  # datasets that cards choose from many


class ChunkSearch:
    """Finds the chunks that a query may be answered from, in both indexes."""

    def __init__(
        self,
        vectors: VectorIndex,
        lexical: LexicalIndex,
        embedder: Embedder,
        *,
        cards: CardIndex | None = None,
        two_levels_above: int = SHORTLIST,
    ) -> None:
        """Take the indexes; `cards` choose datasets first where there are more than `two_levels_above`."""
        self._vectors = vectors
        self._lexical = lexical
        self._embedder = embedder
        self._cards = cards
        self._two_levels_above = two_levels_above
        self._turns = ThreadPoolExecutor(len(os.sched_getaffinity(0)), thread_name_prefix="search")

    def search(self, query: str, versions: Mapping[str, str]) -> list[tuple[str, float]]:
        """Return (chunk id, cosine similarity) of all that either search found, best first.

        As many queries are searched for at the same time as there are cores, the others in the order in which they
        came: more threads only wait for one another, which takes a third more of the processor and twice the time.

        Args:
            query: What is searched for.
            versions: Dataset -> version; nothing else is scored.
        """
        return self._turns.submit(self._search, query, versions).result()

    def _search(self, query: str, versions: Mapping[str, str]) -> list[tuple[str, float]]:
        vector = self._embedder.embed([query])[0]
        near = self._shortlist(query, vector, versions)
        dense = dict(self._vectors.search(vector, versions=near, top_k=DEPTH))
        lexical = dict(self._lexical.search(query, versions=list(versions.values()), top_k=DEPTH))
        lexical |= self._lexical.scores(query, ids=[i for i in dense if i not in lexical])
        dense |= self._vectors.similarities(vector, ids=[i for i in lexical if i not in dense])
        unknown = sum(dense.values()) / max(len(dense), 1)  # of chunks that are found by words alone
        dense |= {i: unknown for i in lexical if i not in dense}
        return [(chunk_id, dense[chunk_id]) for chunk_id, _ in fuse_scores(dense, lexical)]

    def _shortlist(self, query: str, vector: Vectors, versions: Mapping[str, str]) -> list[str]:
        """Return the versions to search by meaning."""
        if self._cards is None or len(versions) <= self._two_levels_above:
            return sorted(versions.values())
        chosen = self._cards.search(query, dataset_ids=list(versions), top_k=SHORTLIST, vector=vector)
        return sorted(versions[dataset_id] for dataset_id, _ in chosen) or sorted(versions.values())
