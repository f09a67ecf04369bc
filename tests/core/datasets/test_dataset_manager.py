import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import func, select

from core.config import Settings
from core.datasets import catalog
from core.datasets.card import DatasetCard
from core.datasets.dataset_manager import DatasetManager
from core.datasets.ingest.progress import Progress
from core.encoder.sentence_encoder import SentenceEncoder
from core.errors import DatasetError, RetrievalError
from core.rag.embedding import DIMENSIONS
from core.rag.lexical import LexicalIndex, open_lexical
from core.rag.reader import Reader
from core.rag.retriever import HybridRetriever
from core.rag.sentences import split_sentences
from core.rag.vectors import VectorIndex, open_vectors
from core.schema import Message
from core.store.database import Store
from core.store.tables import ChunkRow, Dataset, DatasetVersion
from tests.core.datasets.conftest import BATCH
from tests.core.datasets.word_embedder import WordEmbedder

CARD = """id: {id}
title: {title}
description: For a test.
category: Education
licence: CC0-1.0
source: test
tier: public
labels: []
"""
SECTIONS = BATCH + 3  # two batches


def write_dataset(
    root: Path, *, year: int, name: str = "rules", title: str = "Rules", sections: int = SECTIONS
) -> Path:
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dataset.yaml").write_text(CARD.format(id=name, title=title))
    body = "\n".join(f"## Rule {n}\nRule {n} of {year} allows {n} widgets." for n in range(sections))
    (folder / "rules.md").write_text(f"# Rules\n{body}\n")
    return folder


def held(store: Store, vectors: VectorIndex, lexical: LexicalIndex, version: str) -> tuple[int, int, int]:
    """Return how many chunks of a version the store, the vector index and the lexical index hold."""
    with store.read() as session:
        rows = session.scalar(select(func.count()).select_from(ChunkRow).where(ChunkRow.version == version)) or 0
    return rows, vectors.count(version), lexical.count(version)


def test_ingest_fills_catalog_and_indexes(manager, store, vectors, lexical, tmp_path, clock) -> None:
    steps: list[Progress] = []
    view = manager.ingest(write_dataset(tmp_path, year=2025), progress=steps.append)
    assert (view.id, view.title, view.documents, view.chunks) == ("rules", "Rules", 1, SECTIONS)
    assert view.updated_at == clock()
    assert held(store, vectors, lexical, view.active_version) == (SECTIONS,) * 3
    assert [(s.stage, s.done) for s in steps] == [
        ("read", 0),
        ("read", 1),
        ("stored", 1),
        ("embedded", BATCH),
        ("embedded", SECTIONS),
        ("indexed", SECTIONS),
        ("published", SECTIONS),
        ("done", SECTIONS),
    ]


def test_every_sentence_gets_a_vector(manager, store, tmp_path) -> None:
    version = manager.ingest(write_dataset(tmp_path, year=2025)).active_version
    with store.read() as session:
        rows = session.execute(
            select(ChunkRow.text, ChunkRow.sentence_vectors).where(ChunkRow.version == version)
        ).all()
    assert len(rows) == SECTIONS
    for text, vectors in rows:
        held = np.frombuffer(vectors, dtype=np.float16).reshape(-1, DIMENSIONS).astype(np.float32)
        assert len(held) == len(split_sentences(text))
        assert np.allclose(np.linalg.norm(held, axis=1), 1, atol=0.01)


def test_unchanged_content_is_not_embedded_again(manager, embedder: WordEmbedder, tmp_path, clock) -> None:
    first = manager.ingest(write_dataset(tmp_path, year=2025))
    before = embedder.embedded
    clock.advance(60)
    assert manager.ingest(tmp_path / "rules") == first
    assert embedder.embedded == before == SECTIONS


def test_changed_card_is_taken_over_without_embedding(manager, embedder: WordEmbedder, tmp_path, clock) -> None:
    first = manager.ingest(write_dataset(tmp_path, year=2025))
    clock.advance(60)
    second = manager.ingest(write_dataset(tmp_path, year=2025, title="House rules"))
    assert (second.title, second.active_version, second.updated_at) == ("House rules", first.active_version, clock())
    assert embedder.embedded == SECTIONS


