"""Rules over words: the rail that finds phrases however they are disguised by look-alikes, accents, gaps or digits.

A phrase's span is at most `WINDOW` characters long once accents and invisible characters are gone, so that it can be
checked on a stream too. Words of other languages than English are not covered.
"""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Sequence

from core.schema import digest_of
from governance.rails.fold import read_leet, squeeze
from governance.rails.pattern_rail import WINDOW, Rule, describe, last_word
from governance.rails.required_words import lower_case
from governance.schema import Finding


class WordRail:
    """A rail made of phrases. Pure, and fit for streams."""

    def __init__(self, name: str, rules: Sequence[Rule], *, opens: str | None = None) -> None:
        """Take the rules of a rail.

        Args:
            name: As findings and policies call it.
            rules: What it finds, written in lower case.
            opens: A pattern for where every phrase starts, checked first because it is fast. A stream has to wait
                after such a place; without the pattern it waits for a whole window.
        """
        self.name = name
        self.categories = frozenset(r.category for r in rules)
        self.version = digest_of([name, [r.identity() for r in rules], opens or ""])
        self._rules = tuple(rules)
        self._opens = re.compile(rf"\b(?=\w)(?=(?:{opens}))") if opens else None

    def inspect(self, text: str) -> list[Finding]:
        """Return findings with spans into `text`, sorted by start."""
        return self.inspect_from(text, 0)

    def inspect_from(self, text: str, start: int) -> list[Finding]:
        """Return the findings whose spans begin at `start` or later; what stands before is context alone."""
        squeezed = squeeze(text)
        lowered = squeezed.text.lower() if len(squeezed.text.lower()) == len(squeezed.text) else squeezed.text
        first = bisect_left(squeezed.places, start)
        best: dict[tuple[str, int], Finding] = {}
        for plain in {lowered, read_leet(lowered)}:
            places = self._places(plain, first)
            if places == []:
                continue
            words = lower_case(plain)
            for each in self._rules:
                if not each.may_match(words):
                    continue
                for begin, end, score in (
                    each.matches(plain, first) if places is None or each.has_context else each.matches_at(plain, places)
                ):
                    finding = self._finding(each.category, score, text, squeezed.span(begin, end))
                    key = each.category, finding.start
                    if key not in best or _weight(best[key]) < _weight(finding):
                        best[key] = finding
        return sorted(best.values(), key=lambda f: (f.start, -f.end, -f.score))

    def _places(self, text: str, start: int) -> list[int] | None:
        """Return where a phrase may start; None when that can't be said."""
        if not self._opens:
            return None
        return [match.start() for match in self._opens.finditer(text, start)]

    def _finding(self, category: str, score: float, text: str, span: tuple[int, int]) -> Finding:
        start, end = span
        while end < len(text) and unicodedata.category(text[end]) == "Mn":
            end += 1
        return Finding(self.name, category, score, start, end, describe(text[start:end], show=True))

    def undecided_from(self, text: str) -> int:
        """Return the offset from which findings may still appear or change when the text goes on."""
        cut = max(0, len(text) - WINDOW)
        squeezed = squeeze(text[cut:])
        plain = squeezed.text.lower()
        if self._opens is None or len(plain) != len(squeezed.text):
            return cut
        opened = self._opens.search(plain, 1 + max(map(plain.rfind, ".!?\n")))
        return cut + squeezed.places[min(last_word(plain), opened.start() if opened else len(plain))]


def words(*phrases: str) -> str:
    """Return a group that matches any of these patterns as whole words."""
    return rf"\b(?:{'|'.join(phrases)})\b"


def _weight(finding: Finding) -> tuple[float, int]:
    return finding.score, finding.end
