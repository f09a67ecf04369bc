import ctypes
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from chromadb import PersistentClient
from chromadb.config import Settings as ChromaSettings

from core.config import Settings
from core.errors import RetrievalError
from core.rag.embedding import DIMENSIONS
from core.rag.vectors import HELD, VectorIndex, open_vectors
from tests.core.rag.chroma_server import chroma_server, chunks, free_port, random_vectors

PERTURB = -6  # glibc's M_PERTURB


def test_search_ranks_by_cosine_within_versions(vectors: VectorIndex) -> None:
    old, new = random_vectors(40, seed=1), random_vectors(40, seed=2)
    vectors.add(chunks(40, version="v1"), vectors=old)
    vectors.add(chunks(40, version="v2"), vectors=new)
    found = vectors.search(old[7], versions=["v1", "v2"], top_k=80)
    assert found[0] == ("v1-7", pytest.approx(1, abs=1e-4))
    assert len(found) == 80
    exact = {f"v1-{n}": float(old[7] @ old[n]) for n in range(40)} | {
        f"v2-{n}": float(old[7] @ new[n]) for n in range(40)
    }
    assert dict(found) == pytest.approx(exact, abs=1e-4)
    assert [s for _, s in found] == sorted((s for _, s in found), reverse=True)
    assert {i for i, _ in vectors.search(old[7], versions=["v2"], top_k=5)} <= {c.id for c in chunks(40, version="v2")}


def test_similarities_of_named_chunks_are_those_of_a_search(vectors: VectorIndex) -> None:
    kept = random_vectors(20, seed=1)
    vectors.add(chunks(20, version="v1"), vectors=kept)
    named = vectors.similarities(kept[3], ids=["v1-11", "v1-3", "unknown"])
    assert named == pytest.approx({"v1-3": 1.0, "v1-11": float(kept[3] @ kept[11])}, abs=1e-4)
    found = dict(vectors.search(kept[3], versions=["v1"], top_k=20))
    assert named == pytest.approx({each: found[each] for each in named}, abs=1e-6)
    assert vectors.similarities(kept[3], ids=["v1-11", "unknown", "v1-3"]) == pytest.approx(named, abs=1e-6)
    assert vectors.similarities(kept[3], ids=[]) == {}


def test_version_of_a_named_chunk_is_held_from_then_on(vectors: VectorIndex) -> None:
    kept = random_vectors(20, seed=1)
    vectors.add(chunks(20, version="v1"), vectors=kept)
    first = vectors.similarities(kept[3], ids=["v1-11"])
    vectors._chunks.delete(ids=["v1-11"])  # Chroma is asked no more
    assert vectors.similarities(kept[3], ids=["v1-11"]) == pytest.approx(first, abs=1e-6)
    vectors.remove("v1")
    assert vectors.similarities(kept[3], ids=["v1-11"]) == {}


def test_chunk_without_a_vector_is_asked_for_once_until_it_is_added(vectors: VectorIndex, monkeypatch) -> None:
    kept = random_vectors(2, seed=1)
    vectors.add(chunks(1, version="v1"), vectors=kept[:1])
    asked: list[list[str]] = []
    read = vectors._read
    monkeypatch.setattr(vectors, "_read", lambda ask, **how: (asked.append(how.get("ids", [])), read(ask, **how))[1])
    for _ in range(2):
        assert list(vectors.similarities(kept[0], ids=["v1-0", "v1-1"])) == ["v1-0"]
    assert [ids for ids in asked if "v1-1" in ids] == [["v1-0", "v1-1"]]
    vectors.add(chunks(2, version="v1")[1:], vectors=kept[1:])
    assert set(vectors.similarities(kept[0], ids=["v1-0", "v1-1"])) == {"v1-0", "v1-1"}


