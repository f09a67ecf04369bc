import csv
import logging
from pathlib import Path

import pytest

from core.config import Settings
from core.datasets.card import DatasetCard
from core.datasets.dataset_manager import DatasetManager
from core.encoder.sentence_encoder import SentenceEncoder
from core.rag.reader import Reader
from core.rag.retriever import HybridRetriever
from core.rag.table_evidence import TableEvidence, is_given
from core.schema import Message, Retrieval
from core.tables.table_answerer import TableAnswerer
from core.tables.table_store import TableStore

WEIGHTS = Path(__file__).parents[3] / "data" / "models" / "tables"
GAMES = """Date,Opponent,City,Result,Attendance
"May 3, 2001",Leeds United,Leeds,win,"12,400"
"May 10, 2001",York Town,York,loss,"8,100"
"May 17, 2001",Hull City,Hull,win,"9,950"
"May 24, 2001",Bath Rovers,Bath,win,"15,020"
"""
QUESTION = "How many games were a win?"


@pytest.fixture
def tables(settings: Settings) -> TableStore:
    return TableStore(settings.home / "tables")


@pytest.fixture
def version(store, vectors, lexical, embedder, clock, tables, tmp_path) -> str:
    path = tmp_path / "games.csv"
    path.write_text(GAMES)
    card = DatasetCard(
        id="games", title="Games", description="Games of 2001.", category="Education", licence="CC0-1.0", source="test",
        tier="public", labels=[],
    )  # fmt: skip
    manager = DatasetManager(store, vectors, lexical, embedder, SentenceEncoder(), clock=clock, tables=tables)
    return manager.ingest(path, card=card).active_version


def ask(store, vectors, lexical, embedder, question: str, evidence: TableEvidence) -> Retrieval:
    encoder, reader = SentenceEncoder(), Reader(lexical)
    retriever = HybridRetriever(
        store, vectors, lexical, embedder, encoder, reader, threshold=0.35, table_answers=evidence
    )
    return retriever.retrieve([Message("user", question)], dataset_ids=["games"], top_k=4)


def test_count_is_evidence_with_its_query(store, vectors, lexical, embedder, tables, version) -> None:
    evidence = TableEvidence(store, tables, TableAnswerer(WEIGHTS))
    found = ask(store, vectors, lexical, embedder, QUESTION, evidence)
    first, *others = found.evidence
    assert first.number == 1
    assert first.text == f"{first.sentences[0]}\n{first.place}"
    assert first.sentences[0].endswith("where Result is win: 3.")
    assert (
        first.place
        == f"""Rows 1, 3, 4 of 4. Query: SELECT count(*) FROM "{first.document}" WHERE "Result (plain)" = 'win'"""
    )
    assert (first.dataset_id, first.dataset_version, first.licence) == ("games", version, "CC0-1.0")
    assert first.answering == (0,)
    assert [e.answering for e in others] == [()] * len(others)
    assert [e.number for e in found.evidence] == list(range(1, len(found.evidence) + 1))


def test_look_up_is_left_to_the_chunks(store, vectors, lexical, embedder, tables, version) -> None:
    evidence = TableEvidence(store, tables, TableAnswerer(WEIGHTS))
    found = ask(store, vectors, lexical, embedder, "What was the result against Hull City?", evidence)
    assert all("Query:" not in e.place for e in found.evidence)


def test_query_that_takes_too_long_is_left_to_the_chunks(
    store, vectors, lexical, embedder, tables, version, caplog: pytest.LogCaptureFixture
) -> None:
    evidence = TableEvidence(store, tables, TableAnswerer(WEIGHTS, time_limit_s=0))
    with caplog.at_level(logging.WARNING):
        found = ask(store, vectors, lexical, embedder, QUESTION, evidence)
    assert all("Query:" not in e.place for e in found.evidence)
    assert "couldn't be asked within 0 s" in caplog.text


@pytest.mark.parametrize(
    ("question", "given"),
    [
        (QUESTION, True),
        ("Which opponent had the highest attendance?", True),
        ("How many games had an attendance of over 9,000?", True),
        ("What was the total attendance?", True),
        ("What was the total attendance against Hull City?", False),
        ("Did Leeds have a higher attendance than York?", False),
        ("What percentage of games were a win?", False),
        ("What is the ratio of wins to losses?", False),
        ("How many consecutive games were a win?", False),
        ("How many more people came to the first game than to the last?", False),
        ("Is the number of wins higher than the number of losses?", False),
    ],
)
def test_question_that_takes_two_steps_or_a_single_cell_is_left_to_the_chunks(
    tmp_path: Path, question: str, given: bool
) -> None:
    header, *rows = csv.reader(GAMES.splitlines())
    table = TableStore(tmp_path).write("games", "v1", name="games", title="Games of 2001", header=header, rows=rows)
    answer = TableAnswerer(WEIGHTS).answer(question, [table])
    assert (answer is not None and is_given(question, answer)) is given
