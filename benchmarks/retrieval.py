"""Times retrieval over the starter datasets, all attached, stage by stage: `python -m benchmarks.retrieval`.

Quality is printed beside speed, from the questions that ship. With `--home FOLDER`, such as `benchmarks.ingest --keep`
leaves, questions of WikiTableQuestions are asked to all datasets there instead, alone and ten at once; the folder of
public data is EVALDATA. It measures no language model.
"""

import argparse
import csv
import json
import os
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from sqlalchemy import func, select

from benchmarks.machine import describe_machine
from core.config import Settings
from core.datasets.dataset_manager import DatasetManager
from core.encoder.cross_encoder import CrossEncoder
from core.encoder.sentence_encoder import SentenceEncoder
from core.rag.cross_reading import CrossReading
from core.rag.embedding import Embedder
from core.rag.lexical import open_lexical
from core.rag.question import search_query
from core.rag.reader import Reader
from core.rag.retriever import HybridRetriever
from core.rag.search import DEPTH
from core.rag.vectors import open_vectors
from core.schema import Message, Retrieval
from core.store.migrate import open_store
from core.store.tables import ChunkRow, Dataset
from governance.wiring import open_workbench

DATA = Path(__file__).parents[1] / "data"
QUESTIONS = Path(os.environ.get("EVALDATA", "evaldata")) / "qa" / "wikitablequestions_train.tsv"
TOP_K = 4
AT_ONCE = 10
ASKED = 150
Result = TypeVar("Result")


