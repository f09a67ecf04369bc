"""Measures answers to questions about tables: `python -m benchmarks.tables [--all]`.

Questions of WikiTableQuestions (in the folder that EVALDATA names) over tables that nothing was learnt from: 500 that
are one operation away from their answer, drawn by seed, or all. Each answer comes from the query that ran in DuckDB
over a table kept as Parquet, and is right only when it is exactly the data set's. Questions further away, and questions
put to another question's table, say what is answered that should have been declined. "As evidence" are the answers that
retrieval takes: it declines more, since there a question may be about anything, and leaves look-ups to the chunks.
"""

import argparse
import os
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.machine import describe_machine
from core.errors import DatasetError
from core.rag.table_evidence import is_given
from core.tables.schema import StoredTable
from core.tables.table_answerer import TableAnswer, TableAnswerer
from core.tables.table_store import TableStore
from core.training.tables_data import TableQuestion, is_one_operation, is_right, load_table_questions
from core.training.tables_fit import candidates_of
from governance.scorecard import percentile, wilson

WEIGHTS = Path(__file__).parents[1] / "data" / "models" / "tables"
SEED = 0
SAMPLE = 500
STRANGERS = 500


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with what was answered."""

    question: TableQuestion
    answer: TableAnswer | None
    ms: float

    @property
    def outcome(self) -> str:
        """Whether the answer is right, wrong or declined."""
        if self.answer is None:
            return "declined"
        return "right" if is_right(self.answer.values, self.question.answer) else "wrong"


def main() -> None:
    """Ask, print the tables."""
    parser = argparse.ArgumentParser(prog="benchmarks.tables", description="Measure answers to questions about tables.")
    parser.add_argument("--all", action="store_true", help="ask all questions, not a sample")
    everything = parser.parse_args().all
    source = Path(os.environ.get("EVALDATA", "evaldata"))
    print(describe_machine() + "\n")
    if not (source / "catalog").exists():
        print(f"Not measured: {source} holds no catalog; name the folder of public data with EVALDATA.")
        return
    questions = [q for q in load_table_questions(source) if q.split == "report"]
    near, reachable, rest = sort_questions(questions)
    generator = random.Random(SEED)
    sampled = near if everything else generator.sample(near, min(SAMPLE, len(near)))
    print(f"{len(questions)} questions about {len({q.frame.title for q in questions})} tables; one operation away: ")
    print(f"{len(near)} as defined, {len(near) + len(reachable)} with any plan that yields the answer.\n")
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(TableStore(Path(folder)), TableAnswerer(WEIGHTS))
        asked = [desk.ask(q) for q in sampled]
        print(f"{'':34}{'n':>6}{'right':>8}{'wrong':>8}{'declined':>10}   right, 95 %      wrong, 95 %")
        print_rows("one operation away", asked)
        print_rows("some other plan yields the answer", [desk.ask(q) for q in part(reachable, everything)])
        print_rows("no plan yields the answer", [desk.ask(q) for q in part(rest, everything)])
        print_rows("another question's table", [desk.ask(q) for q in strangers(questions)])
        print()
        by_operation: dict[str, list[Asked]] = defaultdict(list)
        for each in asked:
            by_operation[each.answer.plan.operation if each.answer else "declined"].append(each)
        for operation, group in sorted(by_operation.items(), key=lambda item: -len(item[1])):
            print_row(operation, group)
        times = [each.ms for each in asked]
        print(f"\nms per question: p50 {percentile(times, 0.5) or 0:.0f}, p95 {percentile(times, 0.95) or 0:.0f}")


class Desk:
    """Keeps each table once, and asks about it."""

    def __init__(self, store: TableStore, answerer: TableAnswerer) -> None:
        self._store, self._answerer = store, answerer
        self._kept: dict[str, StoredTable] = {}

    def ask(self, question: TableQuestion) -> Asked:
        """Ask one question about its table."""
        frame = question.frame
        if frame.title not in self._kept:
            self._kept[frame.title] = self._store.write(
                "wtq",
                frame.title,
                name="table",
                title=frame.title,
                header=[c.name for c in frame.columns],
                rows=zip(*(c.texts for c in frame.columns), strict=True),
            )
        start = time.perf_counter()
        try:
            answer = self._answerer.answer(question.text, [self._kept[frame.title]])
        except DatasetError as exc:
            print(f"{question.id}: {exc}")
            answer = None
        return Asked(question, answer, (time.perf_counter() - start) * 1000)


def sort_questions(
    questions: Iterable[TableQuestion],
) -> tuple[list[TableQuestion], list[TableQuestion], list[TableQuestion]]:
    """Return questions one operation away, those that some other plan answers, and the rest."""
    near: list[TableQuestion] = []
    reachable: list[TableQuestion] = []
    rest: list[TableQuestion] = []
    for question in questions:
        hits = [c for c in candidates_of(question) if is_right(c.outcome.values, question.answer)]
        if any(is_one_operation(c, question.reading) for c in hits):
            near.append(question)
        else:
            (reachable if hits else rest).append(question)
    return near, reachable, rest


def part(questions: Sequence[TableQuestion], everything: bool) -> Sequence[TableQuestion]:
    """Return all questions, or as many as bear a figure."""
    return questions if everything else random.Random(SEED).sample(questions, min(200, len(questions)))


def strangers(questions: Sequence[TableQuestion]) -> list[TableQuestion]:
    """Return questions over tables of other questions, which nothing of should be answered."""
    generator = random.Random(SEED)
    pairs = [generator.sample(questions, 2) for _ in range(STRANGERS)]
    return [TableQuestion(q.id, q.text, other.frame, ("\0",), q.split) for q, other in pairs if q.frame != other.frame]


def print_rows(name: str, asked: Sequence[Asked]) -> None:
    """Print how a group is answered, and how where a question may be about anything."""
    print_row(name, asked)
    strict = [a if a.answer is None or is_given(a.question.text, a.answer) else replace(a, answer=None) for a in asked]
    print_row("  as evidence", strict)


def print_row(name: str, asked: Sequence[Asked]) -> None:
    """Print one line of counts and intervals."""
    counts = [sum(a.outcome == kind for a in asked) for kind in ("right", "wrong", "declined")]
    sized = zip(counts, (8, 8, 10), strict=True)
    shares = "".join(f"{100 * count / max(len(asked), 1):>{width}.1f}" for count, width in sized)
    bands = ["{:.1f} to {:.1f}".format(*(100 * x for x in wilson(count, len(asked)))) for count in counts[:2]]
    print(f"{name:34}{len(asked):>6}{shares}   {bands[0]:17}{bands[1]}")


if __name__ == "__main__":
    main()
