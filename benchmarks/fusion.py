"""Measures search by meaning, by words, and both fused, on public collections: `python -m benchmarks.fusion`.

The weight of meaning is chosen on three sets whose rows may train what ships, and reported on two others. `--vectors`
names a folder that keeps vectors between runs.
"""

import argparse
import csv
import json
import random
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from benchmarks.machine import describe_machine
from core.rag.embedding import Embedder, Vectors
from core.rag.fusion import DENSE_WEIGHT, fuse_scores
from core.rag.lexical import LexicalIndex
from core.rag.search import DEPTH
from core.schema import Chunk

DATA = Path(__file__).parents[2] / "shared" / "evaldata"
WEIGHTS = (0.0, 0.3, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 1.0)
RRF_K = 60  # reciprocal rank fusion, Cormack, Clarke and Buettcher 2009
AT = 10
VERSION = "v1"


@dataclass(frozen=True, slots=True)
class Collection:
    """Queries, documents as (title, text), and of each query the grades of its relevant documents by place."""

    name: str
    queries: tuple[str, ...]
    documents: tuple[tuple[str, str], ...]
    relevant: tuple[Mapping[int, int], ...]


Scores = tuple[dict[str, float], dict[str, float]]
"""Of one query: scores by meaning and by words of every document that either found."""


def main() -> None:
    """Print nDCG@10 of every weight on the sets it is chosen on, and of every way on the sets it is reported on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vectors", type=Path, help="folder that keeps vectors between runs")
    kept = parser.parse_args().vectors
    if not DATA.is_dir():
        print(f"The public data is not in {DATA}; nothing is measured.")
        return
    print(describe_machine())
    with tempfile.TemporaryDirectory() as folder:
        embed = keeping(Embedder(), kept or Path(folder))
        print(f"\nChosen on: nDCG@{AT} by weight of meaning, and reciprocal rank fusion")
        print(f"{'':12}{'n':>5}" + "".join(f"{weight:8}" for weight in WEIGHTS) + f"{'RRF':>8}")
        for collection in (load_banking(), load_squad(), load_pubmedqa()):
            found, n = search_all(collection, embed, Path(folder))
            figures = [ndcg(collection, [fused(each, weight) for each in found]) for weight in WEIGHTS]
            figures.append(ndcg(collection, [by_ranks(each) for each in found]))
            print(f"{collection.name:12}{n:5}" + "".join(f"{figure:8.4f}" for figure in figures), flush=True)
        print(f"\nReported on: nDCG@{AT}, with {DENSE_WEIGHT} as the weight of meaning")
        print(f"{'':12}{'n':>5}{'meaning':>10}{'BM25':>10}{'RRF':>10}{'fused':>10}")
        for name in ("cranfield", "cisi"):
            collection = load_trec(name)
            found, n = search_all(collection, embed, Path(folder))
            ways: list[Callable[[Scores], list[str]]] = [
                lambda each: fused(each, 1.0),
                lambda each: fused(each, 0.0),
                by_ranks,
                lambda each: fused(each, DENSE_WEIGHT),
            ]
            figures = [ndcg(collection, [way(each) for each in found]) for way in ways]
            print(f"{name:12}{n:5}" + "".join(f"{figure:10.4f}" for figure in figures), flush=True)


def search_all(
    collection: Collection, embed: Callable[[Sequence[str]], Vectors], folder: Path
) -> tuple[list[Scores], int]:
    """Return what the two searches find for each query, and how many queries have an answer.

    Meaning is searched exactly, so that the figures are those of the scores and not of an approximate index.
    """
    vectors = embed([f"{title}\n{text}".strip() for title, text in collection.documents])
    asked = embed(collection.queries)
    lexical = LexicalIndex(folder / collection.name)
    with lexical.writing() as writer:
        writer.add(
            [Chunk(str(n), "data", VERSION, title, "", n, text) for n, (title, text) in enumerate(collection.documents)]
        )
        writer.commit()
    found = []
    for query, vector in zip(collection.queries, asked, strict=True):
        cosines = vectors @ vector
        nearest = [str(n) for n in np.argsort(-cosines)[:DEPTH]]
        words = dict(lexical.search(query, versions=[VERSION], top_k=DEPTH))
        pool = list(dict.fromkeys([*nearest, *words]))
        words |= lexical.scores(query, ids=[i for i in pool if i not in words])
        found.append(({i: float(cosines[int(i)]) for i in pool}, words))
    return found, sum(map(bool, collection.relevant))


def fused(scores: Scores, weight: float) -> list[str]:
    """Return the pool's documents in fused order."""
    return [i for i, _ in fuse_scores(*scores, dense_weight=weight)]


