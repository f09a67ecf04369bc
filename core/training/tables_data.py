"""Questions of WikiTableQuestions whose table is in the catalog: read, split by table, answers compared.

Pasupat and Liang 2015, CC BY-SA 4.0. Nothing of it is kept here.
"""

import csv
import hashlib
import re
import tarfile
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Literal

import pyarrow as pa

from core.tables.candidates import Candidate
from core.tables.frame import Frame, build_frame
from core.tables.question import Question, find_mentions
from core.tables.reading import Reading

CATALOG = Path("catalog") / "datasets_5000.tar.zst"
QUESTIONS = Path("qa") / "wikitablequestions_train.tsv"
COMPUTES = ("sum", "mean", "spread", "difference", "difference_of_sums", "count_different")
Split = Literal["learn", "tune", "report"]


@dataclass(frozen=True)
class TableQuestion:
    """A question with its table and the right answer."""

    id: str
    text: str
    frame: Frame
    answer: tuple[str, ...]
    split: Split

    @cached_property
    def reading(self) -> Reading:
        """The question beside its table."""
        question = Question(self.text)
        return Reading(question, self.frame, tuple(find_mentions(question, self.frame)))


def load_table_questions(source: Path) -> list[TableQuestion]:
    """Return the questions whose whole table is in the catalog, in the order of the file.

    Tables are split, not questions: 24 in 100 are for reports, 14 for thresholds, the rest to learn from.
    """
    frames = dict(_frames(source / CATALOG))
    with (source / QUESTIONS).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [
        TableQuestion(
            row["id"],
            row["utterance"],
            frames[row["context"]],
            tuple(part.replace("\\p", "|").replace("\\n", "\n") for part in row["targetValue"].split("|")),
            _split(row["context"]),
        )
        for row in rows
        if row["context"] in frames
    ]


def _split(table: str) -> Split:
    place = int(hashlib.sha256(table.encode()).hexdigest(), 16) % 100
    return "report" if place < 24 else "tune" if place < 38 else "learn"


def _frames(archive: Path) -> Iterator[tuple[str, Frame]]:
    """Yield each whole table of WikiTableQuestions under the name that its questions give it."""
    csv.field_size_limit(2**27)
    with pa.CompressedInputStream(str(archive), "zstd") as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
        wanted: Mapping[str, dict[str, str]] | None = None
        early: dict[str, bytes] = {}
        for member in tar:
            name = member.name.split("/", 1)[-1]
            file = tar.extractfile(member)
            if file is None:
                continue
            if name == "index.csv":
                wanted = _index(file.read().decode())
                yield from (_frame(wanted[path], data) for path, data in early.items() if path in wanted)
                early = {}
            elif name.startswith("data/") and (wanted is None or name in wanted):
                if wanted is None:
                    early[name] = file.read()
                else:
                    yield _frame(wanted[name], file.read())


def _index(text: str) -> dict[str, dict[str, str]]:
    rows = csv.DictReader(text.splitlines(keepends=True))
    return {r["path"]: r for r in rows if r["collection"] == "wtq" and r["rows_truncated"] == "no"}


def _frame(entry: Mapping[str, str], data: bytes) -> tuple[str, Frame]:
    rows = list(csv.reader(data.decode("utf-8").splitlines(keepends=True)))
    header: list[str] = []
    for n, cell in enumerate(rows[0], start=1):
        name = base = " ".join(cell.split()) or f"Column {n}"
        size = 2
        while name in header:
            name, size = f"{base} {size}", size + 1
        header.append(name)
    width = len(header)
    body = [[*row, *[""] * width][:width] for row in rows[1:]]
    return entry["source_path"], build_frame(entry["title"], header, body)


def is_right(values: Iterable[str | float], answer: Iterable[str]) -> bool:
    """Return whether values are the answer, compared as the data set's own evaluator does: as numbers or as text."""
    said, wanted = list(values), list(answer)
    return len(said) == len(wanted) and all(any(_same(value, each) for value in said) for each in wanted)


def _same(value: str | float, wanted: str) -> bool:
    if isinstance(value, str) and _normal(value) == _normal(wanted):
        return True
    a = _number(_normal(value)) if isinstance(value, str) else value
    b = _number(_normal(wanted))
    return a is not None and b is not None and abs(a - b) < 1e-6


def _number(text: str) -> float | None:
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return None


@lru_cache(maxsize=65_536)
def _normal(text: str) -> str:
    """Return a text without accents, notes, trailing parentheses and quotes, in lower case."""
    text = "".join(c for c in unicodedata.normalize("NFKD", text) if unicodedata.category(c) != "Mn")
    text = re.sub(r"[‘’´`]", "'", re.sub(r"[“”]", '"', re.sub(r"[‐‑‒–—−]", "-", text)))
    before = None
    while text != before:
        before = text
        text = re.sub(r"((?<!^)\[[^\]]*\]|\[\d+\]|[•♦†‡*#+])*$", "", text.strip())
        text = re.sub(r"(?<!^)( \([^)]*\))*$", "", text.strip())
        text = re.sub(r'^"([^"]*)"$', r"\1", text.strip())
    return " ".join(text.removesuffix(".").lower().split())


def is_one_operation(candidate: Candidate, reading: Reading) -> bool:
    """Return whether a plan that yields the answer is one operation away from what its question says.

    It has one condition at most, or the two sides of a comparison, made of words of the question; and each column that
    it orders by or computes with is named in the question by a stem at least, or is the only one of numbers or dates.
    """
    plan = candidate.plan
    if len(candidate.mentions) > (2 if plan.either else 1):
        return False
    used = [plan.by] if plan.by is not None else []
    if plan.operation in COMPUTES and plan.column is not None:
        used.append(plan.column)
    measures = [c.name for c in reading.frame.columns if c.is_number or c.is_date]
    return all(reading.named[name][0] > 0 or measures == [name] for name in used)