def test_new_version_replaces_the_old_everywhere(manager, store, vectors, lexical, tmp_path) -> None:
    old = manager.ingest(write_dataset(tmp_path, year=2025)).active_version
    new = manager.ingest(write_dataset(tmp_path, year=2026, sections=3)).active_version
    assert held(store, vectors, lexical, old) == (0, 0, 0)
    assert held(store, vectors, lexical, new) == (3, 3, 3)
    with store.read() as session:
        assert set(session.scalars(select(DatasetVersion.version))) == {old, new}  # the history stays


def test_going_back_to_an_earlier_version_works(manager, store, vectors, lexical, tmp_path) -> None:
    versions = [manager.ingest(write_dataset(tmp_path, year=year)).active_version for year in (2025, 2026, 2025)]
    assert versions[0] == versions[2] != versions[1]
    assert held(store, vectors, lexical, versions[0]) == (SECTIONS,) * 3


def test_same_content_in_two_datasets_stays_apart(manager, store, vectors, lexical, tmp_path) -> None:
    left = manager.ingest(write_dataset(tmp_path, year=2025, name="left"))
    right = manager.ingest(write_dataset(tmp_path, year=2025, name="right"))
    manager.remove("left")
    assert held(store, vectors, lexical, left.active_version) == (0, 0, 0)
    assert held(store, vectors, lexical, right.active_version) == (SECTIONS,) * 3


def test_removed_dataset_can_come_back(manager, store, tmp_path) -> None:
    folder = write_dataset(tmp_path, year=2025)
    view = manager.ingest(folder)
    manager.remove("rules")
    manager.remove("rules")
    with store.read() as session:
        dataset = session.get_one(Dataset, "rules")
        assert dataset.active_version is None
        assert dataset.retired_at is not None
    assert manager.ingest(folder).active_version == view.active_version
    with store.read() as session:
        assert session.get_one(Dataset, "rules").retired_at is None


def test_single_file_needs_a_card(manager, tmp_path) -> None:
    path = tmp_path / "price-list.csv"
    path.write_text("item,price\nSaw,5\n")
    with pytest.raises(DatasetError, match="card must be given"):
        manager.ingest(path)
    card = DatasetCard(
        id="prices",
        title="Prices",
        description="All prices.",
        category="Education",
        licence="CC0-1.0",
        source="test",
        tier="public",
        labels=[],
    )
    assert manager.ingest(path, card=card).chunks == 2


def test_bad_datasets_are_refused_and_the_active_version_stays(manager, store, tmp_path) -> None:
    view = manager.ingest(write_dataset(tmp_path, year=2025))
    (tmp_path / "rules" / "broken.csv").write_text("a,b\n1\n")
    with pytest.raises(DatasetError, match=r"broken\.csv, line 2"):
        manager.ingest(tmp_path / "rules")
    assert catalog.get_dataset(store, "rules") == view
    with pytest.raises(DatasetError, match="doesn't exist"):
        manager.ingest(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "dataset.yaml").write_text(CARD.format(id="empty", title="Empty"))
    (tmp_path / "empty" / "a.md").write_text("# Nothing below\n")
    with pytest.raises(DatasetError, match="holds no text and no table"):
        manager.ingest(tmp_path / "empty")
    with pytest.raises(DatasetError, match="No dataset is called 'unknown'"):
        manager.remove("unknown")


def test_ingest_all_takes_every_folder(manager, store, tmp_path) -> None:
    for name in ("beta", "alpha"):
        write_dataset(tmp_path / "root", year=2025, name=name, sections=2)
    (tmp_path / "root" / "no-dataset").mkdir()
    assert [view.id for view in manager.ingest_all(tmp_path / "root")] == ["alpha", "beta"]
    assert len(catalog.list_datasets(store)) == 2


def test_ingest_all_refuses_twins_and_empty_roots(manager, tmp_path) -> None:
    with pytest.raises(DatasetError, match="holds no dataset"):
        manager.ingest_all(tmp_path)
    write_dataset(tmp_path / "root", year=2025, name="one")
    (tmp_path / "root" / "two").mkdir()
    (tmp_path / "root" / "two" / "dataset.yaml").write_text(CARD.format(id="one", title="Twin"))
    with pytest.raises(DatasetError, match="more than one dataset called one"):
        manager.ingest_all(tmp_path / "root")


