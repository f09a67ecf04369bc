"""Measures how well cards find the dataset that a question is about: `python -m benchmarks.cards`.

Questions of WikiTableQuestions are asked to the whole public catalog; one is right when its table is among the first
ten. Many name neither table nor topic ("who came in last?"), which no search can find. `--vectors` names a folder that
keeps vectors between runs.
"""

import argparse
import csv
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.fusion import DATA, keeping
from benchmarks.ingest import open_catalog
from benchmarks.machine import describe_machine
from core.config import Settings
from core.datasets.collections import read_collection
from core.datasets.ingest.cards import card_of
from core.datasets.ingest.reading import Task, read_whole
from core.datasets.ingest.sources import Source, look_at
from core.rag.card_index import DENSE_WEIGHT, DEPTH, CardText, open_cards
from core.rag.embedding import Embedder, Vectors
from core.rag.fusion import fuse_scores
from governance.scorecard import wilson

WEIGHTS = (0.0, 0.2, 0.3, 0.35, 0.4, 0.5, 0.7, 1.0)
ADDED = 250  # cards at a time
AT = (1, 10, 50)

Question = tuple[str, str]
"""What is asked, and the id of the dataset that answers it."""


class Kept(Embedder):
    """The embedder, with vectors that are kept in a folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._kept: Callable[[Sequence[str]], Vectors] = keeping(Embedder(), folder)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return kept vectors where there are any."""
        return self._kept(texts)


def main() -> None:
    """Index every card; print recall by weight on the questions that choose it, then on others."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--unpacked", type=Path, help="the catalog where it is unpacked already")
    parser.add_argument("--vectors", type=Path, help="folder that keeps vectors between runs")
    parser.add_argument("--questions", type=int, default=500, help="of each half")
    chosen = parser.parse_args()
    print(describe_machine())
    with open_catalog(chosen.unpacked) as catalog, tempfile.TemporaryDirectory() as home:
        embedder, settings = Kept(chosen.vectors or Path(home) / "kept"), Settings(home=Path(home))
        index, cards = open_cards(settings, embedder), load_cards(catalog)
        start = time.perf_counter()
        for place in range(0, len(cards), ADDED):
            index.add(cards[place : place + ADDED])
        print(f"{len(cards)} cards indexed in {time.perf_counter() - start:.0f} s")
        choosing, reporting = load_questions(catalog, chosen.questions)
        asked = embedder.embed([text for text, _ in choosing])
        pools = [
            index.pool(text, dataset_ids=None, top_k=DEPTH, vector=vector)
            for (text, _), vector in zip(choosing, asked, strict=True)
        ]
        print(f"\nChosen on {len(choosing)} questions: the right table among the first {AT}, by weight of meaning")
        for weight in WEIGHTS:
            orders = [[i for i, _ in fuse_scores(*pool, dense_weight=weight)] for pool in pools]
            print(f"{weight:6}" + "".join(f"{recall(choosing, orders, at):8.3f}" for at in AT), flush=True)
        orders, times = [], []
        for text, _ in reporting:
            vector = embedder.embed([text])[0]
            start = time.process_time()
            orders.append([i for i, _ in index.search(text, dataset_ids=None, top_k=max(AT), vector=vector)])
            times.append((time.process_time() - start) * 1000)
        print(f"\nReported on {len(reporting)} questions about other tables, with {DENSE_WEIGHT}")
        for at in AT:
            share, n = recall(reporting, orders, at), len(reporting)
            low, high = wilson(round(share * n), n)
            print(f"first {at:3}: {share:.3f} of {n}, 95 % {low:.3f} to {high:.3f}")
        typical, slow = np.percentile(times, [50, 95])
        print(f"a search takes of one core, without the query's vector: p50 {typical:.1f} ms, p95 {slow:.1f} ms")
        print("\nThe first misses:")
        missed = [q for q, order in zip(reporting, orders, strict=True) if q[1] not in order[:10]]
        titles = {card.dataset_id: card.title for card in cards}
        for text, dataset_id in missed[:40]:
            print(f"- {text} ({titles[dataset_id]})")


def recall(questions: Sequence[Question], orders: Sequence[Sequence[str]], at: int) -> float:
    """Return the share of questions whose dataset is among the first `at`."""
    return sum(wanted in order[:at] for (_, wanted), order in zip(questions, orders, strict=True)) / len(questions)


def load_cards(catalog: Path) -> list[CardText]:
    """Return the card of every table of the catalog, as an ingest makes it of the table's chunks."""
    cards = []
    for path, card in read_collection(catalog):
        source = Source(card, path)
        read = read_whole(Task(source, look_at(source), "v1", skip_bad=True, tables=None))
        cards.append(card_of(card.title, card.description, (cut.chunk for cut in read.cuts)))
    return [card for card in cards if card is not None]


def load_questions(catalog: Path, count: int) -> tuple[list[Question], list[Question]]:
    """Return questions that choose and questions that report, about different tables."""
    known = {path.relative_to(catalog).as_posix(): card.id for path, card in read_collection(catalog)}
    tables = {row["source_path"]: row for row in _index(catalog) if row["collection"] == "wtq"}
    with (DATA / "qa" / "wikitablequestions_train.tsv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if row["context"] in tables]
    random.Random(1).shuffle(rows)
    halves: tuple[list[Question], list[Question]] = ([], [])
    for row in rows:
        table = tables[row["context"]]
        halves[int(table["dataset_id"][1:]) % 2].append((row["utterance"], known[table["path"]]))
    return halves[0][:count], halves[1][:count]


def _index(catalog: Path) -> list[dict[str, str]]:
    with (catalog / "index.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    main()