def test_versions_are_held_before_they_are_asked_for_while_there_is_room(vectors: VectorIndex, monkeypatch) -> None:
    kept = random_vectors(20, seed=1)
    for version in ("v1", "v2"):
        vectors.add(chunks(20, version=version), vectors=kept)
    assert vectors.hold(["v1", "unknown"])
    vectors._chunks.delete(ids=["v1-3", "v2-3"])  # Chroma is asked no more for what is held
    assert vectors.search(kept[3], versions=["v1"], top_k=1)[0][0] == "v1-3"
    assert vectors.search(kept[3], versions=["v2"], top_k=1)[0][0] != "v2-3"
    monkeypatch.setattr(vectors._held, "_max_bytes", 1)
    assert not vectors.hold(["v2"])


def test_nearest_of_named_chunks_leaves_others_out(vectors: VectorIndex) -> None:
    kept = random_vectors(20, seed=1)
    vectors.add(chunks(20, version="v1"), vectors=kept)
    assert [i for i, _ in vectors.nearest(kept[3], ids=["v1-3", "v1-5", "unknown"], top_k=9)] == ["v1-3", "v1-5"]
    assert vectors.nearest(kept[3], ids=None, top_k=1)[0][0] == "v1-3"
    assert vectors.nearest(kept[3], ids=["unknown"], top_k=1) == vectors.nearest(kept[3], ids=[], top_k=1) == []


def test_filter_comes_before_ranking(vectors: VectorIndex) -> None:
    crowd, few = random_vectors(HELD + 1, seed=3), random_vectors(3, seed=4)
    vectors.add(chunks(HELD + 1, version="crowd"), vectors=crowd)
    vectors.add(chunks(3, version="few"), vectors=few)
    assert len(vectors.search(crowd[0], versions=["few"], top_k=10)) == 3
    both = vectors.search(few[1] + 0.9 * crowd[17], versions=["few", "crowd"], top_k=2)
    assert [i for i, _ in both] == ["few-1", "crowd-17"]


def test_what_is_held_in_memory_follows_what_is_written(settings: Settings) -> None:
    row = DIMENSIONS * 2  # bytes
    index = open_vectors(settings.model_copy(update={"vectors_memory_mb": 1}))
    kept = random_vectors(2_000, seed=1)
    for n in range(4):
        index.add(chunks(500, version=f"v{n}"), vectors=kept[500 * n : 500 * n + 500])
    everything = [f"v{n}" for n in range(4)]
    for _ in range(2):  # all of it does not fit
        assert index.search(kept[700], versions=everything, top_k=1)[0][0] == "v1-200"
    assert 4 * 500 * row > 2**20
    index.add(chunks(1, version="v1"), vectors=kept[1999:])
    assert index.search(kept[1999], versions=["v1"], top_k=1)[0][0] == "v1-0"
    index.remove("v1")
    assert index.search(kept[700], versions=["v1"], top_k=1) == []


@pytest.mark.parametrize(("versions", "top_k"), [([], 5), (["v1"], 0), (["unknown"], 5)])
def test_search_of_nothing_finds_nothing(vectors: VectorIndex, versions: list[str], top_k: int) -> None:
    vectors.add(chunks(2, version="v1"), vectors=random_vectors(2, seed=5))
    assert vectors.search(random_vectors(1, seed=6)[0], versions=versions, top_k=top_k) == []


def test_adding_again_replaces(vectors: VectorIndex) -> None:
    for seed in (1, 2):
        vectors.add(chunks(3, version="v1"), vectors=random_vectors(3, seed=seed))
    assert vectors.count("v1") == 3
    assert vectors.search(random_vectors(3, seed=2)[1], versions=["v1"], top_k=1)[0][0] == "v1-1"


def test_removed_version_is_gone_and_others_stay(vectors: VectorIndex, settings: Settings) -> None:
    vectors.add(chunks(3, version="v1"), vectors=random_vectors(3, seed=1))
    vectors.add(chunks(2, version="v2"), vectors=random_vectors(2, seed=2))
    vectors.remove("v1")
    again = open_vectors(settings)
    assert (again.count("v1"), again.count("v2")) == (0, 2)


