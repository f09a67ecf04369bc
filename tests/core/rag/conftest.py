"""Real indexes in a folder of the test's own, and the real embedder, loaded once."""

from pathlib import Path

import pytest

from core.config import Settings
from core.rag.embedding import Embedder
from core.rag.lexical import LexicalIndex, open_lexical
from core.rag.vectors import VectorIndex, open_vectors


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def vectors(settings: Settings) -> VectorIndex:
    return open_vectors(settings)


@pytest.fixture
def lexical(settings: Settings) -> LexicalIndex:
    return open_lexical(settings)


@pytest.fixture(scope="session")
def embedder() -> Embedder:
    return Embedder()
