"""Tests for reading vectors ahead: what is in use is held, and an index that can't be read is left to the searches."""

import logging
from pathlib import Path

import pytest

from core.datasets.card import DatasetCard
from core.datasets.dataset_manager import DatasetManager
from core.encoder.sentence_encoder import SentenceEncoder
from core.errors import RetrievalError
from core.rag.warming import Warming


@pytest.fixture
def version(store, vectors, lexical, embedder, clock, tmp_path: Path) -> str:
    path = tmp_path / "tides.md"
    path.write_text("# Tides\n\nThe harbour has two high tides a day.\n")
    card = DatasetCard(
        id="tides", title="Tides", description="Of the harbour.", category="Education", licence="CC0-1.0",
        source="test", tier="public", labels=[],
    )  # fmt: skip
    return (
        DatasetManager(store, vectors, lexical, embedder, SentenceEncoder(), clock=clock)
        .ingest(path, card=card)
        .active_version
    )


def test_what_is_in_use_is_held_once_it_ran(store, vectors, version: str) -> None:
    vectors._held.clear()
    warming = Warming(store, vectors)
    warming.start()
    warming.wait()
    assert set(vectors._held.find([version])) == {version}


def test_what_was_never_started_can_be_closed(store, vectors) -> None:
    Warming(store, vectors).close()


def test_an_index_that_fails_is_logged(store, vectors, version: str, monkeypatch, caplog) -> None:
    def fail(versions: list[str]) -> bool:
        raise RetrievalError("The index is gone.")

    monkeypatch.setattr(vectors, "hold", fail)
    warming = Warming(store, vectors)
    with caplog.at_level(logging.WARNING):
        warming.start()
        warming.wait()
    assert "The index is gone." in caplog.text
