import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.errors import RetrievalError
from core.rag.embedding import Embedder, Vectors
from core.rag.lexical import LexicalIndex
from core.rag.search import ChunkSearch
from core.rag.vectors import VectorIndex
from core.schema import Chunk

VERSIONS = {"boats": "v1"}
TEXTS = ("A canoe costs five pounds.", "The lake opens in May.", "Dogs stay ashore.")


class Watched(Embedder):
    """The embedder, which remembers how many asked it at the same time, and refuses one query."""

    def __init__(self) -> None:
        super().__init__()
        self.most = 0
        self._now = 0
        self._lock = threading.Lock()

    def embed(self, texts: Sequence[str]) -> Vectors:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        time.sleep(0.01)
        try:
            if texts[0] == "refused":
                raise RetrievalError("This one is refused.")
            return super().embed(texts)
        finally:
            with self._lock:
                self._now -= 1


def test_as_many_queries_as_cores_are_searched_for_at_once_and_one_that_fails_harms_no_other(
    vectors: VectorIndex, lexical: LexicalIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    chunks = [Chunk(f"c{n}", "boats", "v1", "Boats", "", n, text) for n, text in enumerate(TEXTS)]
    vectors.add(chunks, vectors=Embedder().embed(TEXTS))
    with lexical.writing() as writer:
        writer.add(chunks)
        writer.commit()
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    watched = Watched()
    search = ChunkSearch(vectors, lexical, watched)
    alone = [search.search(text, VERSIONS) for text in TEXTS]
    with ThreadPoolExecutor(8) as pool:
        refused = pool.submit(search.search, "refused", VERSIONS)
        at_once = list(pool.map(lambda text: search.search(text, VERSIONS), TEXTS * 4))
    assert at_once == alone * 4
    assert watched.most == 1
    with pytest.raises(RetrievalError, match="This one"):
        refused.result()
