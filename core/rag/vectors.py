"""The vector index: Chroma in the data folder, or a Chroma server. It holds ids and vectors; texts stay in the store.

Vectors always come from our embedder, and a search only ever ranks chunks of the versions that it was given.

What was read of a version is held in memory; the vectors of a version that is in use never change. A version of very
many chunks is not held: Chroma's graph searches it.

An embedded Chroma does not see what another process writes into its folder. So each writer leaves a mark there, and who
finds the mark of another opens the folder anew: before it writes, and when a search fails.

Chroma keeps room for 100 vectors in the files of a new graph, filled with whatever lay in this process's memory: texts
that were erased since, say. So the first write of an index clears that room.
"""

import logging
import os
import struct
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
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
from core.rag.held_vectors import Block, HeldVectors, rank, to_float32
from core.schema import Chunk

COLLECTION = "chunks"
MARK = "last-writer"
_USED = struct.Struct("<IQQQ")  # how the header of a graph begins; its last number is that of the vectors
_OPENED = count()  # Chroma hands out what is open under a path already; another spelling of it is opened anew
PAGE = 1000
MOST_WITHOUT = 100_000
HELD = 1_500  # chunks of a version, at most, that are held in memory and searched exactly
HELD_BYTES = 2**30
# Searching a tenth of 20,000 random vectors, recall@50 is 0.94 with Chroma's defaults and 1.00 with these.
GRAPH = CreateHNSWConfiguration(space="cosine", max_neighbors=32, ef_construction=200, ef_search=200)


VectorBatch = tuple[Sequence[str], Vectors, Sequence[Mapping[str, Any]]]
"""Ids, their vectors of shape (len(ids), DIMENSIONS), and of each its `dataset_id` and `version`."""


