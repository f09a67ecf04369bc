from collections.abc import Sequence
from datetime import date
from pathlib import Path

import chromadb
import pytest
from chromadb.config import Settings as ChromaSettings
from sqlalchemy import select, update

from core.config import Settings
from core.datasets.card import DatasetCard
from core.datasets.dataset_manager import DatasetManager
from core.encoder.sentence_encoder import SentenceEncoder
from core.errors import RetrievalError
from core.rag.active_versions import FEW
from core.rag.card_index import CardIndex, CardText
from core.rag.embedding import Embedder, Vectors
from core.rag.lexical import LexicalIndex
from core.rag.reader import Reader
from core.rag.reading import choose_answers
from core.rag.retriever import HybridRetriever
from core.rag.vectors import VectorIndex
from core.schema import Message, Retrieval
from core.store.database import Store
from core.store.tables import ChunkRow, Dataset

TRAVEL = """# Travel policy
## Meals
Meals are refunded up to 60 USD a day. Alcohol is never refunded.
## Hotels
Hotel rooms are refunded up to 180 USD a night. The limit rises to 240 USD in capital cities.
## Trains
Train is the first choice for journeys of up to 500 km.
"""
LASER = """# Laser manual
## Cooling
The cooling water is changed every six months. Use distilled water only.
## Focus
The focus height is 7 mm above the sheet.
"""
THRESHOLD = 0.35


class Changing(Embedder):
    """The embedder, doing something while a search runs."""

    def __init__(self, inner: Embedder) -> None:
        self.inner = inner
        self.meanwhile: list[object] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        if self.meanwhile:
            self.meanwhile.pop(0)()  # type: ignore[operator]
        return self.inner.embed(texts)


@pytest.fixture
def manager(store: Store, vectors: VectorIndex, lexical: LexicalIndex, embedder: Embedder, clock) -> DatasetManager:
    return DatasetManager(store, vectors, lexical, embedder, SentenceEncoder(), clock=clock)


def ingest(manager: DatasetManager, tmp_path: Path, name: str, text: str) -> str:
    path = tmp_path / f"{name}.md"
    path.write_text(text)
    card = DatasetCard(
        id=name, title=name.title(), description="Test.", category="Education", licence="CC0-1.0", source="test",
        tier="public", labels=[],
    )  # fmt: skip
    return manager.ingest(path, card=card).active_version


@pytest.fixture
def retriever(store, vectors, lexical, embedder, manager, tmp_path) -> HybridRetriever:
    ingest(manager, tmp_path, "travel", TRAVEL)
    ingest(manager, tmp_path, "laser", LASER)
    return HybridRetriever(store, vectors, lexical, embedder, SentenceEncoder(), Reader(lexical), threshold=THRESHOLD)


def ask(retriever: HybridRetriever, *asked: str, ids: Sequence[str] = ("travel", "laser"), top_k: int = 4) -> Retrieval:
    conversation = [m for text in asked for m in (Message("user", text), Message("assistant", "An answer."))][:-1]
    return retriever.retrieve(conversation, dataset_ids=ids, top_k=top_k)


def test_evidence_is_numbered_best_first_and_complete(retriever: HybridRetriever) -> None:
    found = ask(retriever, "How much is refunded for a hotel room?")
    assert found.outcome == "found"
    assert [e.number for e in found.evidence] == list(range(1, len(found.evidence) + 1))
    assert [e.score for e in found.evidence] == sorted((e.score for e in found.evidence), reverse=True)
    first = found.evidence[0]
    assert (first.document, first.place, first.dataset_id) == ("Travel policy", "Hotels", "travel")
    assert (first.dataset_title, first.licence) == ("Travel", "CC0-1.0")
    assert first.sentences[0] == "Hotel rooms are refunded up to 180 USD a night."
    assert first.sentence_scores[0] == max(first.sentence_scores) == first.score
    assert all(sentence in first.text for sentence in first.sentences)


def test_only_the_given_datasets_are_searched(retriever: HybridRetriever) -> None:
    found = ask(retriever, "Which water is used for cooling?", ids=["travel"])
    assert all(e.dataset_id == "travel" for e in found.evidence)
    assert {e.dataset_id for e in ask(retriever, "Which water is used for cooling?", ids=["laser"]).evidence} == {
        "laser"
    }


@pytest.mark.parametrize("ids", [[], ["unknown"]])
def test_without_datasets_nothing_is_found(retriever: HybridRetriever, ids: list[str]) -> None:
    assert ask(retriever, "How much is refunded for a hotel room?", ids=ids) == Retrieval("nothing")


@pytest.mark.parametrize("text", ["Hello!", "Thanks a lot!", "Who are you?", ""])
def test_small_talk_needs_nothing(retriever: HybridRetriever, text: str) -> None:
    assert ask(retriever, text) == Retrieval("not_needed")


def test_conversation_without_user_message_needs_nothing(retriever: HybridRetriever) -> None:
    assert retriever.retrieve([], dataset_ids=["travel"], top_k=4) == Retrieval("not_needed")


