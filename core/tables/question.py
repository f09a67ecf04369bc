"""Links a question's words to a table: columns that it names, cells and numbers that conditions can be made of."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from core.tables.evaluate import meets
from core.tables.frame import Frame
from core.tables.plan import Comparison, Condition, View
from core.tables.words import (
    BESIDE,
    COMPARING,
    ENDS,
    FREQUENT,
    HIGH,
    LOW,
    NUMBER_WORDS,
    SCALES,
    STOP_WORDS,
    plain,
    stem,
)

COMPUTING = frozenset({"count", "sum", "total", "average", "mean", "altogether", "combined", "over", "under", "exceed"})
LONGEST = 12  # words of a cell that a question quotes
MOST_MENTIONS = 10
COMPARISONS: tuple[tuple[Comparison, tuple[str, ...]], ...] = (
    (">=", ("at least", "or more", "minimum of", "no less than", "no fewer than", "since", "from", "starting in")),
    ("<=", ("at most", "or less", "or fewer", "maximum of", "no more than", "up to", "until", "by", "top", "first")),
    (">", ("more than", "over", "above", "greater than", "higher than", "larger than", "exceed", "exceeds", "exceeded",
           "exceeding", "after", "longer than", "older than", "bigger than", "better than", "beyond", "past",
           "later than", "taller than", "heavier than", "faster than")),
    ("<", ("less than", "fewer than", "under", "below", "lower than", "smaller than", "before", "prior to",
           "shorter than", "younger than", "earlier than", "not reach")),
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Mention:
    """A condition that words of the question make; none is equal to another one.

    Attributes:
        start: First word of the question that it covers.
        end: The word after the last one.
        whole: Whether the words are a whole cell, not a part of one.
        rows: Rows that meet it, in order.
        worded: Whether a comparison is worded beside the number.
    """

    condition: Condition
    start: int
    end: int
    whole: bool
    rows: tuple[int, ...]
    worded: bool = True


@dataclass(frozen=True)
class Question:
    """A question in plain form."""

    text: str

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The words, in plain form."""
        return tuple(plain(re.sub(r"'s\b|s'(?=\s)", " ", self.text)).split())

    @cached_property
    def stems(self) -> tuple[str, ...]:
        """The words' stems."""
        return tuple(stem(word) for word in self.words)

    @cached_property
    def joined(self) -> str:
        """The words between single spaces, one before and one behind."""
        return f" {' '.join(self.words)} "

    def says(self, *phrases: str) -> bool:
        """Return whether the question holds one of the phrases."""
        return any(f" {phrase} " in self.joined for phrase in phrases)


def asks_to_compute(question: Question) -> bool:
    """Return whether a question counts, adds up, orders or compares; others look up what a passage may say as well."""
    if question.says("how many", "number of", "amount of", "at least", "at most"):
        return True
    words = set(question.words)
    return any(words & known for known in (HIGH, LOW, ENDS, FREQUENT, BESIDE, COMPARING, COMPUTING)) or any(
        word.endswith("est") and len(word) > 4 for word in words
    )


def find_mentions(question: Question, frame: Frame) -> list[Mention]:
    """Return the conditions that the question's words make, those that cover most first."""
    found = [*_cell_mentions(question, frame), *_number_mentions(question, frame)]
    found.sort(key=lambda m: (-(m.end - m.start), not m.whole, m.start))
    return found[:MOST_MENTIONS]


def _cell_mentions(question: Question, frame: Frame) -> list[Mention]:
    words = question.words
    mentions = []
    for column in frame.columns:
        cells = [f" {cell} " for cell in column.plain]
        different = "\n".join(set(cells))
        spans: list[tuple[int, int, str]] = []
        start = 0
        for start in range(len(words)):
            best = None
            for end in range(start + 1, min(start + LONGEST, len(words)) + 1):
                phrase = _in_cells(words[start:end], different)
                if phrase is None:
                    break
                best = (start, end, phrase)
            if best and not any(s <= best[0] and best[1] <= e for s, e, _ in spans):
                spans.append(best)
        for first, end, phrase in spans:
            if all(word in STOP_WORDS for word in words[first:end]):
                continue
            whole = [n for n, cell in enumerate(column.plain) if cell == phrase]
            held = [n for n, cell in enumerate(cells) if f" {phrase} " in cell]
            if whole:
                mentions.append(Mention(Condition(column.name, "is", phrase), first, end, True, tuple(whole)))
            if len(held) > len(whole):
                mentions.append(Mention(Condition(column.name, "has", phrase), first, end, False, tuple(held)))
    return mentions


def _in_cells(words: Sequence[str], cells: str) -> str | None:
    """Return the phrase as the cells hold it; a last word in the plural may stand for its singular."""
    phrase = " ".join(words)
    if f" {phrase} " in cells:
        return phrase
    last = words[-1]
    others = [last[:-1]] if last.endswith("s") and len(last) > 3 else []
    others += [last[:-3] + "y"] if last.endswith("ies") else []
    others += [last + "s"] if len(last) > 3 else []
    others += ["usa", "us"] if last == "states" else []
    others += [f"{int(NUMBER_WORDS[last])}"] if last in NUMBER_WORDS else []
    others += [ORDINALS[last]] if last in ORDINALS else []
    for other in others:
        phrase = " ".join([*words[:-1], other])
        if f" {phrase} " in cells:
            return phrase
    return None


ORDINALS = {"first": "1st", "second": "2nd", "third": "3rd", "fourth": "4th", "fifth": "5th", "sixth": "6th"} | {
    f"{n}{'st' if n == 1 else 'nd' if n == 2 else 'rd' if n == 3 else 'th'}": str(n) for n in range(1, 13)
}


def _number_mentions(question: Question, frame: Frame) -> list[Mention]:
    words = question.words
    mentions = []
    for at, word in enumerate(words):
        value = NUMBER_WORDS.get(word)
        if value is None and (digits := re.fullmatch(r"(\d+(?:\.\d+)?)(?:st|nd|rd|th)?", word)):
            value = float(digits[1])
        if value is None:
            continue
        end = at + 1
        if end < len(words) and words[end] in SCALES:
            value *= SCALES[words[end]]
            end += 1
        comparison, start, end = _comparison(words, at, end)
        if comparison is None:
            continue
        for column in frame.columns:
            view: View = "number" if column.is_number else "year"
            if not column.is_number and not (column.is_date and 1000 <= value <= 2100):
                continue
            condition = Condition(column.name, comparison, value, view)
            rows = tuple(meets(frame, condition))
            if 0 < len(rows) < frame.rows:
                mentions.append(Mention(condition, start, end, False, rows))
    return mentions


def _comparison(words: Sequence[str], at: int, end: int) -> tuple[Comparison | None, int, int]:
    """Return the comparison worded around a number, and the words that it and the number cover."""
    before = " " + " ".join(words[max(0, at - 3) : at])
    behind = " ".join(words[end : end + 3]) + " "
    if before.endswith(" between"):
        return ">=", at - 1, end
    if before.endswith(" and") and "between" in words[max(0, at - 5) : at]:
        return "<=", at - 1, end
    for comparison, phrases in COMPARISONS:
        for phrase in phrases:
            size = phrase.count(" ") + 1
            if phrase.startswith("or "):
                if behind.startswith(phrase + " "):
                    return comparison, at, end + size
            elif before.endswith(" " + phrase) or before.endswith(f" {phrase} the") or before.endswith(f" {phrase} a"):
                return comparison, at - size, end
    return None, at, end
