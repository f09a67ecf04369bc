"""Rules over bounded pieces of text, and the rail that runs them.

A stream can equal the whole text only if decisions are local, so every rule keeps to this:

- whether a span starts at a place is decided by at most `WINDOW` characters from there on and `BEHIND` before it
  (what follows may only lengthen a span that is already certain), and
- every place is judged on its own: no match hides one that starts inside it.

`PatternRail.undecided_from` then says which end of a text may still change as more text comes.
"""

import inspect as source_of
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from core.schema import digest_of
from governance.rails.fold import fold
from governance.rails.required_words import lower_case, may_match, required_words
from governance.schema import Finding

WINDOW = 64
BEHIND = 96
MENTION = 0.6
_WORD = re.compile(r"\S+")
_LAST_WORD = re.compile(r"\S*\Z")


@dataclass(frozen=True, slots=True)
class Rule:
    """One pattern and what it means.

    Attributes:
        pattern: Its group `span` is the violation; what stands before the group is context.
        end_of: For a match, where the span really ends, or None when the match is none (a checksum failed).
        is_mention: Whether a match only speaks of the thing, which scores `MENTION`.
        has_context: Whether the pattern starts before its span.
        needs: Characters without any of which the pattern can't match; checked first, because it is fast.
        words: Of which at least one stands in `lower_case` of any text that it matches; none when that can't be said.
    """

    category: str
    score: float
    pattern: re.Pattern[str]
    end_of: Callable[[re.Match[str]], int | None] | None = None
    is_mention: Callable[[re.Match[str]], bool] | None = None
    needs: str = ""
    has_context: bool = True
    words: tuple[str, ...] = ()

    def may_match(self, lowered: str) -> bool:
        """Say whether a text, given in lower case, holds a word without which the rule finds nothing."""
        return may_match(self.words, lowered)

    def matches(self, text: str, start: int) -> Iterator[tuple[int, int, float]]:
        """Yield start, end and score of what this rule finds in a folded text, for spans from `start` on."""
        for match in self.pattern.finditer(text, max(0, start - BEHIND) if self.has_context else start):
            if match.start("span") >= start and (found := self._weigh(match)):
                yield found

    def matches_at(self, text: str, places: Sequence[int]) -> Iterator[tuple[int, int, float]]:
        """Yield the same for a rule without context, of matches that begin at these places alone."""
        for place in places:
            match = self.pattern.match(text, place)
            if match and (found := self._weigh(match)):
                yield found

    def _weigh(self, match: re.Match[str]) -> tuple[int, int, float] | None:
        end = self.end_of(match) if self.end_of else match.end("span")
        if end is None:
            return None
        mentioned = self.is_mention is not None and self.is_mention(match)
        return match.start("span"), end, MENTION if mentioned else self.score

    def identity(self) -> list[object]:
        """Return all that decides what the rule finds."""
        code = [source_of.getsource(each) for each in (self.end_of, self.is_mention) if each]
        return [self.category, self.score, self.pattern.pattern, self.pattern.flags, self.needs, *code]


def rule(
    category: str,
    score: float,
    pattern: str,
    *,
    end_of: Callable[[re.Match[str]], int | None] | None = None,
    is_mention: Callable[[re.Match[str]], bool] | None = None,
    needs: str = "",
    ignore_case: bool = False,
) -> Rule:
    """Build a rule; a pattern without a group `span` is a span as a whole.

    The lookahead around it makes `finditer` try every start.
    """
    has_context = "(?P<span>" in pattern
    whole = pattern if has_context else f"(?P<span>{pattern})"
    compiled, words = _compiled(f"(?={whole})", re.IGNORECASE if ignore_case else 0)
    return Rule(category, score, compiled, end_of, is_mention, needs, has_context, words)


@cache
def _compiled(pattern: str, flags: int) -> tuple[re.Pattern[str], tuple[str, ...]]:
    """Return a pattern and its required words, found once in a process however often a rail is built."""
    compiled = re.compile(pattern, flags)
    return compiled, required_words(compiled)


class PatternRail:
    """A rail made of rules. Pure, and fit for streams."""

    def __init__(
        self, name: str, rules: Sequence[Rule], *, open_from: Callable[[str], int], show: bool = False
    ) -> None:
        """Take the rules of a rail.

        Args:
            name: As findings and policies call it.
            rules: What it finds.
            open_from: From where the last `WINDOW` characters of a folded text may still belong to a match.
            show: Whether findings may carry the matched words; otherwise only their number.
        """
        self.name = name
        self.categories = frozenset(r.category for r in rules)
        self.version = digest_of([name, [r.identity() for r in rules]])
        self._rules = tuple(rules)
        self._needs = {each.needs for each in rules if each.needs}
        self._open_from = open_from
        self._show = show

    def inspect(self, text: str) -> list[Finding]:
        """Return findings with spans into `text`, sorted by start."""
        return self.inspect_from(text, 0)

    def inspect_from(self, text: str, start: int) -> list[Finding]:
        """Return the findings whose spans begin at `start` or later; what stands before is context alone."""
        plain = fold(text)
        present, lowered = set(plain), lower_case(plain)
        absent = {needs for needs in self._needs if present.isdisjoint(needs)}
        found: list[Finding] = []
        for each in self._rules:
            if each.needs in absent or not each.may_match(lowered):
                continue
            covered = start
            for begin, end, score in each.matches(plain, start):
                if end > covered:
                    found.append(self._finding(each.category, score, text, begin, end))
                    covered = end
        return sorted(found, key=lambda f: (f.start, -f.end, -f.score))

    def undecided_from(self, text: str) -> int:
        """Return the offset from which findings may still appear or change when the text goes on."""
        cut = max(0, len(text) - WINDOW)
        return cut + self._open_from(fold(text[cut:]))

    def _finding(self, category: str, score: float, text: str, start: int, end: int) -> Finding:
        while end < len(text) and unicodedata.combining(text[end]):
            end += 1
        return Finding(self.name, category, score, start, end, describe(text[start:end], show=self._show))


def describe(words: str, *, show: bool) -> str:
    """Return a finding's evidence: the words without their digits, or only how many characters they are."""
    if not show:
        return f"{len(words)} characters"
    return re.sub(r"\d", "•", " ".join(words.split()))[:120]


def last_word(text: str) -> int:
    """Return where the unfinished last word starts; the text's end when it ends with a space."""
    match = _LAST_WORD.search(text)
    return match.start() if match else len(text)


def last_run(text: str, *, continues: re.Pattern[str], starts: re.Pattern[str]) -> int:
    """Return where the last run of words that may form one number starts, its unfinished last word included.

    Args:
        text: The end of a folded text.
        continues: Matches a word that such a run may hold.
        starts: Matches a word that such a run may start with.
    """
    edge = first = last_word(text)
    for word in reversed([match for match in _WORD.finditer(text) if match.start() < edge]):
        gap = text[word.end() : edge]
        if "\n" in gap or len(gap) > 2 or not continues.fullmatch(word.group()):
            break
        edge = word.start()
        if starts.fullmatch(word.group()):
            first = edge
    return first