def test_unanswerable_question_names_the_nearest_documents(retriever: HybridRetriever) -> None:
    found = ask(retriever, "Who won the football world cup in 1954?")
    assert found.outcome == "nothing"
    assert found.evidence == ()
    assert set(found.nearest) == {"Travel policy", "Laser manual"}


def test_follow_up_is_understood(retriever: HybridRetriever) -> None:
    found = ask(retriever, "How much is refunded for meals?", "And for a hotel room?")
    assert found.evidence[0].place == "Hotels"


def test_top_k_bounds_the_evidence(retriever: HybridRetriever) -> None:
    assert len(ask(retriever, "How much is refunded?", top_k=1).evidence) == 1


def test_removed_dataset_is_not_found(retriever: HybridRetriever, manager: DatasetManager) -> None:
    manager.remove("travel")
    assert ask(retriever, "How much is refunded for a hotel room?", ids=["travel"]) == Retrieval("nothing")


def test_new_version_that_arrives_during_a_search_is_the_one_answered_from(
    retriever: HybridRetriever, manager: DatasetManager, embedder: Embedder, tmp_path: Path,
    store: Store, vectors: VectorIndex, lexical: LexicalIndex,
) -> None:  # fmt: skip
    changing = Changing(embedder)
    busy = HybridRetriever(store, vectors, lexical, changing, SentenceEncoder(), Reader(lexical), threshold=THRESHOLD)
    versions: list[str] = []
    changing.meanwhile = [
        lambda: versions.append(ingest(manager, tmp_path, "travel", TRAVEL.replace("180 USD", "200 USD")))
    ]
    found = ask(busy, "How much is refunded for a hotel room?")
    assert {e.dataset_version for e in found.evidence if e.dataset_id == "travel"} == set(versions)
    assert "200 USD" in found.evidence[0].text


def test_datasets_that_never_stand_still_are_an_error(
    retriever: HybridRetriever, store: Store, vectors: VectorIndex, lexical: LexicalIndex, embedder: Embedder
) -> None:
    def flip() -> None:
        with store.write() as session:
            session.execute(update(Dataset).values(active_version=Dataset.active_version + "x"))

    changing = Changing(embedder)
    changing.meanwhile = [flip] * 3
    busy = HybridRetriever(store, vectors, lexical, changing, SentenceEncoder(), Reader(lexical), threshold=THRESHOLD)
    with pytest.raises(RetrievalError, match="being replaced"):
        ask(busy, "How much is refunded for a hotel room?")


class WatchedWords(LexicalIndex):
    """The lexical index, noting what it is asked to score."""

    asked: list[str]

    def search(self, text: str, *, versions: Sequence[str] | None, top_k: int) -> list[tuple[str, float]]:
        self.asked += versions or ["everything"]
        return super().search(text, versions=versions, top_k=top_k)


class WatchedVectors(VectorIndex):
    """The vector index, noting what it is asked to score."""

    asked: list[str]

    def search(self, vector: Vectors, *, versions: Sequence[str], top_k: int) -> list[tuple[str, float]]:
        self.asked += versions
        return super().search(vector, versions=versions, top_k=top_k)

    def nearest(self, vector: Vectors, *, ids: Sequence[str] | None, top_k: int) -> list[tuple[str, float]]:
        self.asked += ids or ["everything"]
        return super().nearest(vector, ids=ids, top_k=top_k)


@pytest.fixture
def scored() -> list[str]:
    """What the watched indexes were asked to score: versions of chunks, ids of cards."""
    return []


@pytest.fixture
def watched(
    retriever: HybridRetriever, settings: Settings, store: Store, embedder: Embedder, scored: list[str]
) -> HybridRetriever:
    """Two levels over watched indexes."""
    quiet = ChromaSettings(anonymized_telemetry=False)
    vectors, card_vectors = (
        WatchedVectors(lambda: chromadb.PersistentClient(settings.data_folder / "chroma", quiet), collection=collection)
        for collection in ("chunks", "cards")
    )
    lexical, card_words = (WatchedWords(settings.data_folder / name) for name in ("lexical", "cards"))
    cards = CardIndex(card_vectors, card_words, embedder)
    texts = {"travel": "Refunds of meals and hotels.", "laser": "How to keep the laser cutter."}
    cards.add([CardText(i, "v1", i, text, {}) for i, text in texts.items()])
    for index in (vectors, card_vectors, lexical, card_words):
        index.asked = scored
    return HybridRetriever(
        store, vectors, lexical, embedder, SentenceEncoder(), Reader(lexical), threshold=THRESHOLD, cards=cards,
        two_levels_above=1,
    )  # fmt: skip


def test_two_levels_find_what_one_finds(retriever: HybridRetriever, watched: HybridRetriever) -> None:
    question = "How much is refunded for a hotel room a night?"
    assert ask(watched, question).evidence[0] == ask(retriever, question).evidence[0]


