"""Times retrieval over the starter datasets, all attached, stage by stage: `python -m benchmarks.retrieval`.

Quality is printed beside speed, from the questions that ship. With `--home FOLDER`, such as `benchmarks.ingest --keep`
leaves, questions of WikiTableQuestions are asked to all datasets there instead, alone and ten at once: the search alone
(question embedded, datasets chosen, chunks found and fused) beside the whole question, no question twice. The folder of
public data is EVALDATA. It measures no language model. OpenBLAS runs one thread, as under `promethios up`.
"""

import argparse
import csv
import json
import os
import random
import sys
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
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
Result = TypeVar("Result")


def main() -> None:
    """Measure the folder that was named, or the starter datasets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, help="a data folder with many datasets")
    parser.add_argument("--questions", type=int, default=150, help="for each row of the table, with --home")
    chosen = parser.parse_args()
    if ONE_THREAD.items() - os.environ.items():  # it is read when NumPy is imported, which it was by now
        os.execve(
            sys.executable, [sys.executable, "-m", "benchmarks.retrieval", *sys.argv[1:]], os.environ | ONE_THREAD
        )
    if chosen.home:
        measure_home(chosen.home, asked=chosen.questions)
    else:
        measure_starter()


def measure_home(home: Path, *, asked: int) -> None:
    """Ask all datasets of a data folder, as an agent that may use them all does."""
    with QUESTIONS.open(newline="", encoding="utf-8") as file:
        known = [row["utterance"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]
    known = random.Random(7).sample(known, 5 * asked)
    bench = open_workbench(Settings(home=home))
    retriever: Any = bench.retriever
    with bench.records.store.read() as session:
        everything = sorted(session.scalars(select(Dataset.id).where(Dataset.state == "indexed")))
        indexed = (ChunkRow.dataset_id == Dataset.id) & (ChunkRow.version == Dataset.active_version)
        chunks = session.scalar(select(func.count()).select_from(ChunkRow).join(Dataset, indexed))
        versions = retriever._active.of(session, everything)

    def ask(question: str) -> float:
        return timed(retriever.retrieve, [Message("user", question)], dataset_ids=everything, top_k=TOP_K)[1]

    def search(question: str) -> float:
        return timed(retriever._chunks.search, question, versions)[1]

    print(describe_machine())
    bench.warming.start()
    _, ms = timed(bench.warming.wait)
    print(f"vectors read ahead in {ms / 1000:.1f} s")
    print(f"{len(everything)} datasets, {chunks} chunks; {asked} questions a row, {ONE_THREAD}; ms\n")
    print(f"{'':36}{'p50':>8}{'p95':>8}{'cpu':>8}")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        rows: tuple[tuple[str, Callable[..., Any], Callable[[str], float]], ...] = (
            ("whole, first, one after the other", map, ask),
            ("whole, one after the other", map, ask),
            (f"whole, {AT_ONCE} at once", pool.map, ask),
            ("search alone, one after the other", map, search),
            (f"search alone, {AT_ONCE} at once", pool.map, search),
        )
        for part, (name, run, work) in enumerate(rows):
            used = time.process_time()
            times = list(run(work, known[part * asked : (part + 1) * asked]))
            cpu = (time.process_time() - used) * 1000 / asked
            print(f"{name:36}" + "".join(f"{ms:8.1f}" for ms in (*np.percentile(times, [50, 95]), cpu)), flush=True)
    spent = spent_in_parts(retriever, ask, known[asked : 2 * asked])
    print(f"\nprocessor time of a whole question, one after the other, asked for the second time; n {asked}; ms")
    for name, ms in spent.items():
        print(f"{name:36}{ms:8.1f}")
    bench.close()


def spent_in_parts(retriever: Any, ask: Callable[[str], float], questions: Sequence[str]) -> dict[str, float]:
    """Return the mean processor time of a question in each part of retrieval, in milliseconds."""
    reading = retriever._reading
    parts = {
        "versions in use": (retriever._active, "of"),
        "search": (retriever._chunks, "search"),
        "plans for tables": (reading, "_table_answers"),
        "cross-encoder": (reading._cross, "score"),
        "reading": (reading, "read"),
    }
    spent = dict.fromkeys(parts, 0.0)

    def watch(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any, **options: Any) -> Any:
            used = time.process_time()
            try:
                return work(*args, **options)
            finally:
                spent[name] += (time.process_time() - used) * 1000 / len(questions)

        return watched

    for name, (owner, method) in parts.items():
        setattr(owner, method, watch(name, getattr(owner, method)))
    used = time.process_time()
    for question in questions:
        ask(question)
    whole = (time.process_time() - used) * 1000 / len(questions)
    spent["other"] = whole - spent["versions in use"] - spent["search"] - spent["reading"]
    spent["reading"] -= spent["plans for tables"] + spent["cross-encoder"]  # both are parts of it
    return spent | {"all": whole}


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
