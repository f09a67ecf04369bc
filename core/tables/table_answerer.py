"""Answers questions about tables: the likeliest plan, run as a query; or says nothing when it isn't sure enough."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from core.errors import DatasetError
from core.tables.candidates import build_candidates
from core.tables.describe import describe, write_value
from core.tables.evaluate import distinct
from core.tables.frame import Frame, build_frame
from core.tables.plan import Plan
from core.tables.query import run_plan, written
from core.tables.question import Question, find_mentions
from core.tables.ranker import Choice, Ranker, answer_key
from core.tables.reading import Reading
from core.tables.schema import StoredTable
from core.tables.table_store import read_columns

READ_ROWS = 1_000  # rows that a plan is made from; the query runs over all
READ_COLUMNS = 60
MOST_TABLES = 4
FRAMES_KEPT = 16
MOST_WORDS = 60
TIME_LIMIT_S = 2.0


@dataclass(frozen=True, slots=True)
class TableAnswer:
    """What a table answers.

    Attributes:
        values: The result, as text.
        sql: The query that yielded it, with its values written in.
        rows_read: How many rows the query ran over.
        rows: Rows that the result comes from, counted from 1; not more than the first 200.
        sentence: The result in plain words.
        probability: Of the answer, among those that the question might mean, 0..1.
        belonging: Log odds that the question is about the table, and not about something else.
    """

    values: tuple[str, ...]
    plan: Plan
    sql: str
    rows_read: int
    table: StoredTable
    rows: tuple[int, ...]
    sentence: str
    probability: float
    belonging: float


class TableAnswerer:
    """Reads questions over tables with the weights of a folder."""

    def __init__(self, folder: Path, *, time_limit_s: float = TIME_LIMIT_S) -> None:
        """Read the weights.

        Raises:
            ModelError: They are missing or can't be read.
        """
        self._ranker = Ranker(folder)
        self._time_limit_s = time_limit_s

    def answer(self, question: str, tables: Sequence[StoredTable]) -> TableAnswer | None:
        """Return the answer of the table that is surest of one; None where none is sure enough.

        Args:
            question: A single question.
            tables: The first few are read; best first.

        Raises:
            DatasetError: A table can't be read, or the query didn't end within its limits.
        """
        asked = Question(question)
        if not 1 <= len(asked.words) <= MOST_WORDS:
            return None
        found: list[tuple[Choice, StoredTable, Frame]] = []
        for table in tables[:MOST_TABLES]:
            frame = _frame(table)
            choice = self._choose(asked, frame)
            if choice is not None and choice.is_sure:
                found.append((choice, table, frame))
        if not found:
            return None
        choice, table, frame = max(found, key=lambda each: each[0].probability)
        return self._run(choice, table, frame)

    def _choose(self, question: Question, frame: Frame) -> Choice | None:
        if not frame.rows:
            return None
        mentions = tuple(find_mentions(question, frame))
        reading = Reading(question, frame, mentions)
        if not self._ranker.may_belong(reading):
            return None
        return self._ranker.choose(reading, build_candidates(question, frame, mentions))

    def _run(self, choice: Choice, table: StoredTable, frame: Frame) -> TableAnswer | None:
        plan = choice.candidate.plan
        query, result = run_plan(plan, table, time_limit_s=self._time_limit_s)
        if result is None:
            return None
        values = distinct(result.values)
        if table.rows <= READ_ROWS and answer_key(values) != answer_key(choice.candidate.outcome.values):
            raise DatasetError(f"The query over {table.title!r} and its plan disagree; nothing is answered from it.")
        return TableAnswer(
            values=tuple(map(write_value, values)),
            plan=plan,
            sql=query.shown,
            rows_read=table.rows,
            table=table,
            rows=result.rows,
            sentence=describe(plan, frame, values),
            probability=choice.probability,
            belonging=choice.belonging,
        )


def _frame(table: StoredTable) -> Frame:
    try:
        written_at = table.path.stat().st_mtime_ns
    except OSError as exc:
        raise DatasetError(f"The table {table.title!r} can't be read: {exc}.") from exc
    return _read_frame(table, written_at)


@lru_cache(maxsize=FRAMES_KEPT)
def _read_frame(table: StoredTable, written_at: int) -> Frame:
    """Read what plans are made from; kept while the file stays as it is."""
    columns = table.columns[:READ_COLUMNS]
    data = read_columns(table, [column.stored_text for column in columns], limit=READ_ROWS)
    cells = [["" if v is None else written(v) for v in data[c.stored_text].to_pylist()] for c in columns]
    return build_frame(table.title, [c.name for c in columns], list(zip(*cells, strict=True)))
