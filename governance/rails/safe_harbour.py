"""The rail for what identifies a person only together with other things: names, places, pages, births, any number.

HIPAA's safe harbour lists them (45 CFR 164.514(b)(2)(i), letters A to C, N and R). Most answers need them, so below the
level `maximum` it looks only at what users write, where the guard model reads every word anyway, and the policy masks
only dates of births there. Names and places are found by the guard model: English, capitals or not, well-known people
and places like any other; `benchmarks/pii.py` measures it. It doesn't know whom "she" stands for, and organisations and
dates of other things than births are none of its categories.
"""

import re
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from hashlib import sha256
from threading import Lock
from typing import Protocol

from core.schema import digest_of
from governance.rails.fold import squeeze
from governance.rails.pattern_rail import PatternRail, describe, last_word, rule
from governance.rails.pii_named import DATE, ID, SAYS
from governance.schema import Finding

LEAST = 0.2  # from which probability on a name counts; chosen on WNUT17's development rows
KEPT = 4096  # sentences whose findings are remembered, by digest
_KINDS = {"PERSON": "person", "LOCATION": "place"}
_SENTENCE = re.compile(r"[^\n]*?(?:[.!?…。！？][\"'”’)\]]*(?=\s)|(?=\n)|\Z)\s*")
_LABEL = re.compile(r"\[[A-Z][A-Z_]*_[0-9]+\]")  # a mask
_RULES = [
    rule("web_address", 0.8, r"(?<![\w@.])(?P<span>(?:https?://|www\.)[^\s<>\"'|)\]]{2,}[\w/=-])", needs=".:"),
    rule(
        "birth",
        0.85,
        rf"(?<![A-Za-z])born(?![A-Za-z])[^0-9\n.!?]{{0,24}}?(?<![A-Za-z0-9])(?P<span>{DATE})(?![A-Za-z0-9])",
        needs="0123456789",
        ignore_case=True,
    ),
    rule(
        "birth_year",
        0.8,
        r"(?<![A-Za-z])born(?![A-Za-z])[^0-9\n.!?]{0,24}?(?<![A-Za-z0-9])(?P<span>(?:19|20)[0-9]{2})(?![A-Za-z0-9])",
        needs="0123456789",
        ignore_case=True,
    ),
    rule(
        "identifying_number",
        0.8,
        rf"(?<![A-Za-z])(?:id|ids|identification|identifier|number|no\.|nr\.|num|ref|reference|code|serial|#)(?![A-Za-z]){SAYS}(?<![A-Za-z0-9])(?P<span>{ID})(?![A-Za-z0-9])",
        needs="0123456789",
        ignore_case=True,
    ),
]


class Name(Protocol):
    """A stretch of a text that names something."""

    @property
    def start(self) -> int:
        """Return its first character's offset."""

    @property
    def end(self) -> int:
        """Return the offset behind its last character."""

    @property
    def entity(self) -> str:
        """Return what it names: PERSON, LOCATION or something else."""

    @property
    def probability(self) -> float:
        """Return how sure that is."""


class NameFinder(Protocol):
    """Finds names; `core.encoder.guard_reader.GuardReader` does."""

    @property
    def digest(self) -> str:
        """Return what identifies the weights."""

    def find_names(self, text: str, *, least: float) -> Sequence[Name]:
        """Return names of at least that probability."""


class SafeHarbourRail:
    """A rail over a finder of names. Not fit for streams: the gate holds whole sentences for it."""

    name = "safe_harbour"
    categories = frozenset({*_KINDS.values(), *(each.category for each in _RULES)})

    def __init__(self, finder: NameFinder, *, by_sentence: bool = True) -> None:
        """Take what finds names.

        Args:
            finder: The model that reads a text.
            by_sentence: Whether it reads sentence by sentence, as a stream's text comes, or a text as a whole.
        """
        self._finder = finder
        self._by_sentence = by_sentence
        self._patterns = PatternRail(self.name, _RULES, open_from=last_word)
        self.version = digest_of([self._patterns.version, finder.digest, LEAST])
        self._seen: OrderedDict[bytes, tuple[Finding, ...]] = OrderedDict()
        self._lock = Lock()

    def inspect(self, text: str) -> list[Finding]:
        """Return findings with spans into `text`, sorted by start; what masks stand for is not looked for again."""
        masks = [match.span() for match in _LABEL.finditer(text)]
        found = [*self._patterns.inspect(text), *self._names(text)]
        kept = [f for f in found if not any(f.start < end and start < f.end for start, end in masks)]
        return sorted(kept, key=lambda f: (f.start, -f.end, -f.score))

    def _names(self, text: str) -> Iterator[Finding]:
        pieces = ((m.start(), m.group()) for m in _SENTENCE.finditer(text)) if self._by_sentence else [(0, text)]
        for at, piece in pieces:
            if any(char.isalpha() for char in piece):
                for each in self._names_in(piece):
                    start, end = at + each.start, at + each.end
                    yield Finding(
                        self.name, each.category, each.score, start, end, describe(text[start:end], show=False)
                    )

    def _names_in(self, sentence: str) -> tuple[Finding, ...]:
        key = sha256(sentence.encode("utf-8", "surrogatepass")).digest()
        with self._lock:
            if key in self._seen:
                self._seen.move_to_end(key)
                return self._seen[key]
        squeezed = squeeze(sentence)
        found = tuple(
            Finding(self.name, _KINDS[each.entity], round(each.probability, 4), *squeezed.span(each.start, each.end))
            for each in self._finder.find_names(squeezed.text, least=LEAST)
            if each.entity in _KINDS
        )
        with self._lock:
            self._seen[key] = found
            if len(self._seen) > KEPT:
                self._seen.popitem(last=False)
        return found