def test_index_that_loses_chunks_is_not_published(manager, store, vectors, tmp_path) -> None:
    def lose(step: Progress) -> None:
        if step.stage == "embedded" and step.done == step.total:
            vectors.import_all([tuple(column[1:] for column in batch) for batch in vectors.export_all()])

    with pytest.raises(RetrievalError, match=f"hold {SECTIONS - 1} of {SECTIONS} and {SECTIONS} of {SECTIONS}"):
        manager.ingest(write_dataset(tmp_path, year=2025), progress=lose)
    assert catalog.list_datasets(store) == []
    assert manager.ingest(tmp_path / "rules").chunks == SECTIONS


def test_lexical_index_is_rebuilt_from_the_store(manager, store, vectors, embedder, clock, tmp_path) -> None:
    version = manager.ingest(write_dataset(tmp_path, year=2025)).active_version
    fresh = open_lexical(Settings(home=tmp_path / "restored"))
    restored = DatasetManager(store, vectors, fresh, embedder, SentenceEncoder(), clock=clock, batch_size=BATCH)
    assert [restored.rebuild_lexical() for _ in range(2)] == [SECTIONS, SECTIONS]
    assert fresh.count(version) == SECTIONS


def test_readers_see_the_old_or_the_new_version_never_a_mixture(
    manager, store, vectors, lexical, embedder, tmp_path
) -> None:
    manager.ingest(write_dataset(tmp_path, year=2025, sections=8))
    retriever = HybridRetriever(
        store, vectors, lexical, WordEmbedder(), SentenceEncoder(), Reader(lexical), threshold=0
    )
    question = [Message("user", "How many widgets are allowed by the rules?")]
    mixed: list[set[str]] = []
    seen: set[str] = set()
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            found = retriever.retrieve(question, dataset_ids=["rules"], top_k=8)
            years = {e.text.split()[3] for e in found.evidence}
            seen.update(years)
            if len(years) != 1 or len(found.evidence) != 8:
                mixed.append(years)

    reader = threading.Thread(target=read)
    reader.start()
    for year in (2026, 2027, 2028):
        manager.ingest(write_dataset(tmp_path, year=year, sections=8))
    stop.set()
    reader.join()
    assert mixed == []
    assert seen


KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from core.config import Settings
from core.datasets.dataset_manager import DatasetManager
from core.encoder.sentence_encoder import SentenceEncoder
from core.rag.lexical import open_lexical
from core.rag.vectors import open_vectors
from core.store.database import connect
from tests.core.datasets.word_embedder import WordEmbedder

home, folder, step = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
steps = []
def kill(progress):
    steps.append(progress)
    if len(steps) == step:
        os.kill(os.getpid(), signal.SIGKILL)
settings = Settings(home=home)
store = connect(settings.sqlalchemy_url())
manager = DatasetManager(
    store, open_vectors(settings), open_lexical(settings), WordEmbedder(), SentenceEncoder(),
    clock=lambda: datetime.now(UTC), batch_size=4,
)
manager.ingest(folder, progress=kill)
"""


@pytest.mark.parametrize("step", [4, 6, 7], ids=["half embedded", "before it is visible", "when it is visible"])
def test_killed_ingest_leaves_a_whole_version_and_the_next_one_completes(
    step: int, store: Store, clock, tmp_path
) -> None:
    settings = Settings(home=tmp_path)
    first = DatasetManager(
        store,
        open_vectors(settings),
        open_lexical(settings),
        WordEmbedder(),
        SentenceEncoder(),
        clock=clock,
        batch_size=BATCH,
    )
    old = first.ingest(write_dataset(tmp_path, year=2025)).active_version
    folder = write_dataset(tmp_path, year=2026)
    del first
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), str(folder), str(step)],
        check=False,
        cwd=Path(__file__).parents[3],
        env=os.environ | {"PYTHONPATH": "."},
    )
    assert killed.returncode == -signal.SIGKILL

    vectors, lexical = open_vectors(settings), open_lexical(settings)
    active = catalog.get_dataset(store, "rules").active_version
    assert (active == old) == (step < 7)
    assert held(store, vectors, lexical, active) == (SECTIONS,) * 3

    again = DatasetManager(store, vectors, lexical, WordEmbedder(), SentenceEncoder(), clock=clock, batch_size=BATCH)
    new = again.ingest(folder).active_version
    assert new != old
    assert held(store, vectors, lexical, old) == (0, 0, 0)
    assert held(store, vectors, lexical, new) == (SECTIONS,) * 3