def test_forbidden_datasets_never_reach_a_scorer(watched: HybridRetriever, store: Store, scored: list[str]) -> None:
    with store.read() as session:
        versions = {row.id: row.active_version for row in session.scalars(select(Dataset))}
    ask(watched, "How much is refunded for a hotel room a night?", ids=["laser", "unknown"])
    assert set(scored) == {versions["laser"]}
    scored.clear()
    with store.write() as session:
        session.execute(update(Dataset).where(Dataset.id == "travel").values(state="quarantined"))
    ask(watched, "How much is refunded for a hotel room a night?")
    assert set(scored) == {versions["laser"]}


def test_what_did_not_hold_on_the_day_asked_for_never_reaches_a_scorer(
    watched: HybridRetriever, store: Store, scored: list[str]
) -> None:
    with store.write() as session:
        session.get_one(Dataset, "travel").valid_until = "2026-03-31"
        session.get_one(Dataset, "laser").valid_from = "2026-04-01"
        versions = {each: session.get_one(Dataset, each).active_version for each in ("travel", "laser")}
    for day, held in ((date(2026, 3, 31), "travel"), (date(2026, 4, 1), "laser")):
        scored.clear()
        question = [Message("user", "What is the meal limit for a full day?")]
        watched.retrieve(question, dataset_ids=["travel", "laser"], top_k=4, as_of=day)
        assert set(scored) == {versions[held]}


def test_among_hundreds_of_datasets_the_same_are_searched(watched: HybridRetriever, scored: list[str]) -> None:
    question, others = "How much is refunded for a hotel room a night?", [f"unknown-{n}" for n in range(FEW)]
    few = ask(watched, question)
    known = set(scored)
    scored.clear()
    assert ask(watched, question, ids=["travel", "laser", *others]) == few
    assert set(scored) == known
    scored.clear()
    assert ask(watched, question, ids=[*others, "unknown"]).outcome == "nothing"
    assert not scored


def test_cards_are_scored_for_given_datasets_alone(
    watched: HybridRetriever, manager, tmp_path, scored: list[str]
) -> None:
    ingest(manager, tmp_path, "secret", "# Secret\nHotel rooms cost nothing.")
    ask(watched, "How much is refunded for a hotel room a night?")
    assert {"travel", "laser"} <= set(scored)
    assert not {"secret", "everything"} & set(scored)


def test_sentence_that_answers_is_named(retriever: HybridRetriever) -> None:
    found = ask(retriever, "How much is refunded for meals a day?")
    assert [e.answering for e in found.evidence] == [(0,), *[()] * (len(found.evidence) - 1)]


def test_each_part_of_a_question_is_answered(retriever: HybridRetriever) -> None:
    found = ask(retriever, "How much is refunded for meals a day, and what is the focus height?")
    named = [e.sentences[place] for e in found.evidence for place in e.answering]
    assert sorted(named) == ["Meals are refunded up to 60 USD a day.", "The focus height is 7 mm above the sheet."]
    assert found.unanswered == ()


def test_a_part_that_nothing_answers_is_named_beside_the_answer_to_the_other(retriever: HybridRetriever) -> None:
    found = ask(retriever, "How much is refunded for meals a day, and who discovered penicillin?")
    assert [e.sentences[place] for e in found.evidence for place in e.answering] == [
        "Meals are refunded up to 60 USD a day."
    ]
    assert found.unanswered == (2,)


@pytest.mark.parametrize(
    ("scores", "chosen"),
    [
        ([[[0.9, 0.2]]], [(0,)]),
        ([[[0.90, 0.88, 0.87]]], [(0, 1)]),
        ([[[0.6]], [[0.62]]], [(0,), (0,)]),
        ([[[0.3, 0.2]]], [()]),
        ([[[0.9, 0.8], [0.1, 0.7]]], [(0, 1)]),
        ([[[0.9, 0.2], [0.8, 0.7]]], [(0, 1)]),
        ([[[0.9], [0.8]], [[0.1], [0.2]]], [(0,), ()]),
        ([[[0.9, 0.1], [0.1, 0.2]]], [(0,)]),
        ([[[]]], [()]),
        ([], []),
    ],
)
def test_best_sentence_of_each_part_and_what_is_nearly_as_good_answer(scores, chosen) -> None:
    assert choose_answers(scores, threshold=0.35) == chosen


def test_chunk_without_sentence_vectors_reads_the_same(retriever: HybridRetriever, store: Store) -> None:
    question = "Where does one get a bed for the night, and what is paid for it?"
    before = ask(retriever, question)
    with store.write() as session:
        session.execute(update(ChunkRow).values(sentence_vectors=None))
    after = ask(retriever, question)
    assert [(e.chunk_id, e.answering) for e in after.evidence] == [(e.chunk_id, e.answering) for e in before.evidence]
    for one, other in zip(before.evidence, after.evidence, strict=True):
        assert one.sentence_scores == pytest.approx(other.sentence_scores, abs=0.01)
