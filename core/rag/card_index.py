"""Says which datasets a question is about: one card for each, found by meaning and by words.

A card holds what a person would look for: title, description, columns, and what stands in the cells. Meaning is one
vector, the mean of those of its parts: read as one text, a long description drowns the names of the columns. Words are
those of all cells, each once however often it stands there, so that a name or a year in a large table is found too.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from core.config import Settings
from core.rag.embedding import DIMENSIONS, Embedder, Vectors
from core.rag.fusion import fuse_scores
from core.rag.held_vectors import best_rows
from core.rag.lexical import LexicalIndex
from core.rag.vectors import VectorIndex, open_vectors
from core.schema import Chunk
from core.scopes import Scopes

DEPTH = 100  # cards taken from each side
IN_HEADING = 0.3  # what a word of title or columns counts more, beside one that stands anywhere on the card
DENSE_WEIGHT = 0.4  # of meaning: many questions name nothing but what stands in a cell, so that words tell more
# Words that many questions of WikiTableQuestions hold, most first: they say what is asked more than what it is about.
_IN_MOST = """
amount chart country difference finish first game last least list long name next number place play player point score
season team time top total win won year
"""
_IN_MANY = """
above against appear area athlete attendance average award below besides best building came championship city club
combined comes competition competitor complete consecutive county cup date division during earned event film goal held
higher highest home largest league less located longest loss made match medal member month movie nation new office open
opponent percentage people performed person popular population position previous produced race rank received record
released represented result round second serve show single state table take title took tournament two united used venue
vote week winner world
"""
ASKED = dict.fromkeys(_IN_MOST.split(), 0.4) | dict.fromkeys(_IN_MANY.split(), 0.7)  # what they count beside others
SHOWN_VALUES = 6  # of a column, for meaning
MAX_ABOUT, MAX_COLUMNS, MAX_SHOWN = 400, 250, 300  # characters of the parts that meaning reads
MAX_CELLS = 40_000  # characters
SCOPES = 4  # lists of datasets whose vectors are remembered
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class CardText:
    """What a dataset is found by; words of the title and of the columns' names count more than others.

    Attributes:
        dataset_id: The dataset.
        version: The one that was read.
        title: The dataset's title.
        description: What the dataset is.
        columns: Of each column its different values; those of a column of numbers are for words alone.
    """

    dataset_id: str
    version: str
    title: str
    description: str
    columns: Mapping[str, Sequence[str]]

    def parts(self) -> list[str]:
        """Return what meaning reads: what the dataset is, its columns, and some values where there are any."""
        about = f"{self.title}\n{' '.join(self.description.split())[:MAX_ABOUT]}"
        shown = (f"{name}: {', '.join(v[:SHOWN_VALUES])}" for name, v in self.columns.items() if _are_words(v))
        parts = (about, ", ".join(self.columns)[:MAX_COLUMNS], "; ".join(shown)[:MAX_SHOWN])
        return [part for part in parts if part]

    def words(self) -> str:
        """Return each word once, since a word that stands in every row tells no more than one that stands in one."""
        cells = " ".join(value for values in self.columns.values() for value in values)[:MAX_CELLS]
        return " ".join(
            dict.fromkeys(_WORD.findall(" ".join((self.title, *self.columns, self.description, cells)).lower()))
        )


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
        if not cards:
            return
        chunks = [_as_chunk(card) for card in cards]
        parts = [card.parts() for card in cards]
        read = iter(self._embedder.embed([part for each in parts for part in each]))
        self._vectors.add(chunks, vectors=np.stack([_mean([next(read) for _ in each]) for each in parts]))
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
        lexical = dict(self._lexical.search(query, versions=dataset_ids, top_k=top_k))
        meanings = self._held()
        if meanings is None:
            dense = dict(self._vectors.nearest(vector, ids=dataset_ids, top_k=top_k))
            more = self._vectors.vectors_of([i for i in lexical if i not in dense])
            dense |= {i: float(each @ vector) for i, each in more.items()}
        else:
            held = meanings.within(dataset_ids)
            cosines = held.vectors @ vector
            best = best_rows(cosines, top_k=top_k).tolist()
            rows = {held.ids[n]: n for n in best} | {i: held.rows[i] for i in lexical if i in held.rows}
            dense = {i: float(cosines[n]) for i, n in rows.items()}
        lexical |= self._lexical.scores(query, ids=[i for i in dense if i not in lexical])
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
    lexical = LexicalIndex(settings.data_folder / "cards", weights=ASKED, heading=IN_HEADING)
    return CardIndex(open_vectors(settings, collection="cards"), lexical, embedder)


def _meanings(mark: str, ids: Sequence[str], vectors: Vectors) -> _Meanings:
    return _Meanings(mark, {each: row for row, each in enumerate(ids)}, ids, vectors)


def _mean(vectors: Sequence[Vectors]) -> Vectors:
    total = np.sum(vectors, axis=0)
    mean: Vectors = total / (np.linalg.norm(total) or 1)
    return mean


def _are_words(values: Sequence[str]) -> bool:
    return sum(any(letter.isalpha() for letter in value) for value in values) > len(values) / 2


def _as_chunk(card: CardText) -> Chunk:
    columns = ", ".join(card.columns)
    return Chunk(card.dataset_id, card.dataset_id, card.dataset_id, card.title, columns, 0, card.words())