def by_ranks(scores: Scores) -> list[str]:
    """Return the documents of both rankings by reciprocal rank fusion: the sum of 1 / (RRF_K + rank)."""
    sums: dict[str, float] = {}
    for ranking in scores:
        for rank, item in enumerate(sorted(ranking, key=lambda i: -ranking[i])[:DEPTH], start=1):
            sums[item] = sums.get(item, 0.0) + 1 / (RRF_K + rank)
    return sorted(sums, key=lambda item: -sums[item])


def ndcg(collection: Collection, orders: Sequence[Sequence[str]]) -> float:
    """Return the mean normalised discounted cumulative gain at 10 over the queries that have an answer."""
    discounts = 1 / np.log2(np.arange(2, AT + 2))
    gains = []
    for order, relevant in zip(orders, collection.relevant, strict=True):
        if relevant:
            got = np.array([relevant.get(int(i), 0) for i in order[:AT]])
            best = np.array(sorted(relevant.values(), reverse=True)[:AT])
            gains.append((got @ discounts[: len(got)]) / (best @ discounts[: len(best)]))
    return float(np.mean(gains))


def keeping(embedder: Embedder, folder: Path) -> Callable[[Sequence[str]], Vectors]:
    """Return an embedder that keeps the vectors of each list of texts in a folder."""
    folder.mkdir(parents=True, exist_ok=True)

    def embed(texts: Sequence[str]) -> Vectors:
        file = folder / f"{sha256(chr(0).join(texts).encode()).hexdigest()[:16]}.npy"
        if not file.exists():
            np.save(file, embedder.embed(texts))
        vectors: Vectors = np.load(file)
        return vectors

    return embed


def load_trec(name: str) -> Collection:
    """Return Cranfield or CISI."""
    folder = DATA / "retrieval" / name
    documents = [json.loads(line) for line in (folder / "corpus.jsonl").read_text().splitlines()]
    queries = [json.loads(line) for line in (folder / "queries.jsonl").read_text().splitlines()]
    place = {each["_id"]: n for n, each in enumerate(documents)}
    grades: dict[str, dict[int, int]] = {}
    for line in (folder / "qrels.tsv").read_text().splitlines()[1:]:
        query, document, grade = line.split("\t")
        grades.setdefault(query, {})[place[document]] = int(grade)
    return Collection(
        name,
        tuple(each["text"] for each in queries),
        tuple((each["title"], each["text"]) for each in documents),
        tuple(grades.get(each["_id"], {}) for each in queries),
    )


def load_banking() -> Collection:
    """Return requests to a bank; those of the same intent are relevant, and rarely in the same words."""
    with (DATA / "dialogue" / "polyai" / "banking_data" / "train.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    random.Random(5).shuffle(rows)
    asked, kept = rows[:250], rows[250:1300]
    relevant = [{n: 1 for n, (_, intent) in enumerate(kept) if intent == wanted} for _, wanted in asked]
    return Collection("banking", tuple(q for q, _ in asked), tuple(("", text) for text, _ in kept), tuple(relevant))


def load_squad() -> Collection:
    """Return questions with the paragraphs that answer them, largely in the same words."""
    articles = json.loads((DATA / "qa" / "squad_dev_half.json").read_text())["data"]
    paragraphs = [paragraph for article in articles for paragraph in article["paragraphs"][:14]]
    asked = [(qa["question"], n) for n, paragraph in enumerate(paragraphs) for qa in paragraph["qas"]]
    random.Random(5).shuffle(asked)
    return Collection(
        "squad",
        tuple(question for question, _ in asked[:300]),
        tuple(("", paragraph["context"]) for paragraph in paragraphs),
        tuple({n: 1} for _, n in asked[:300]),
    )


def load_pubmedqa() -> Collection:
    """Return experts' questions with their conclusions."""
    rows = list(json.loads((DATA / "qa" / "pubmedqa.json").read_text()).values())
    random.Random(5).shuffle(rows)
    return Collection(
        "pubmedqa",
        tuple(row["QUESTION"] for row in rows[:250]),
        tuple(("", row["LONG_ANSWER"]) for row in rows[:250]),
        tuple({n: 1} for n in range(250)),
    )


if __name__ == "__main__":
    main()
