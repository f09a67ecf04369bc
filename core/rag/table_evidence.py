"""Answers a question by a query over a table of the datasets that were found, as evidence to quote like any other.

Asked is only what counts, adds up, orders or compares; what a single cell says, the chunks say as well. What it can't
read surely, or can't run within its limits, it leaves to the chunks.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from core.errors import DatasetError
from core.schema import Evidence, digest_of
from core.store.database import Store
from core.store.tables import Dataset
from core.tables.question import Question, asks_to_compute
from core.tables.schema import StoredTable
from core.tables.table_answerer import MOST_TABLES, TableAnswer, TableAnswerer
from core.tables.table_store import TableStore
from core.tables.words import plain

ROWS_NAMED = 12
LEAST_BELONGING = 0.7  # stricter than the model's own threshold: here a question may be about anything
RUNS = ("consecutive", "consecutively", "in a row", "streak", "straight")  # of rows, which no plan counts

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TableEvidence:
    """Joins the kept tables with what reads questions."""

    store: Store
    tables: TableStore
    answerer: TableAnswerer

    def __call__(self, question: str, versions: Mapping[str, str]) -> Evidence | None:
        """Return the result of a query as evidence; None where no table surely answers.

        Args:
            question: As it was asked, or with the question before it where it is a follow-up.
            versions: Dataset -> version, those that answer best first.
        """
        if not asks_to_compute(Question(question)):
            return None
        try:
            answer = self.answerer.answer(question, self._tables_of(versions))
        except DatasetError as exc:
            _log.warning("A table question was left to the chunks: %s", exc)
            return None
        return self._evidence(answer) if answer is not None and is_given(question, answer) else None

    def _tables_of(self, versions: Mapping[str, str]) -> list[StoredTable]:
        found: list[StoredTable] = []
        for dataset_id, version in versions.items():
            found += self.tables.tables(dataset_id, version)
            if len(found) >= MOST_TABLES:
                break
        return found

    def _evidence(self, answer: TableAnswer) -> Evidence:
        table = answer.table
        with self.store.read() as session:
            dataset = session.get_one(Dataset, table.dataset_id)
            title, licence = dataset.title, dataset.licence
        place = f"{_rows(answer.rows)}of {answer.rows_read}. Query: {answer.sql}"
        return Evidence(
            number=1,
            chunk_id=digest_of([table.dataset_id, table.version, table.name, answer.sql]),
            dataset_id=table.dataset_id,
            dataset_version=table.version,
            dataset_title=title,
            document=table.title,
            place=place,
            licence=licence,
            text=f"{answer.sentence}\n{place}",
            score=answer.probability,
            sentences=(answer.sentence,),
            sentence_scores=(answer.probability,),
            answering=(0,),
        )


def is_given(question: str, answer: TableAnswer) -> bool:
    """Return whether an answer is sure enough where a question may be about anything; one cell is no sum or mean.

    The query, with the table's name in it, has to hold each number of the question too, such as a year.
    """
    used = set(plain(answer.sql).split())
    numbers = (word for word in plain(question).split() if word[0].isdigit())
    asked = Question(question)
    is_cell = answer.plan.operation in ("sum", "mean") and len(answer.rows) == 1
    if is_cell or asked.says(*RUNS) or not asks_to_compute(asked):
        return False
    return answer.belonging >= LEAST_BELONGING and all(number in used for number in numbers)


def _rows(rows: tuple[int, ...]) -> str:
    """Name the rows behind a result: the first few, and that there are more."""
    if not rows:
        return "No rows "
    more = " and more " if len(rows) > ROWS_NAMED else " "
    return f"{'Row' if len(rows) == 1 else 'Rows'} {', '.join(map(str, rows[:ROWS_NAMED]))}{more}"
