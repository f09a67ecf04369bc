"""The lexical index: BM25 over English word stems, on disk with tantivy. Texts stay in the store.

A query is only ever words: nothing that a person types is query syntax. Stems and stop words are English; other
languages are found by whole words.

Where most versions may be searched, the others are left out, which costs much less than to name those that may. Which
others there are is read from the very snapshot that is searched, so that no version slips in between.
"""

import math
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import tantivy

from core.config import Settings
from core.errors import RetrievalError
from core.schema import Chunk
from core.scopes import Scopes

WRITER_BYTES = 32_000_000
HEADING_BOOST = 0.6
MAX_TERMS = 64
SCOPES = 4  # lists of versions whose filter is remembered
_STOPPED = """
a about after all also am an and any are as at be because been before being between both but by can could did do
does doing each either else ever every for from further get gets got had has have having he her here hers him his
how i if in into is it its itself just kind let like many may me might more most much must my no nor not of off on
once one only or other our out over own per please s same shall she should so some such t tell than that the their them
then there these they this those through to too under until up us very was we were what when where which while who
whom whose why will with would you your yours
"""
STOP_WORDS = _STOPPED.split()

_Clause = tuple[tantivy.Occur, tantivy.Query]


class LexicalWriter:
    """The only writer of the index while it is open. Nothing is seen by searches before `commit`."""

    def __init__(self, writer: tantivy.IndexWriter) -> None:
        self._writer = writer

    def add(self, chunks: Sequence[Chunk]) -> None:
        """Add chunks. Their version must not be there yet."""
        with _as_retrieval_error("written"):
            for chunk in chunks:
                self._writer.add_document(
                    tantivy.Document(
                        id=chunk.id,
                        version=chunk.version,
                        heading=f"{chunk.document} {chunk.place}",
                        text=chunk.text,
                    )
                )

    def remove(self, version: str) -> None:
        """Remove every chunk of a version."""
        with _as_retrieval_error("written"):
            self._writer.delete_documents_by_term("version", version)

    def remove_all(self) -> None:
        """Remove every chunk."""
        with _as_retrieval_error("written"):
            self._writer.delete_all_documents()

    def commit(self) -> None:
        """Make all that was added and removed durable and seen."""
        with _as_retrieval_error("written"):
            self._writer.commit()


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """What a search sees: the index as of a commit, with the versions of all its chunks."""

    commit: bytes
    searcher: tantivy.Searcher
    versions: frozenset[str]
    scopes: Scopes[Sequence[_Clause]] = field(default_factory=lambda: Scopes(SCOPES))


