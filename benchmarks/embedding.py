"""The embedder beside `SentenceTransformer.encode` at its defaults: `python -m benchmarks.embedding [--texts 300]`.

Texts per second on the same texts and cores, in turns; how near the vectors are; nDCG@10 of both by cosine alone on
Cranfield and CISI with a paired bootstrap interval of the difference; a question's milliseconds; threads beside
processes. Nothing was tuned on these sets: channels and bits were chosen by likeness on other texts.
"""

import argparse
import csv
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from benchmarks.machine import describe_machine
from core.encoder.minilm import minilm_folder
from core.rag.embedding import Embedder, Vectors

SETS = Path(__file__).resolve().parents[2] / "shared" / "evaldata" / "retrieval"
GOAL_SPEED = 2.5
GOAL_NDCG = 0.01
ROUNDS = 3
RESAMPLES = 2000
TOP = 10

Embed = Callable[[Sequence[str]], Vectors]


@dataclass(frozen=True, slots=True)
class Collection:
    """A public retrieval set; `relevant` says of each query how much each document's place in `texts` counts."""

    name: str
    texts: list[str]
    queries: list[str]
    relevant: list[dict[int, float]]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=300, help="texts of the timing")
    options = parser.parse_args()
    if not SETS.is_dir():
        print(f"not measured: {SETS} is absent")
        return
    print(describe_machine())
    model = SentenceTransformer(str(minilm_folder()), device="cpu", local_files_only=True)
    embedders: dict[str, Embed] = {
        "SentenceTransformer": lambda texts: np.asarray(model.encode(list(texts), normalize_embeddings=True)),
        "Embedder": Embedder().embed,
    }
    collections = [load_collection(SETS / name) for name in ("cranfield", "cisi")]
    texts = [text for each in collections for text in each.texts]
    print_speed(embedders, texts[:: max(1, len(texts) // options.texts)][: options.texts])
    print_question(embedders, [query for each in collections for query in each.queries if len(query.split()) <= 16])
    for each in collections:
        print_quality(embedders, each)


def load_collection(folder: Path) -> Collection:
    """Read corpus, queries and judgements; queries that no document answers are left out."""
    docs = [json.loads(line) for line in (folder / "corpus.jsonl").read_text().splitlines()]
    asked = {q["_id"]: q["text"] for q in map(json.loads, (folder / "queries.jsonl").read_text().splitlines())}
    places = {doc["_id"]: place for place, doc in enumerate(docs)}
    judged: dict[str, dict[int, float]] = {}
    with (folder / "qrels.tsv").open() as file:
        for query, doc, score in list(csv.reader(file, delimiter="\t"))[1:]:
            if float(score) > 0:
                judged.setdefault(query, {})[places[doc]] = float(score)
    texts = [f"{doc['title']}\n{doc['text']}" for doc in docs]
    return Collection(folder.name, texts, [asked[q] for q in judged], list(judged.values()))


def print_speed(embedders: dict[str, Embed], texts: list[str]) -> None:
    """Print texts per second; the embedders take turns, so that other work on the machine slows both."""
    rates: dict[str, list[float]] = {name: [] for name in embedders}
    vectors: dict[str, Vectors] = {}
    for embed in embedders.values():
        embed(texts[:8])
    for _ in range(ROUNDS):
        for name, embed in embedders.items():
            start = time.perf_counter()
            vectors[name] = embed(texts)
            rates[name].append(len(texts) / (time.perf_counter() - start))
    for name, found in rates.items():
        print(f"{name:20} {np.median(found):7.1f} texts/s (median of {ROUNDS} rounds, {len(texts)} texts)")
    base, ours = (np.array(rates[name]) for name in embedders)
    ratios = ours / base
    print(f"{'ratio':20} {np.median(ratios):7.2f} ({ratios.min():.2f} to {ratios.max():.2f}; goal {GOAL_SPEED})")
    alone = Embedder(threads=1)
    alone.embed(texts[:8])
    start = time.perf_counter()
    alone.embed(texts)
    print(f"{'one thread':20} {len(texts) / (time.perf_counter() - start):7.1f} texts/s; {os.cpu_count()} cores")
    likeness = (vectors["SentenceTransformer"] * vectors["Embedder"]).sum(axis=1)
    print(f"{'cosine':20} mean {likeness.mean():.4f}, least {likeness.min():.4f} (n {len(texts)})")


def print_question(embedders: dict[str, Embed], questions: list[str]) -> None:
    """Print the time of one short text."""
    for name, embed in embedders.items():
        times = []
        for question in questions:
            start = time.perf_counter()
            embed([question])
            times.append((time.perf_counter() - start) * 1000)
        p50, p95 = np.percentile(times, [50, 95])
        print(f"{name:20} a question: p50 {p50:.1f} ms, p95 {p95:.1f} ms (n {len(times)})")


def print_quality(embedders: dict[str, Embed], collection: Collection) -> None:
    """Print nDCG@10 by cosine alone, and the difference with its interval."""
    found = {
        name: ndcg(embed(collection.texts), embed(collection.queries), collection.relevant)
        for name, embed in embedders.items()
    }
    base, ours = found.values()
    pick = np.random.default_rng(0).integers(0, len(base), (RESAMPLES, len(base)))
    low, high = np.percentile((ours - base)[pick].mean(axis=1), [2.5, 97.5])
    means = ", ".join(f"{name} {scores.mean():.4f}" for name, scores in found.items())
    print(
        f"{collection.name}: nDCG@{TOP} {means}; difference {(ours - base).mean():+.4f} "
        f"(95 % {low:+.4f} to {high:+.4f}; goal within {GOAL_NDCG}; {len(base)} queries, {len(collection.texts)} texts)"
    )


def ndcg(held: Vectors, asked: Vectors, relevant: Sequence[dict[int, float]]) -> NDArray[Any]:
    """Return nDCG@10 of each query."""
    weights = 1 / np.log2(np.arange(TOP) + 2)
    scores = []
    for query, judged in zip(asked, relevant, strict=True):
        ranked = np.argsort(-(held @ query), kind="stable")[:TOP]
        best = np.array(sorted(judged.values(), reverse=True)[:TOP])
        gains = np.array([judged.get(int(place), 0.0) for place in ranked])
        scores.append(gains @ weights / (best @ weights[: len(best)]))
    return np.array(scores)


if __name__ == "__main__":
    main()
