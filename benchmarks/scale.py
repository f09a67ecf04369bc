"""Measures how retrieval grows with what is indexed: `python -m benchmarks.scale --sizes 10000 100000 1000000`.

Vectors and words are synthetic: 5,000 datasets, each around a centre of its own, words as frequent as Zipf's law has
them. Timed is what happens between a query's vector and its fused chunks: cards choose datasets, both indexes are
searched within what is allowed, scores are fused. No text is embedded or read. The first questions find no vectors in
memory; told apart is what they take. No dataset is so large here that Chroma's graph is searched, so it is built thin.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from chromadb.api.collection_configuration import CreateHNSWConfiguration

from benchmarks.machine import describe_machine
from core.config import Settings
from core.rag.card_index import CardIndex, CardText, open_cards
from core.rag.embedding import DIMENSIONS, Embedder, Vectors
from core.rag.lexical import open_lexical
from core.rag.search import ChunkSearch
from core.rag.vectors import open_vectors
from core.schema import Chunk

DATASETS = 5_000
WORDS = 20_000
CHUNK_WORDS = 60
QUERY_WORDS = 6
PAGE = 5_000
WORD_TEXTS = np.asarray([f"w{n}x" for n in range(WORDS)], dtype=object)
AT_ONCE = 10
PLOT = Path(__file__).parents[1] / "docs" / "images" / "scale.svg"
VERSIONS = {f"d{n}": f"v{n}" for n in range(DATASETS)}
LIMIT_MS = 150
THIN = CreateHNSWConfiguration(space="cosine", max_neighbors=4, ef_construction=8)


@dataclass(frozen=True, slots=True)
class Query:
    """A question about one dataset, as words and as a vector."""

    words: str
    vector: Vectors


class Corpus:
    """Synthetic datasets; the same seed makes the same."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._centres = self._random.standard_normal((DATASETS, DIMENSIONS)).astype(np.float32)
        shares = 1 / np.arange(1, WORDS + 1)
        self._sums = np.cumsum(shares / shares.sum())

    def vectors(self, datasets: Sequence[int], *, spread: float) -> Vectors:
        """Return unit vectors around the datasets' centres."""
        noise = self._random.standard_normal((len(datasets), DIMENSIONS)).astype(np.float32)
        raw = self._centres[list(datasets)] + spread * noise
        unit: Vectors = raw / np.linalg.norm(raw, axis=1, keepdims=True)
        return unit

    def texts(self, count: int) -> list[str]:
        """Return texts of words that are as frequent as Zipf's law has them."""
        drawn = np.searchsorted(self._sums, self._random.random((count, CHUNK_WORDS)))
        return [" ".join(row) for row in WORD_TEXTS[np.minimum(drawn, WORDS - 1)].tolist()]

    def pages(self, size: int) -> Iterator[tuple[list[Chunk], Vectors]]:
        """Yield chunks, dealt out to the datasets in turn, with their vectors."""
        for start in range(0, size, PAGE):
            owners = [n % DATASETS for n in range(start, min(start + PAGE, size))]
            texts = self.texts(len(owners))
            chunks = [
                Chunk(f"c{start + n}", f"d{owner}", f"v{owner}", "Document", "Place", n, text)
                for n, (owner, text) in enumerate(zip(owners, texts, strict=True))
            ]
            yield chunks, self.vectors(owners, spread=1.0)

    def queries(self, count: int) -> list[Query]:
        """Return questions, each near one dataset."""
        about = self._random.integers(DATASETS, size=count)
        words = self._random.integers(5, WORDS // 4, size=(count, QUERY_WORDS))
        vectors = self.vectors(about.tolist(), spread=1.0)
        return [Query(" ".join(f"w{n}x" for n in w), vector) for w, vector in zip(words, vectors, strict=True)]


class Given(Embedder):
    """An embedder that knows the vectors of texts; it embeds nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.known: dict[str, Vectors] = {}

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors."""
        return np.stack([self.known[text] for text in texts])


@dataclass(frozen=True, slots=True)
class Figures:
    """What one size costs; times in milliseconds, `cpu` in processor time of a question."""

    size: int
    build_s: float
    memory_mb: float
    first: tuple[float, float]
    cpu: float
    alone: tuple[float, float]
    at_once: tuple[float, float]


def main() -> None:
    """Measure each size in an index of its own; print the table and draw how the 95th percentile grows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--plot", type=Path, default=PLOT)
    chosen = parser.parse_args()
    print(describe_machine())
    print(f"{DATASETS} datasets, all allowed; {chosen.queries} queries, alone and {AT_ONCE} at once; times in ms\n")
    names = ("build s", "memory MB", "first", "cpu", "p50", "p95", "p50 of 10", "p95 of 10")
    print(f"{'chunks':>10}" + "".join(f"{name:>11}" for name in names))
    figures = []
    for size in chosen.sizes:
        each = measure(size, queries=chosen.queries)
        figures.append(each)
        shown = (each.build_s, each.memory_mb, each.first[0], each.cpu, *each.alone, *each.at_once)
        print(f"{size:10}" + "".join(f"{value:11.1f}" for value in shown), flush=True)
    chosen.plot.parent.mkdir(parents=True, exist_ok=True)
    chosen.plot.write_text(draw(sorted(figures, key=lambda each: each.size)), encoding="utf-8")
    print(f"\nDrawn in {chosen.plot}.")


def measure(size: int, *, queries: int) -> Figures:
    """Build indexes of a size and time queries; memory is the most that the process ever held."""
    corpus, embedder = Corpus(seed=1), Given()
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home), vectors_memory_mb=2048)
        vectors, lexical = open_vectors(settings, graph=THIN), open_lexical(settings)
        cards = build_cards(settings, corpus, embedder)
        start = time.perf_counter()
        with lexical.writing() as writer:
            for chunks, made in corpus.pages(size):
                vectors.add(chunks, vectors=made)
                writer.add(chunks)
            writer.commit()
        built = time.perf_counter() - start
        asked = corpus.queries(queries)
        embedder.known = {query.words: query.vector for query in asked}
        search = ChunkSearch(vectors, lexical, embedder, cards=cards)
        first = [timed(search, query) for query in asked]
        used = time.process_time()
        alone = [timed(search, query) for query in asked]
        cpu = (time.process_time() - used) * 1000 / len(asked)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            at_once = list(pool.map(lambda query: timed(search, query), asked))
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Figures(size, built, memory, percentiles(first), cpu, percentiles(alone), percentiles(at_once))


def build_cards(settings: Settings, corpus: Corpus, embedder: Given) -> CardIndex:
    """Return an index with a card for each dataset."""
    index = open_cards(settings, embedder)
    cards = [CardText(f"d{n}", f"v{n}", f"Dataset {n}", text, {}) for n, text in enumerate(corpus.texts(DATASETS))]
    made = corpus.vectors(range(DATASETS), spread=0.5)
    embedder.known = {card.parts()[0]: vector for card, vector in zip(cards, made, strict=True)}
    index.add(cards)
    return index


def timed(search: ChunkSearch, query: Query) -> float:
    """Find chunks as the retriever does; return the milliseconds."""
    start = time.perf_counter()
    search.search(query.words, VERSIONS)
    return (time.perf_counter() - start) * 1000


def percentiles(times: Sequence[float]) -> tuple[float, float]:
    """Return median and 95th percentile."""
    p50, p95 = np.percentile(times, [50, 95])
    return float(p50), float(p95)


def draw(figures: Sequence[Figures]) -> str:
    """Return a drawing (SVG) of the 95th percentiles over the number of chunks, both axes logarithmic."""
    width, height, left, bottom = 640, 360, 60, 40
    low, high = np.log10(min(f.size for f in figures)), np.log10(max(f.size for f in figures))
    top = np.log10(max(LIMIT_MS, *(f.at_once[1] for f in figures))) + 0.1

    def place(size: float, ms: float) -> tuple[float, float]:
        x = left + (np.log10(size) - low) / max(high - low, 1e-9) * (width - left - 90)
        return float(x), float(height - bottom - np.log10(max(ms, 1.0)) / top * (height - bottom - 20))

    def line(name: str, values: Sequence[float], colour: str) -> str:
        points = [place(f.size, ms) for f, ms in zip(figures, values, strict=True)]
        path = " ".join(f"{x:.0f},{y:.0f}" for x, y in points)
        x, y = points[-1]
        return (
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
            f'<text x="{x + 6:.0f}" y="{y + 4:.0f}" fill="{colour}">{name}</text>'
        )

    marks = "".join(
        f'<text x="{left - 8}" y="{place(figures[0].size, ms)[1] + 4:.0f}" text-anchor="end">{ms} ms</text>'
        for ms in (1, 10, 100)
    )
    sizes = "".join(
        f'<text x="{place(f.size, 1)[0]:.0f}" y="{height - 15}" text-anchor="middle">{f.size:,}</text>' for f in figures
    )
    limit = place(figures[0].size, LIMIT_MS)[1]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        f'font-size="12"><title>95th percentile of retrieval by number of chunks</title>'
        f'<rect width="{width}" height="{height}" fill="white"/>'
        f'<line x1="{left}" x2="{width - 90}" y1="{limit:.0f}" y2="{limit:.0f}" stroke="#999" stroke-dasharray="4"/>'
        f'<text x="{left + 4}" y="{limit - 5:.0f}" fill="#666">limit at 1,000,000: {LIMIT_MS} ms</text>'
        f"{marks}{sizes}{line('alone', [f.alone[1] for f in figures], '#1f5fa8')}"
        f"{line(f'{AT_ONCE} at once', [f.at_once[1] for f in figures], '#b3541e')}</svg>\n"
    )


if __name__ == "__main__":
    main()