class VectorIndex:
    """Vectors of chunks, searched within given versions; `collection` names another set of them, such as cards."""

    def __init__(
        self,
        connect: Callable[[], ClientAPI],
        *,
        collection: str = COLLECTION,
        mark: Path | None = None,
        held_bytes: int = HELD_BYTES,
        graph: CreateHNSWConfiguration = GRAPH,
    ) -> None:
        """Take what opens Chroma, and how to use it.

        Args:
            connect: Opens Chroma.
            collection: The set of vectors.
            mark: The file in which writers of an embedded Chroma leave their mark; None for a server.
            held_bytes: The most that is held in memory.
            graph: Of a collection that is made anew.
        """
        self._graph = graph
        self._held = HeldVectors(held_bytes)
        self._large: set[str] = set()  # versions of more than HELD vectors
        self._without: set[str] = set()  # ids that the index doesn't hold: of chunks that words alone find
        self._connect = connect
        self._collection = collection
        self._mark = mark
        self._seen = self._read_mark()
        self._writes = 0
        self._is_cleared = mark is None
        self._lock = threading.Lock()
        self._open()

    def add(self, chunks: Sequence[Chunk], *, vectors: Vectors) -> None:
        """Add chunks with their unit vectors; an id that is there is replaced.

        Raises:
            RetrievalError: The shapes differ, or the index can't be written.
        """
        if len(chunks) != len(vectors):
            raise RetrievalError(f"Each chunk needs one vector; found {len(chunks)} chunks and {len(vectors)} vectors.")
        metadatas = [{"dataset_id": chunk.dataset_id, "version": chunk.version} for chunk in chunks]
        self._upsert([chunk.id for chunk in chunks], vectors, metadatas)
        self._without.difference_update(chunk.id for chunk in chunks)
        for version in {chunk.version for chunk in chunks}:
            self._forget(version)

    def remove(self, version: str) -> None:
        """Remove every chunk of a version."""
        self._write("delete", where={"version": version})
        self._forget(version)

    def count(self, version: str) -> int:
        """Return how many chunks of a version the index holds."""
        return len(self._read("get", where={"version": version}, include=[])["ids"])

    def search(self, vector: Vectors, *, versions: Sequence[str], top_k: int) -> list[tuple[str, float]]:
        """Return the nearest chunks of these versions as (chunk id, cosine similarity), best first."""
        if not versions or top_k < 1:
            return []
        held = self._held.find(versions)
        missing = self._missing(versions, held)
        held |= self._load(missing) if missing else {}
        ranked = rank([held[version] for version in versions if version in held], vector, top_k=top_k)
        if large := [version for version in versions if version not in held]:
            ranked += self._ranked(vector, top_k=top_k, where={"version": {"$in": large}})
            ranked = sorted(ranked, key=lambda found: -found[1])[:top_k]
        return ranked

    def hold(self, versions: Sequence[str]) -> bool:
        """Read what is not yet in memory of these versions; say whether there is room for more."""
        missing = self._missing(versions, self._held.find(versions))
        if missing and self._held.has_room():
            self._load(missing)
        return self._held.has_room()

    def _missing(self, versions: Sequence[str], held: Mapping[str, Block]) -> list[str]:
        return [version for version in versions if version not in held and version not in self._large]

    def _load(self, versions: Sequence[str]) -> dict[str, Block]:
        """Read vectors and hold them; a version of very many is only noted."""
        self._catch_up()
        found = self._read("get", where={"version": {"$in": list(versions)}}, include=["metadatas"])
        ids: dict[str, list[str]] = {version: [] for version in versions}
        for chunk_id, metadata in sorted(zip(found["ids"], found["metadatas"], strict=True), key=lambda row: row[0]):
            ids[metadata["version"]].append(chunk_id)
        self._large |= {version for version in versions if len(ids[version]) > HELD}
        small = [version for version in versions if version not in self._large]
        vectors = self.vectors_of([chunk_id for version in small for chunk_id in ids[version]])
        blocks = {}
        for version in small:
            there = [chunk_id for chunk_id in ids[version] if chunk_id in vectors]  # all, unless it is being removed
            rows = np.asarray([vectors[chunk_id] for chunk_id in there], dtype=np.float16).reshape(-1, DIMENSIONS)
            blocks[version] = Block(tuple(there), rows)
            if len(there) == len(ids[version]):
                self._held.keep(version, blocks[version])
        return blocks

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
            held = self._read("get", ids=list(ids), include=[])["ids"]
            return self._ranked(vector, top_k=top_k, ids=held) if held else []

    def _ranked(self, vector: Vectors, *, top_k: int, **within: Any) -> list[tuple[str, float]]:
        asked = np.asarray([vector])
        found = self._read("query", query_embeddings=asked, n_results=top_k, include=["distances"], **within)
        distances = found["distances"] or [[]]
        return [(chunk_id, 1 - distance) for chunk_id, distance in zip(found["ids"][0], distances[0], strict=True)]

    def similarities(self, vector: Vectors, *, ids: Sequence[str]) -> dict[str, float]:
        """Return the cosine similarity of each of these chunks that the index holds, as `search` gives it.

        While there is room, their versions are held from now on: what words found once they find again. So this is for
        chunks, whose vectors never change while their version is in use.
        """
        rows = self._held.rows(ids)
        if missing := [each for each in ids if each not in rows and each not in self._without]:
            found = self._read("get", ids=missing, include=["embeddings", "metadatas"])
            self._note_without(missing, found["ids"])
            rows |= zip(found["ids"], np.asarray(found["embeddings"], dtype=np.float16), strict=True)
            versions = {metadata["version"] for metadata in found["metadatas"]} - self._large
            if versions and self._held.has_room():
                self._load(sorted(versions))
        if not rows:
            return {}
        cosines = to_float32(np.stack(list(rows.values()))) @ vector
        return dict(zip(rows, cosines.tolist(), strict=True))

    def vectors_of(self, ids: Sequence[str]) -> dict[str, Vectors]:
        """Return the vectors of those of these ids that the index holds."""
        if not ids:
            return {}
        found = self._read("get", ids=list(ids), include=["embeddings"])
        return dict(zip(found["ids"], np.asarray(found["embeddings"], dtype=np.float32), strict=True))

    def export_all(self) -> Iterator[VectorBatch]:
        """Yield everything that the index holds, for backup."""
        ids = self._all_ids()
        for start in range(0, len(ids), self._batch):
            part = ids[start : start + self._batch]
            page = self._read("get", ids=part, include=["embeddings", "metadatas"])
            yield page["ids"], np.asarray(page["embeddings"], dtype=np.float32), page["metadatas"] or []

    def import_all(self, batches: Iterable[VectorBatch]) -> None:
        """Replace everything by batches that `export_all` gave, for restore."""
        ids = self._all_ids()
        for start in range(0, len(ids), self._batch):
            part = ids[start : start + self._batch]
            self._write("delete", ids=part)
        for new_ids, vectors, metadatas in batches:
            self._upsert(new_ids, vectors, metadatas)
        self._held.clear()
        self._large.clear()
        self._without.clear()

    def mark(self) -> str | None:
        """Return what changes with every write of any process; None where that can't be told, as of a server.

        Reads from now on see all that stood there when the mark was written.
        """
        if self._mark is None:
            return None
        self._catch_up()
        return self._seen

    def _all_ids(self) -> list[str]:
        ids: list[str] = self._read("get", include=[])["ids"]
        return ids

    def _upsert(self, ids: Sequence[str], vectors: Vectors, metadatas: Sequence[Mapping[str, Any]]) -> None:
        for start in range(0, len(ids), self._batch):
            part = slice(start, start + self._batch)
            rows = {
                "ids": list(ids[part]),
                "embeddings": vectors[part],
                "metadatas": [dict(m) for m in metadatas[part]],
            }
            self._write("upsert", **rows)

    def _note_without(self, asked: Sequence[str], found: Sequence[str]) -> None:
        """Remember which ids need not be asked for again; a server doesn't tell when that changes."""
        if self._mark is not None:
            if len(self._without) > MOST_WITHOUT:
                self._without.clear()
            self._without |= set(asked) - set(found)

    def _forget(self, version: str) -> None:
        self._held.drop(version)
        self._large.discard(version)

    def _read(self, ask: str, **how: Any) -> Any:
        opened = self._chunks
        try:
            with _as_retrieval_error("searched"):
                return getattr(opened, ask)(**how)
        except RetrievalError:
            if not self._catch_up() and opened is self._chunks:
                raise
            with _as_retrieval_error("searched"):
                return getattr(self._chunks, ask)(**how)

    def _write(self, change: str, **how: Any) -> None:
        self._catch_up()
        with _as_retrieval_error("written"):
            getattr(self._chunks, change)(**how)
            if self._mark is not None:
                self._writes += 1
                self._seen = f"{os.getpid()} {id(self)} {self._writes}"
                self._mark.write_text(self._seen)
                if change == "upsert" and not self._is_cleared:
                    _clear_unused(self._mark.parent)
                    self._is_cleared = True

    def _open(self) -> None:
        with _as_retrieval_error("opened"):
            self._client: Any = self._connect()  # its published type lacks `close`
            self._batch = min(PAGE, self._client.get_max_batch_size())
            self._chunks = self._client.get_or_create_collection(
                self._collection, embedding_function=None, configuration=CreateCollectionConfiguration(hnsw=self._graph)
            )

    def _catch_up(self) -> bool:
        """Open the folder anew if another wrote to it since; say whether that was so."""
        with self._lock:
            mark = self._read_mark()
            if mark == self._seen:
                return False
            before = self._client
            self._open()
            before.close()
            self._without.clear()
            self._seen = mark
            return True

    def _read_mark(self) -> str:
        with _as_retrieval_error("read"):
            return self._mark.read_text() if self._mark is not None and self._mark.exists() else ""