def main() -> None:
    """Measure the folder that was named, or the starter datasets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, help="a data folder with many datasets")
    chosen = parser.parse_args()
    if chosen.home:
        measure_home(chosen.home)
    else:
        measure_starter()


def measure_home(home: Path) -> None:
    """Ask all datasets of a data folder, as an agent that may use them all does."""
    with QUESTIONS.open(newline="", encoding="utf-8") as file:
        asked = [row["utterance"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]
    asked = random.Random(7).sample(asked, 2 * ASKED)
    bench = open_workbench(Settings(home=home))
    with bench.records.store.read() as session:
        everything = sorted(session.scalars(select(Dataset.id).where(Dataset.state == "indexed")))
        indexed = (ChunkRow.dataset_id == Dataset.id) & (ChunkRow.version == Dataset.active_version)
        chunks = session.scalar(select(func.count()).select_from(ChunkRow).join(Dataset, indexed))

    def ask(question: str) -> float:
        return timed(bench.retriever.retrieve, [Message("user", question)], dataset_ids=everything, top_k=TOP_K)[1]

    print(describe_machine())
    print(f"{len(everything)} datasets, {chunks} chunks; {ASKED} questions each; ms")
    print(f"{'':28}{'p50':>8}{'p95':>8}{'cpu':>8}")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for name, questions, run in (
            ("first, one after the other", asked[:ASKED], map),
            ("one after the other", asked[ASKED:], map),
            ("the same again", asked[ASKED:], map),
            (f"{AT_ONCE} at once", asked[ASKED:], pool.map),
        ):
            used = time.process_time()
            times = list(run(ask, questions))
            cpu = (time.process_time() - used) * 1000 / len(questions)
            print(f"{name:28}" + "".join(f"{ms:8.1f}" for ms in (*np.percentile(times, [50, 95]), cpu)), flush=True)
    bench.close()


def measure_starter() -> None:
    """Ingest into a new folder, ask every question, print the tables."""
    rows = [json.loads(line) for line in (DATA / "questions" / "starter.jsonl").read_text().splitlines()]
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home))
        store, embedder, encoder = open_store(settings.sqlalchemy_url()), Embedder(), SentenceEncoder()
        vectors, lexical = open_vectors(settings), open_lexical(settings)
        embedder.embed(["warm up"])
        manager = DatasetManager(store, vectors, lexical, embedder, encoder, clock=lambda: datetime.now(UTC))
        views, ingest_ms = timed(manager.ingest_all, DATA / "datasets")
        everything = [view.id for view in views]
        within = [view.active_version for view in views]
        retriever = HybridRetriever(
            store,
            vectors,
            lexical,
            embedder,
            encoder,
            Reader(lexical),
            threshold=settings.answerable_threshold,
            cross=CrossReading(CrossEncoder()),
        )
        stages: dict[str, list[float]] = {name: [] for name in ("embed", "dense", "lexical", "all")}
        for row in rows:
            conversation = conversation_of(row)
            query = search_query(conversation)
            embedded, embed_ms = timed(embedder.embed, [query])
            _, dense_ms = timed(vectors.search, embedded[0], versions=within, top_k=DEPTH)
            _, lexical_ms = timed(lexical.search, query, versions=within, top_k=DEPTH)
            _, all_ms = timed(retriever.retrieve, conversation, dataset_ids=everything, top_k=TOP_K)
            for name, ms in zip(stages, (embed_ms, dense_ms, lexical_ms, all_ms), strict=True):
                stages[name].append(ms)
        stages["fuse and read"] = [
            a - e - d - x for e, d, x, a in zip(*(stages[n] for n in ("embed", "dense", "lexical", "all")), strict=True)
        ]
        answers = [retriever.retrieve(conversation_of(r), dataset_ids=r["dataset_ids"], top_k=TOP_K) for r in rows]
        print(describe_machine())
        print(f"{len(rows)} questions, {len(views)} datasets, {sum(v.chunks for v in views)} chunks")
        print(f"ingest of everything: {ingest_ms / 1000:.1f} s\n")
        print_times(stages)
        print_quality(rows, answers)
        store.close()


def timed(work: Callable[..., Result], *args: Any, **options: Any) -> tuple[Result, float]:
    """Return what `work` returns, and its milliseconds."""
    start = time.perf_counter()
    result = work(*args, **options)
    return result, (time.perf_counter() - start) * 1000


def conversation_of(row: dict[str, Any]) -> list[Message]:
    """Return a question with its earlier turns."""
    earlier = [m for text in row["history"] for m in (Message("user", text), Message("assistant", "An answer."))]
    return [*earlier, Message("user", row["question"])]


def print_times(stages: dict[str, list[float]]) -> None:
    """Print p50 and p95 of each stage; "fuse and read" is all less the other three, timed apart."""
    print(f"{'stage':16}{'p50 ms':>10}{'p95 ms':>10}")
    for name in ("embed", "dense", "lexical", "fuse and read", "all"):
        p50, p95 = np.percentile(stages[name], [50, 95])
        print(f"{name:16}{p50:10.1f}{p95:10.1f}")


def print_quality(rows: Sequence[dict[str, Any]], answers: Sequence[Retrieval]) -> None:
    """Print for each kind of question: right chunk shown, right sentence on top, nothing found."""
    print(f"\n{'kind':16}{'n':>5}{'right chunk':>14}{'right sentence':>16}{'gave up':>10}")
    for kind in dict.fromkeys(row["kind"] for row in rows):
        pairs = [(row["expected"], answer) for row, answer in zip(rows, answers, strict=True) if row["kind"] == kind]
        gave_up = sum(answer.outcome == "nothing" for _, answer in pairs) / len(pairs)
        answerable = [(expected, answer) for expected, answer in pairs if expected]
        chunk = sentence = "-"
        if answerable:
            chunk = f"{np.mean([holds_chunk(e, a) for e, a in answerable]):.2f}"
            sentence = f"{np.mean([holds_sentence(e, a) for e, a in answerable]):.2f}"
        print(f"{kind:16}{len(pairs):5}{chunk:>14}{sentence:>16}{gave_up:10.2f}")


def holds_chunk(expected: dict[str, str], answer: Retrieval) -> bool:
    """Say whether the evidence holds the expected text."""
    return any(expected["contains"] in e.text for e in answer.evidence)


def holds_sentence(expected: dict[str, str], answer: Retrieval) -> bool:
    """Say whether the sentence with the highest score is the expected one."""
    scored = [pair for e in answer.evidence for pair in zip(e.sentence_scores, e.sentences, strict=True)]
    return bool(scored) and expected["contains"] in max(scored)[1]


if __name__ == "__main__":
    main()
