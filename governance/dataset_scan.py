"""Scans the text of a dataset for personal data, secrets and planted instructions, with the rails that ship.

Each different line or cell is looked at once. Cells that hold a plain number of up to six digits, or a decimal, are
not: such numbers are measurements, and a sixteen-digit fraction passes for a card number. Of a column's different days
and times the first 50 are looked at. A cell without a digit, "@", "/" or a dot within it holds no personal data of a
fixed form, and one of at most two plain words no order; the rails for those skip it. Names of persons are not looked
for, as they cost too much for thousands of datasets. Of many texts, ever fewer are looked at, and the result says what
share that was.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

from core.datasets.scan import ScanResult
from governance.rails import NamingRail
from governance.rails.exfiltration import build_exfiltration_rail
from governance.rails.identity_numbers import build_identity_numbers_rail
from governance.rails.pii import build_pii_rail
from governance.rails.retrieval_injection import build_retrieval_injection_rail
from governance.rails.secrets import build_secrets_rail

ALL_TEXTS = 2_000  # so many texts are all looked at, then every second of as many, every fourth, and so on
MAX_TEXT_CHARS = 20_000
BATCH_CHARS = 8_000
MAX_KNOWN = 100_000
MAX_DAYS = 50  # of a column; a rule on dates of birth allows fewer
MAX_SHORT = 24  # characters of two words; a single longer one may be an order without its gaps
LEAST_PERSONAL = 0.75
NAMES_ROWS = "personal_id"  # a bare "Id: T-1001" names a row of a table, where in an answer it may name a person
LEAST_INJECTED = 0.9  # as the rule that drops passages with orders to an assistant

_CELLS = " | "  # what stands between the cells of a row
_PLAIN_NUMBER = re.compile(
    r"(?:[^:]*: )?[-+−(]?[$€£¥]? ?(?:\d{1,6}|\d{1,3}(?:,\d{3})+|\d*\.\d+(?:[eE][+-]?\d+)?) ?%?\)?"
)
_DAY = re.compile(r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}(?:[T ]\d{1,2}:[\d:.]+Z?)?")
_MAY_BE_PERSONAL = re.compile(r"[0-9@/]|\.\w")
_TWO_WORDS = re.compile(r"[\w'’.,&()-]*(?: [\w'’.,&()-]+)?")


class DatasetScanner:
    """Scans datasets. It can be sent to other processes."""

    def __init__(self) -> None:
        self._personal: Sequence[NamingRail] = (build_pii_rail(), build_identity_numbers_rail())
        self._secrets: Sequence[NamingRail] = (build_secrets_rail(),)
        self._injected: Sequence[NamingRail] = (build_retrieval_injection_rail(), build_exfiltration_rail())

    def __reduce__(self) -> tuple[Callable[[], "DatasetScanner"], tuple[()]]:
        """Build the rails anew in another process, once; they hold functions that can't be sent."""
        return _of_this_process, ()

    @property
    def rails(self) -> tuple[NamingRail, ...]:
        """Return every rail that looks."""
        return (*self._personal, *self._secrets, *self._injected)

    def __call__(self, texts: Iterable[str]) -> ScanResult:
        """Return what the texts of one dataset hold."""
        taken = _Taken(texts)
        personal: Counter[str] = Counter()
        secrets: Counter[str] = Counter()
        injected: Counter[str] = Counter()
        for batch in taken.batches():
            personal += _count(self._personal, batch.personal, least=LEAST_PERSONAL)
            secrets += _count(self._secrets, batch.lines, least=LEAST_PERSONAL)
            injected += _count(self._injected, batch.injected, least=LEAST_INJECTED)
        return ScanResult(
            checks={rail.name: rail.version for rail in self.rails},
            texts=taken.texts,
            scanned=taken.scanned,
            personal=dict(personal),
            injected=dict(injected),
            secrets=dict(secrets),
            unread=taken.cut,
        )


@cache
def _of_this_process() -> DatasetScanner:
    return DatasetScanner()


@dataclass(slots=True)
class _Batch:
    """Lines to look at: all of them, and those that may hold personal data or an order."""

    lines: list[str] = field(default_factory=list)
    personal: list[str] = field(default_factory=list)
    injected: list[str] = field(default_factory=list)
    size: int = 0

    def add_line(self, line: str) -> None:
        """Take in a line of text, which every rail looks at."""
        for lines in (self.lines, self.personal, self.injected):
            lines.append(line)
        self.size += len(line)

    def add_cells(self, cells: Sequence[str]) -> None:
        """Take in cells of a row. A cell is no line: "Developer: ..." at the start of one reads like a forged role."""
        values = [(cell, cell.partition(": ")[2] or cell) for cell in cells]
        chosen = (
            (self.lines, cells),
            (self.personal, [cell for cell, value in values if _MAY_BE_PERSONAL.search(value)]),
            (self.injected, [cell for cell, value in values if not _is_short(value)]),
        )
        for lines, some in chosen:
            if some:
                lines.append(_CELLS.lstrip() + _CELLS.join(some))
                self.size += len(lines[-1]) if lines is self.lines else 0

    def end_text(self) -> None:
        """Part what comes from what was taken in."""
        for lines in (self.lines, self.personal, self.injected):
            if lines and lines[-1]:
                lines.append("")


class _Taken:
    """Takes texts out of a stream, each different line or cell once, in batches."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._source = texts
        self._known: set[int] = set()
        self._days: Counter[str] = Counter()
        self.texts = self.scanned = self.cut = 0

    def batches(self) -> Iterator[_Batch]:
        batch = _Batch()
        for text in self._chosen():
            self._take(text[:MAX_TEXT_CHARS], batch)
            if batch.size >= BATCH_CHARS:
                yield batch
                batch = _Batch()
        if batch.size:
            yield batch

    def _chosen(self) -> Iterator[str]:
        step = 1
        for text in self._source:
            if self.texts % step == 0:
                self.scanned += 1
                self.cut += len(text) > MAX_TEXT_CHARS
                yield text
            self.texts += 1
            if self.texts >= ALL_TEXTS * step:
                step *= 2

    def _take(self, text: str, batch: _Batch) -> None:
        for line in text.split("\n"):
            if _CELLS in line:
                batch.add_cells([cell for cell in line.split(_CELLS) if self._is_new(cell)])
            elif self._is_new(line):
                batch.add_line(line)
        batch.end_text()

    def _is_new(self, piece: str) -> bool:
        if not piece or _PLAIN_NUMBER.fullmatch(piece):
            return False
        key = hash(piece)
        if key in self._known:
            return False
        if len(self._known) < MAX_KNOWN:
            self._known.add(key)
        label, _, value = piece.rpartition(": ")
        if value[:1].isdigit() and _DAY.fullmatch(value):
            self._days[label] += 1
            return self._days[label] <= MAX_DAYS
        return True


def _is_short(value: str) -> bool:
    return len(value) <= MAX_SHORT and _TWO_WORDS.fullmatch(value) is not None


def _count(rails: Sequence[NamingRail], lines: Sequence[str], *, least: float) -> Counter[str]:
    text = "\n".join(lines)
    findings = (finding for rail in rails for finding in rail.inspect(text) if finding.score >= least)
    places = {(finding.category, finding.start) for finding in findings if finding.category != NAMES_ROWS}
    return Counter(category for category, _ in places)
