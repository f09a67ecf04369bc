"""Real indexes and a quick embedder that places texts by their words, so that no test here loads a model."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from core.config import Settings
from core.datasets.dataset_manager import DatasetManager
from core.encoder.sentence_encoder import SentenceEncoder
from core.rag.lexical import LexicalIndex, open_lexical
from core.rag.vectors import VectorIndex, open_vectors
from core.store.database import Store
from tests.core.datasets.word_embedder import WordEmbedder

BATCH = 4  # small, so that a few chunks make several batches


@pytest.fixture
def vectors(tmp_path: Path) -> VectorIndex:
    return open_vectors(Settings(home=tmp_path))


@pytest.fixture
def lexical(tmp_path: Path) -> LexicalIndex:
    return open_lexical(Settings(home=tmp_path))


@pytest.fixture
def embedder() -> WordEmbedder:
    return WordEmbedder()


@pytest.fixture
def manager(
    store: Store, vectors: VectorIndex, lexical: LexicalIndex, embedder: WordEmbedder, clock: Callable[[], datetime]
) -> DatasetManager:
    return DatasetManager(store, vectors, lexical, embedder, SentenceEncoder(), clock=clock, batch_size=BATCH)
