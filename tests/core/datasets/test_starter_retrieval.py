"""The datasets that ship, as a first start ingests them, and the questions that ship with them."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from core.config import Settings
from core.datasets.catalog import DatasetView, list_datasets
from core.encoder.sentence_encoder import SentenceEncoder
from core.rag.embedding import Embedder
from core.rag.lexical import open_lexical
from core.rag.reader import Reader
from core.rag.retriever import HybridRetriever
from core.rag.sentences import split_sentences
from core.rag.vectors import open_vectors
from core.schema import Message, Retrieval
from core.store.migrate import open_store

pytestmark = pytest.mark.slow
DATA = Path(__file__).parents[3] / "data"
QUESTIONS = [json.loads(line) for line in (DATA / "questions" / "starter.jsonl").read_text().splitlines()]


@dataclass(frozen=True)
class Starter:
    views: list[DatasetView]
    retriever: HybridRetriever


@pytest.fixture(scope="module")
def starter(first_start: Path, tmp_path_factory: pytest.TempPathFactory) -> Starter:
    settings = Settings(home=shutil.copytree(first_start, tmp_path_factory.mktemp("starter") / "home"))
    store, lexical = open_store(settings.sqlalchemy_url()), open_lexical(settings)
    retriever = HybridRetriever(
        store,
        open_vectors(settings),
        lexical,
        Embedder(),
        SentenceEncoder(),
        Reader(lexical),
        threshold=settings.answerable_threshold,
    )
    return Starter(list_datasets(store), retriever)


def ask(starter: Starter, row: dict[str, Any]) -> Retrieval:
    earlier = [m for text in row["history"] for m in (Message("user", text), Message("assistant", "An answer."))]
    conversation = [*earlier, Message("user", row["question"])]
    return starter.retriever.retrieve(conversation, dataset_ids=row["dataset_ids"], top_k=4)


def share(starter: Starter, kind: str, holds: Callable[[Retrieval, Any], bool]) -> float:
    rows = [row for row in QUESTIONS if row["kind"] == kind]
    return sum(holds(ask(starter, row), row["expected"]) for row in rows) / len(rows)


def found(retrieval: Retrieval, expected: dict[str, str]) -> bool:
    return any(e.dataset_id == expected["dataset_id"] and expected["contains"] in e.text for e in retrieval.evidence)


def test_everything_that_ships_is_ingested(starter: Starter) -> None:
    assert len(starter.views) >= 12
    assert sum(view.chunks for view in starter.views) >= 300
    assert len({view.category for view in starter.views}) == 8


# The shares are what was measured, less one or two questions.
@pytest.mark.parametrize(
    ("kind", "least"), [("direct", 0.98), ("table", 0.92), ("multi_sentence", 0.9), ("follow_up", 0.9)]
)
def test_right_chunk_is_among_the_evidence(starter: Starter, kind: str, least: float) -> None:
    assert share(starter, kind, found) >= least


def test_what_no_dataset_answers_is_mostly_given_up(starter: Starter) -> None:
    assert share(starter, "unanswerable", lambda retrieval, _: retrieval.outcome == "nothing") >= 0.5


def test_evidence_holds_its_units_with_a_score_each(starter: Starter) -> None:
    for row in QUESTIONS[:40]:
        for evidence in ask(starter, row).evidence:
            assert list(evidence.sentences) == split_sentences(evidence.text)
            assert all(0 <= score <= 1 for score in evidence.sentence_scores)