def open_vectors(
    settings: Settings, *, collection: str = COLLECTION, graph: CreateHNSWConfiguration = GRAPH
) -> VectorIndex:
    """Open the index that the settings name, with this graph where it is made anew.

    Raises:
        RetrievalError: The folder or the server can't be used.
    """
    logging.getLogger("chromadb.telemetry").setLevel(logging.CRITICAL)
    quiet = ChromaSettings(anonymized_telemetry=False)
    held_bytes = settings.vectors_memory_mb * 2**20
    if settings.chroma_url is not None:
        url = settings.chroma_url
        return VectorIndex(lambda: _server(url, quiet), collection=collection, held_bytes=held_bytes, graph=graph)
    folder = settings.data_folder / "chroma"
    with _as_retrieval_error("opened"):
        folder.mkdir(parents=True, exist_ok=True)
    return VectorIndex(
        lambda: chromadb.PersistentClient(path=f"{folder}{'/.' * next(_OPENED)}", settings=quiet),
        collection=collection,
        mark=folder / f"{MARK}-{collection}",
        held_bytes=held_bytes,
        graph=graph,
    )


def _clear_unused(folder: Path) -> None:
    """Overwrite the files of graphs that hold no vector yet, unless they are clear."""
    for header in folder.glob("*/header.bin"):
        data = header.read_bytes()
        if len(data) >= _USED.size and _USED.unpack_from(data)[-1] == 0:
            for path in (header.with_name("data_level0.bin"), header.with_name("length.bin")):
                if any(path.read_bytes()):
                    with path.open("r+b") as file:
                        file.write(bytes(path.stat().st_size))


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