def test_export_and_import_carry_everything(vectors: VectorIndex, tmp_path: Path) -> None:
    kept = random_vectors(1203, seed=1)
    vectors.add(chunks(1203, version="v1"), vectors=kept)
    other = open_vectors(Settings(home=tmp_path / "other"))
    other.add(chunks(5, version="old"), vectors=random_vectors(5, seed=9))
    other.import_all(vectors.export_all())
    assert (other.count("old"), other.count("v1")) == (0, 1203)
    restored = {i: (v, m) for ids, vs, ms in other.export_all() for i, v, m in zip(ids, vs, ms, strict=True)}
    assert np.allclose([restored[f"v1-{n}"][0] for n in range(1203)], kept, atol=1e-6)
    assert restored["v1-0"][1] == {"dataset_id": "data", "version": "v1"}


def test_files_hold_nothing_of_what_lay_in_memory(tmp_path: Path) -> None:
    bare = PersistentClient(path=str(tmp_path / "bare"), settings=ChromaSettings(anonymized_telemetry=False))
    index = open_vectors(Settings(home=tmp_path / "ours"))
    allocator = ctypes.CDLL(None)
    allocator.mallopt(PERTURB, ord("Z") ^ 0xFF)  # memory is full of Z when it is handed out, as it may be of texts
    try:
        theirs = bare.create_collection("bare", embedding_function=None)
        theirs.upsert(ids=["one"], embeddings=random_vectors(1, seed=1))
        for count in (1, 30):
            index.add(chunks(count, version="v1"), vectors=random_vectors(count, seed=1))
    finally:
        allocator.mallopt(PERTURB, 0)
    [left], [ours] = (list((tmp_path / name).rglob("data_level0.bin")) for name in ("bare", "ours"))
    assert b"Z" * 100 in left.read_bytes()
    assert b"Z" * 100 not in ours.read_bytes()
    assert b"ZZZZ" not in ours.with_name("length.bin").read_bytes()
    kept = random_vectors(1200, seed=2)
    index.add(chunks(1200, version="v2"), vectors=kept)
    again = open_vectors(Settings(home=tmp_path / "ours"))
    assert again.nearest(kept[77], ids=None, top_k=1)[0][0] == "v2-77"


def test_shapes_that_differ_are_refused(vectors: VectorIndex) -> None:
    with pytest.raises(RetrievalError, match="found 2 chunks and 1 vectors"):
        vectors.add(chunks(2, version="v1"), vectors=random_vectors(1, seed=1))
    vectors.add(chunks(1, version="v1"), vectors=random_vectors(1, seed=1))
    with pytest.raises(RetrievalError, match="can't be written"):
        vectors.add(chunks(1, version="v2"), vectors=np.ones((1, 3), dtype=np.float32))


def test_folder_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "chroma").write_text("in the way")
    with pytest.raises(RetrievalError, match="can't be opened"):
        open_vectors(Settings(home=tmp_path))


@pytest.mark.parametrize("url", ["chroma:8000", "ftp://host", "http://"])
def test_malformed_server_url_is_an_error(tmp_path: Path, url: str) -> None:
    with pytest.raises(RetrievalError, match="chroma_url"):
        open_vectors(Settings(home=tmp_path, chroma_url=url))


def test_server_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RetrievalError, match="can't be reached"):
        open_vectors(Settings(home=tmp_path, chroma_url=f"http://127.0.0.1:{free_port()}"))


@pytest.fixture
def chroma_url(tmp_path: Path) -> Iterator[str]:
    with chroma_server(tmp_path / "server") as (url, _):
        yield url


def test_server_serves_what_embedded_serves(tmp_path: Path, chroma_url: str) -> None:
    index = open_vectors(Settings(home=tmp_path, chroma_url=chroma_url))
    some = random_vectors(6, seed=1)
    index.add(chunks(6, version="v1"), vectors=some)
    other_process = open_vectors(Settings(home=tmp_path / "elsewhere", chroma_url=chroma_url))
    assert other_process.search(some[2], versions=["v1"], top_k=1) == [("v1-2", pytest.approx(1, abs=1e-4))]
    index.remove("v1")
    assert other_process.count("v1") == 0
    assert not (tmp_path / "chroma").exists()
