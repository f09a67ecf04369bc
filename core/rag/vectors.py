"""The vector index: Chroma in the data folder, or a Chroma server. It holds ids and vectors; texts stay in the store.

Vectors always come from our embedder, and a search only ever ranks chunks of the versions that it was given.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import chromadb
import numpy as np
from chromadb.api import ClientAPI
from chromadb.api.collection_configuration import CreateCollectionConfiguration, CreateHNSWConfiguration
from chromadb.config import Settings as ChromaSettings

from core.config import Settings
from core.errors import RetrievalError
from core.rag.embedding import DIMENSIONS, Vectors
from core.schema import Chunk

COLLECTION = "chunks"
PAGE = 1000
# Searching a tenth of 20,000 random vectors, recall@50 is 0.94 with Chroma's defaults and 1.00 with these.
GRAPH = CreateHNSWConfiguration(space="cosine", max_neighbors=32, ef_construction=200, ef_search=200)


VectorBatch = tuple[Sequence[str], Vectors, Sequence[Mapping[str, Any]]]
"""Ids, their vectors of shape (len(ids), DIMENSIONS), and of each its `dataset_id` and `version`."""


class VectorIndex:
    """Vectors of chunks, searched within given versions; `collection` names another set of them, such as cards."""

    def __init__(self, client: ClientAPI, *, collection: str = COLLECTION) -> None:
        with _as_retrieval_error("opened"):
            self._batch = min(PAGE, client.get_max_batch_size())
            self._chunks = client.get_or_create_collection(
                collection, embedding_function=None, configuration=CreateCollectionConfiguration(hnsw=GRAPH)
            )

    def add(self, chunks: Sequence[Chunk], *, vectors: Vectors) -> None:
        """Add chunks with their unit vectors; an id that is there is replaced.

        Raises:
            RetrievalError: The shapes differ, or the index can't be written.
        """
        if len(chunks) != len(vectors):
            raise RetrievalError(f"Each chunk needs one vector; found {len(chunks)} chunks and {len(vectors)} vectors.")
        metadatas = [{"dataset_id": chunk.dataset_id, "version": chunk.version} for chunk in chunks]
        self._upsert([chunk.id for chunk in chunks], vectors, metadatas)

    def remove(self, version: str) -> None:
        """Remove every chunk of a version."""
        with _as_retrieval_error("written"):
            self._chunks.delete(where={"version": version})

    def count(self, version: str) -> int:
        """Return how many chunks of a version the index holds."""
        with _as_retrieval_error("read"):
            return len(self._chunks.get(where={"version": version}, include=[])["ids"])

    def search(self, vector: Vectors, *, versions: Sequence[str], top_k: int) -> list[tuple[str, float]]:
        """Return the nearest chunks of these versions as (chunk id, cosine similarity), best first."""
        if not versions or top_k < 1:
            return []
        return self._ranked(vector, top_k=top_k, where={"version": {"$in": list(versions)}})

    def nearest(self, vector: Vectors, *, ids: Sequence[str] | None, top_k: int) -> list[tuple[str, float]]:
        """Return the nearest of these ids, of all when None, as `search` does; thousands of ids cost little.

        Ids that the index does not hold cost more, as Chroma refuses them.
        """
        if ids is None:
            return self._ranked(vector, top_k=top_k)
        if top_k < 1 or not ids:
            return []
        try:
            return self._ranked(vector, top_k=top_k, ids=list(ids))
        except RetrievalError:
            with _as_retrieval_error("searched"):
                held = self._chunks.get(ids=list(ids), include=[])["ids"]
            return self._ranked(vector, top_k=top_k, ids=held) if held else []

    def _ranked(self, vector: Vectors, *, top_k: int, **within: Any) -> list[tuple[str, float]]:
        with _as_retrieval_error("searched"):
            found = self._chunks.query(
                query_embeddings=np.asarray([vector]), n_results=top_k, include=["distances"], **within
            )
        distances = found["distances"] or [[]]
        return [(chunk_id, 1 - distance) for chunk_id, distance in zip(found["ids"][0], distances[0], strict=True)]

    def similarities(self, vector: Vectors, *, ids: Sequence[str]) -> dict[str, float]:
        """Return the cosine similarity of each of these chunks that the index holds."""
        if not ids:
            return {}
        with _as_retrieval_error("searched"):
            found = self._chunks.get(ids=list(ids), include=["embeddings"])
        cosines = np.asarray(found["embeddings"], dtype=np.float32).reshape(-1, DIMENSIONS) @ vector
        return dict(zip(found["ids"], cosines.tolist(), strict=True))

    def vectors_of(self, ids: Sequence[str]) -> dict[str, Vectors]:
        """Return the vectors of those of these ids that the index holds."""
        if not ids:
            return {}
        with _as_retrieval_error("read"):
            found = self._chunks.get(ids=list(ids), include=["embeddings"])
        return dict(zip(found["ids"], np.asarray(found["embeddings"], dtype=np.float32), strict=True))

    def export_all(self) -> Iterator[VectorBatch]:
        """Yield everything that the index holds, for backup."""
        ids = self._all_ids()
        for start in range(0, len(ids), self._batch):
            with _as_retrieval_error("read"):
                page = self._chunks.get(ids=ids[start : start + self._batch], include=["embeddings", "metadatas"])
            yield page["ids"], np.asarray(page["embeddings"], dtype=np.float32), page["metadatas"] or []

    def import_all(self, batches: Iterable[VectorBatch]) -> None:
        """Replace everything by batches that `export_all` gave, for restore."""
        ids = self._all_ids()
        for start in range(0, len(ids), self._batch):
            with _as_retrieval_error("written"):
                self._chunks.delete(ids=ids[start : start + self._batch])
        for new_ids, vectors, metadatas in batches:
            self._upsert(new_ids, vectors, metadatas)

    def _all_ids(self) -> list[str]:
        with _as_retrieval_error("read"):
            return self._chunks.get(include=[])["ids"]

    def _upsert(self, ids: Sequence[str], vectors: Vectors, metadatas: Sequence[Mapping[str, Any]]) -> None:
        for start in range(0, len(ids), self._batch):
            part = slice(start, start + self._batch)
            with _as_retrieval_error("written"):
                self._chunks.upsert(
                    ids=list(ids[part]), embeddings=vectors[part], metadatas=[dict(m) for m in metadatas[part]]
                )


def open_vectors(settings: Settings, *, collection: str = COLLECTION) -> VectorIndex:
    """Open the index that the settings name.

    Raises:
        RetrievalError: The folder or the server can't be used.
    """
    logging.getLogger("chromadb.telemetry").setLevel(logging.CRITICAL)
    quiet = ChromaSettings(anonymized_telemetry=False)
    if settings.chroma_url is not None:
        return VectorIndex(_server(settings.chroma_url, quiet), collection=collection)
    folder = settings.data_folder / "chroma"
    with _as_retrieval_error("opened"):
        folder.mkdir(parents=True, exist_ok=True)
        return VectorIndex(chromadb.PersistentClient(path=folder, settings=quiet), collection=collection)


def _server(url: str, quiet: ChromaSettings) -> ClientAPI:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or parts.hostname is None:
        raise RetrievalError(f"chroma_url is {url!r}; it should look like http://chroma.example.com:8000.")
    secure = parts.scheme == "https"
    with _as_retrieval_error("reached"):
        return chromadb.HttpClient(
            host=parts.hostname, port=parts.port or (443 if secure else 8000), ssl=secure, settings=quiet
        )


@contextmanager
def _as_retrieval_error(done: str) -> Iterator[None]:
    try:
        yield
    except RetrievalError:
        raise
    except Exception as exc:  # Chroma has no root error class, and its Rust part raises bare ones
        raise RetrievalError(f"The vector index can't be {done}: {exc}") from exc
