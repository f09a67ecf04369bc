"""Says which datasets a question is about: one card for each, found by meaning and by words.

A card's text is what a person would look for: columns, description, and what stands in the cells. Meaning reads its
beginning (the embedder sees 256 word pieces), words all of it, so that names and years in a table are found too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from core.config import Settings
from core.rag.embedding import DIMENSIONS, Embedder, Vectors
from core.rag.fusion import fuse_scores
from core.rag.lexical import LexicalIndex, open_lexical
from core.rag.scopes import Scopes
from core.rag.vectors import VectorIndex, open_vectors
from core.schema import Chunk

DEPTH = 100  # cards taken from each side
DENSE_WEIGHT = 0.25  # of meaning: many questions name nothing but what stands in a cell, so that words tell more
# Words that say what is asked of a table, not what it is about.
_ASKED = """
amount chart difference first last least list listed lists long many most much name names next number only same table
tables times total
"""
ASKED = frozenset(_ASKED.split())
SHOWN_VALUES = 6  # of a column, near the beginning of a card
MAX_LINE = 250  # characters of columns and of the description that meaning is to read
MAX_READ = 2_000  # characters; more than the embedder sees
MAX_CELLS = 40_000  # characters
SCOPES = 4  # lists of datasets whose vectors are remembered


@dataclass(frozen=True, slots=True)
class CardText:
    """What a dataset is found by; words of the title and of the text's first line count more than others."""

    dataset_id: str
    version: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class _Meanings:
    """Vectors of cards in memory, as of the mark that a writer left; row n is the one of `ids[n]`."""

    mark: str
    rows: Mapping[str, int]
    ids: Sequence[str]
    vectors: Vectors
    scopes: Scopes["_Meanings"] = field(default_factory=lambda: Scopes(SCOPES))

    def within(self, dataset_ids: Sequence[str] | None) -> "_Meanings":
        """Return those of some datasets alone; what was asked for last is remembered."""
        return self if dataset_ids is None else self.scopes.of(dataset_ids, lambda: self._only(set(dataset_ids)))

    def _only(self, wanted: set[str]) -> "_Meanings":
        rows = [row for row, each in enumerate(self.ids) if each in wanted]
        return _meanings(self.mark, [self.ids[row] for row in rows], self.vectors[rows])


class CardIndex:
    """The cards of a catalog. Who may see which dataset is decided by the caller.

    Where writers leave a mark, the vectors are held in memory until it changes; a Chroma server is asked each time.
    """

    def __init__(self, vectors: VectorIndex, lexical: LexicalIndex, embedder: Embedder) -> None:
        """Take indexes that hold cards alone."""
        self._vectors = vectors
        self._lexical = lexical
        self._embedder = embedder
        self._meanings: _Meanings | None = None

    def add(self, cards: Sequence[CardText]) -> None:
        """Add cards; the card that a dataset had is replaced.

        Raises:
            RetrievalError: An index can't be written.
        """
        chunks = [_as_chunk(card) for card in cards]
        self._vectors.add(chunks, vectors=self._embedder.embed([chunk.text[:MAX_READ] for chunk in chunks]))
        with self._lexical.writing() as writer:
            for card in cards:
                writer.remove(card.dataset_id)
            writer.add(chunks)
            writer.commit()

    def remove(self, dataset_id: str) -> None:
        """Remove a dataset's card.

        Raises:
            RetrievalError: An index can't be written.
        """
        self._vectors.remove(dataset_id)
        with self._lexical.writing() as writer:
            writer.remove(dataset_id)
            writer.commit()

    def search(
        self, query: str, *, dataset_ids: Sequence[str] | None, top_k: int, vector: Vectors | None = None
    ) -> list[tuple[str, float]]:
        """Return the datasets whose cards fit best as (dataset id, score), best first.

        Args:
            query: What is looked for.
            dataset_ids: Only these are scored; every dataset when None.
            top_k: How many.
            vector: The query's, where it is made already.
        """
        if vector is None:
            vector = self._embedder.embed([query])[0]
        pool = self.pool(query, dataset_ids=dataset_ids, top_k=max(DEPTH, top_k), vector=vector)
        return fuse_scores(*pool, dense_weight=DENSE_WEIGHT)[:top_k]

    def pool(
        self, query: str, *, dataset_ids: Sequence[str] | None, top_k: int, vector: Vectors
    ) -> tuple[dict[str, float], dict[str, float]]:
        """Return the best of each side with their scores by meaning and by words, for `fuse_scores`."""
        words = _subject(query)
        lexical = dict(self._lexical.search(words, versions=dataset_ids, top_k=top_k))
        meanings = self._held()
        if meanings is None:
            dense = dict(self._vectors.nearest(vector, ids=dataset_ids, top_k=top_k))
            dense |= self._vectors.similarities(vector, ids=[i for i in lexical if i not in dense])
        else:
            held = meanings.within(dataset_ids)
            cosines = held.vectors @ vector
            best = np.argsort(-cosines, kind="stable")[:top_k].tolist()
            rows = {held.ids[n]: n for n in best} | {i: held.rows[i] for i in lexical if i in held.rows}
            dense = {i: float(cosines[n]) for i, n in rows.items()}
        lexical |= self._lexical.scores(words, ids=[i for i in dense if i not in lexical])
        return dense, lexical

    def _held(self) -> _Meanings | None:
        mark = self._vectors.mark()
        if mark is None:
            return None
        if self._meanings is None or self._meanings.mark != mark:
            batches = [(ids, vectors) for ids, vectors, _ in self._vectors.export_all()]
            none = np.empty((0, DIMENSIONS), dtype=np.float32)
            vectors = np.concatenate([none, *(vectors for _, vectors in batches)])
            self._meanings = _meanings(mark, [i for ids, _ in batches for i in ids], vectors)
        return self._meanings


def open_cards(settings: Settings, embedder: Embedder) -> CardIndex:
    """Open the index of cards that the settings name.

    Raises:
        RetrievalError: A folder or the server can't be used.
    """
    return CardIndex(open_vectors(settings, collection="cards"), open_lexical(settings, name="cards"), embedder)


def card_text(*, description: str, columns: Mapping[str, Sequence[str]]) -> str:
    """Return the text of a card: columns, the description's beginning, some values, then all that words can find.

    Args:
        description: What the dataset is.
        columns: Of each column its different values; those of a column of numbers are for words alone.
    """
    about = " ".join(description.split())
    shown = "; ".join(f"{name}: {', '.join(v[:SHOWN_VALUES])}" for name, v in columns.items() if _are_words(v))
    lines = (
        ", ".join(columns)[:MAX_LINE],
        about[:MAX_LINE],
        shown[: 2 * MAX_LINE],
        about[MAX_LINE:],
        " ".join(value for values in columns.values() for value in values)[:MAX_CELLS],
    )
    return "\n".join(lines)


def _meanings(mark: str, ids: Sequence[str], vectors: Vectors) -> _Meanings:
    return _Meanings(mark, {each: row for row, each in enumerate(ids)}, ids, vectors)


def _subject(query: str) -> str:
    """Return a query without the words that say what is asked of a table; all of it when nothing is left."""
    return " ".join(word for word in query.split() if word.strip("?,.!'\"").lower() not in ASKED) or query


def _are_words(values: Sequence[str]) -> bool:
    return sum(any(letter.isalpha() for letter in value) for value in values) > len(values) / 2


def _as_chunk(card: CardText) -> Chunk:
    first = card.text.split("\n", 1)[0]
    text = f"{card.title}\n{card.text}"
    return Chunk(card.dataset_id, card.dataset_id, card.dataset_id, card.title, first, 0, text)
