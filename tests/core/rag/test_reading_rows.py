from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.config import Settings
from core.datasets.card import DatasetCard
from core.datasets.dataset_manager import DatasetManager
from core.encoder.sentence_encoder import SentenceEncoder, Vectors
from core.rag.embedding import Embedder
from core.rag.lexical import LexicalIndex
from core.rag.reader import Reader
from core.rag.reading import ROWS_READ
from core.rag.retriever import HybridRetriever
from core.rag.vectors import VectorIndex
from core.schema import Message
from core.store.migrate import open_store


class Counting(SentenceEncoder):
    """The encoder, counting the passages that it reads."""

    read = 0

    def passages(self, passages: Sequence[tuple[str, Sequence[str]]]) -> list[Vectors]:
        self.read += len(passages)
        return super().passages(passages)


@pytest.fixture
def encoder() -> Counting:
    return Counting(threads=1)


def test_of_a_large_table_few_groups_of_rows_are_read_by_meaning_and_the_asked_row_is_found(
    settings: Settings, vectors: VectorIndex, lexical: LexicalIndex, embedder: Embedder, encoder: Counting,
    tmp_path: Path,
) -> None:  # fmt: skip
    names = [f"{first}{second}" for first in ("Al", "Bor", "Cen", "Dur", "El") for second in "abcdefghijklmnopqrst"]
    lines = [f"{name}ton,{1900 + n},{n * 13 % 97}000" for n, name in enumerate(names * 10)]
    path = tmp_path / "towns.csv"
    path.write_text("Town,Year of the count,Inhabitants\n" + "\n".join(lines))
    card = DatasetCard(
        id="towns", title="Towns", description="Counts.", category="Education", licence="CC0-1.0", source="test",
        tier="public", labels=[],
    )  # fmt: skip
    store = open_store(settings.sqlalchemy_url())
    DatasetManager(store, vectors, lexical, embedder, encoder, clock=lambda: datetime.now(UTC)).ingest(path, card=card)
    before = encoder.read
    retriever = HybridRetriever(store, vectors, lexical, embedder, encoder, Reader(lexical), threshold=0)
    asked = [Message("user", "How many inhabitants did Durkton have in the count of 2170?")]
    found = retriever.retrieve(asked, dataset_ids=["towns"], top_k=4)
    assert encoder.read - before == ROWS_READ
    assert any("Town: Durkton | Year of the count: 2170 |" in each.text for each in found.evidence)
    assert retriever.retrieve(asked, dataset_ids=["towns"], top_k=4) == found
    assert encoder.read - before == ROWS_READ, "what was read stays read"
    store.close()