class LexicalIndex:
    """Words of chunks, searched within given versions."""

    def __init__(
        self, folder: Path, *, weights: Mapping[str, float] | None = None, heading: float = HEADING_BOOST
    ) -> None:
        """Open the index in a folder.

        Args:
            folder: Made when it does not exist.
            weights: How much some words count in a query, where others count 1.
            heading: How much a word in the heading counts beside the same word in the text.
        """
        self._fields = (("text", 1.0), ("heading", heading))
        self._lock = threading.Lock()
        self._commit = folder / "meta.json"  # tantivy writes it anew with each commit
        self._seen: _Snapshot | None = None
        self._schema = _schema()
        self._analyser = _analyser()
        self._weights = {stem: weight for word, weight in (weights or {}).items() for stem in self.terms(word)}
        with _as_retrieval_error("opened"):
            folder.mkdir(parents=True, exist_ok=True)
            self._index = tantivy.Index(self._schema, path=str(folder))
            self._index.register_tokenizer("english", self._analyser)

    @contextmanager
    def writing(self) -> Iterator[LexicalWriter]:
        """Hold the index's only writer; threads wait for it, another process is told to.

        What wasn't committed when the block ends is dropped.

        Raises:
            RetrievalError: Another process is writing.
        """
        with self._lock:
            try:
                writer = self._index.writer(heap_size=WRITER_BYTES, num_threads=1)
            except ValueError as exc:
                if "LockBusy" in str(exc):
                    raise RetrievalError("Another process is ingesting; try again when it is done.") from exc
                raise RetrievalError(f"The lexical index can't be written: {exc}") from exc
            try:
                yield LexicalWriter(writer)
            finally:
                with _as_retrieval_error("closed"):
                    writer.wait_merging_threads()  # a rollback would throw merges away that have begun
                    self._index.reload()

    def terms(self, text: str) -> list[str]:
        """Return the stems of a text's words in order, without stop words."""
        return self._analyser.analyze(text)

    def rarity(self, term: str) -> float:
        """Return the inverse document frequency of a stem: ln(1 + (N - n + 0.5) / (n + 0.5)), as BM25 weighs it."""
        searcher = self._index.searcher()
        holding = min(searcher.doc_freq("text", term), searcher.num_docs)
        return math.log(1 + (searcher.num_docs - holding + 0.5) / (holding + 0.5))

    def search(self, text: str, *, versions: Sequence[str] | None, top_k: int) -> list[tuple[str, float]]:
        """Return the best chunks of these versions, of all when None, as (chunk id, BM25 score), best first."""
        with _as_retrieval_error("searched"):
            seen = self._snapshot()
            within = () if versions is None else seen.scopes.of(versions, lambda: self._scope(seen, versions))
            return self._ranked(text, seen, *within, top_k=top_k)

    def _scope(self, seen: _Snapshot, versions: Sequence[str]) -> Sequence[_Clause]:
        """Return what leaves other versions out."""
        others = seen.versions.difference(versions)
        if len(others) >= len(versions):
            return [self._within("version", seen.versions - others)]
        return [(tantivy.Occur.MustNot, self._any_of("version", others))] if others else []

    def scores(self, text: str, *, ids: Sequence[str]) -> dict[str, float]:
        """Return the BM25 scores of those of these chunks that hold a word of the text, as `search` gives them."""
        with _as_retrieval_error("searched"):
            return dict(self._ranked(text, self._snapshot(), self._within("id", ids), top_k=len(ids)))

    def _snapshot(self) -> _Snapshot:
        """Return the newest commit, also of another process."""
        commit = self._commit.read_bytes()
        if self._seen is None or self._seen.commit != commit:
            self._index.reload()
            searcher = self._index.searcher()
            self._seen = _Snapshot(commit, searcher, frozenset(v for v, _ in searcher.terms_with_prefix("version", "")))
        return self._seen

    def _ranked(self, text: str, seen: _Snapshot, *within: _Clause, top_k: int) -> list[tuple[str, float]]:
        terms = dict(Counter(self.terms(text)).most_common(MAX_TERMS))
        if not terms or top_k < 1:
            return []
        hits = seen.searcher.search(self._query(terms, within), limit=top_k, count=False).hits
        return [(seen.searcher.doc(address)["id"][0], score) for score, address in hits]

    def count(self, version: str) -> int:
        """Return how many chunks of a version searches see."""
        with _as_retrieval_error("searched"):
            searcher = self._snapshot().searcher
            query = tantivy.Query.term_query(self._schema, "version", version)
            return len(searcher.search(query, limit=max(1, searcher.num_docs)).hits)

    def _query(self, terms: Mapping[str, int], within: Sequence[_Clause]) -> tantivy.Query:
        """Return a query in which a word counts as often as it was said, times its weight."""
        query = tantivy.Query
        words = [
            (tantivy.Occur.Should, query.boost_query(query.term_query(self._schema, field, term), boost * counted))
            for field, boost in self._fields
            for term, counted in ((term, times * self._weights.get(term, 1.0)) for term, times in terms.items())
        ]
        return query.boolean_query([*within, (tantivy.Occur.Must, query.boolean_query(words))])

    def _within(self, field: str, values: Iterable[str]) -> _Clause:
        return tantivy.Occur.Must, tantivy.Query.const_score_query(self._any_of(field, values), 0.0)

    def _any_of(self, field: str, values: Iterable[str]) -> tantivy.Query:
        terms = (tantivy.Query.term_query(self._schema, field, value) for value in values)
        return tantivy.Query.boolean_query([(tantivy.Occur.Should, term) for term in terms])


def open_lexical(settings: Settings) -> LexicalIndex:
    """Open the index of chunks in the data folder.

    Raises:
        RetrievalError: The folder can't be used, or holds another index.
    """
    return LexicalIndex(settings.data_folder / "lexical")


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("id", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("version", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("heading", tokenizer_name="english", index_option="freq")
    builder.add_text_field("text", tokenizer_name="english", index_option="freq")
    return builder.build()


def _analyser() -> tantivy.TextAnalyzer:
    return (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        .filter(tantivy.Filter.remove_long(80))
        .filter(tantivy.Filter.lowercase())
        .filter(tantivy.Filter.ascii_fold())
        .filter(tantivy.Filter.custom_stopword(STOP_WORDS))
        .filter(tantivy.Filter.stemmer("english"))
        .build()
    )


@contextmanager
def _as_retrieval_error(done: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, OSError, RuntimeError) as exc:
        raise RetrievalError(f"The lexical index can't be {done}: {exc}") from exc
