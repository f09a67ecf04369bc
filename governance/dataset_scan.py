"""Scans the text of a dataset for personal data, secrets and planted instructions, with the rails that ship.

Each different line or cell is looked at once. Cells that hold a plain number of up to six digits, or a decimal, are
not: such numbers are measurements, and a sixteen-digit fraction passes for a card number. Names of persons are not
looked for, as they cost too much for thousands of datasets. Of many texts, ever fewer are looked at, and the result
says what share that was.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

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
LEAST_PERSONAL = 0.75
LEAST_INJECTED = 0.9  # as the rule that drops passages with orders to an assistant

_CELLS = " | "  # what stands between the cells of a row
_PLAIN_NUMBER = re.compile(
    r"(?:[^:]*: )?[-+−(]?[$€£¥]? ?(?:\d{1,6}|\d{1,3}(?:,\d{3})+|\d*\.\d+(?:[eE][+-]?\d+)?) ?%?\)?"
)


class DatasetScanner:
    """Scans datasets. It can be sent to other processes."""

    def __init__(self) -> None:
        self._personal: Sequence[NamingRail] = (build_pii_rail(), build_identity_numbers_rail())
        self._secrets: Sequence[NamingRail] = (build_secrets_rail(),)
        self._injected: Sequence[NamingRail] = (build_retrieval_injection_rail(), build_exfiltration_rail())

    def __reduce__(self) -> tuple[type["DatasetScanner"], tuple[()]]:
        """Build the rails anew in another process; they hold functions that can't be sent."""
        return DatasetScanner, ()

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
            personal += _count(self._personal, batch, least=LEAST_PERSONAL)
            secrets += _count(self._secrets, batch, least=LEAST_PERSONAL)
            injected += _count(self._injected, batch, least=LEAST_INJECTED)
        return ScanResult(
            checks={rail.name: rail.version for rail in self.rails},
            texts=taken.texts,
            scanned=taken.scanned,
            personal=dict(personal),
            injected=dict(injected),
            secrets=dict(secrets),
            unread=taken.cut,
        )


class _Taken:
    """Takes texts out of a stream, each different line or cell once, in batches."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._source = texts
        self._known: set[int] = set()
        self.texts = self.scanned = self.cut = 0

    def batches(self) -> Iterator[str]:
        held: list[str] = []
        size = 0
        for text in self._chosen():
            new = self._new(text[:MAX_TEXT_CHARS])
            held += [*new, ""]
            size += sum(map(len, new))
            if size >= BATCH_CHARS:
                yield "\n".join(held)
                held, size = [], 0
        if any(held):
            yield "\n".join(held)

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

    def _new(self, text: str) -> list[str]:
        lines = []
        for line in text.split("\n"):
            cells = [cell for cell in line.split(_CELLS) if self._is_new(cell)]
            if cells:  # a cell is no line: "Developer: ..." at the start of one reads like a forged role
                lines.append(_CELLS.lstrip() + _CELLS.join(cells) if _CELLS in line else line)
        return lines

    def _is_new(self, piece: str) -> bool:
        if not piece or _PLAIN_NUMBER.fullmatch(piece):
            return False
        key = hash(piece)
        if key in self._known:
            return False
        if len(self._known) < MAX_KNOWN:
            self._known.add(key)
        return True


def _count(rails: Sequence[NamingRail], text: str, *, least: float) -> Counter[str]:
    findings = (finding for rail in rails for finding in rail.inspect(text) if finding.score >= least)
    return Counter(category for category, _ in {(finding.category, finding.start) for finding in findings})
