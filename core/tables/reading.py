"""A question beside a table: what all plans that it may mean share, made once."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, pairwise

from core.tables.alike import likeness
from core.tables.frame import Frame, FrameColumn
from core.tables.question import Mention, Question
from core.tables.words import HIGH, LOW, STOP_WORDS, plain

Features = dict[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Features that many plans of one question share."""

    features: Features


@dataclass(frozen=True)
class Reading:
    """A question beside a table."""

    question: Question
    frame: Frame
    mentions: tuple[Mention, ...]

    @cached_property
    def _parts(self) -> dict[Hashable, Part]:
        return {}

    def part(self, key: Hashable, make: Callable[[], Iterator[tuple[str, float]]]) -> Part:
        """Return features that many plans share, made once; of a name said twice the last value but 0 counts."""
        if key not in self._parts:
            self._parts[key] = Part({name: value for name, value in make() if value})
        return self._parts[key]

    @cached_property
    def choices(self) -> list[tuple[Mention, Mention]]:
        """Pairs of cells of one column with "or" between them."""
        pairs = combinations([m for m in self.mentions if m.whole], 2)
        return [(a, b) for a, b in pairs if a.condition.column == b.condition.column and self.between(a, b) == "or"]

    def between(self, one: Mention, other: Mention) -> str:
        """Return the word that joins two mentions, if it stands alone between them."""
        first, second = sorted((one, other), key=lambda m: m.start)
        words = [w for w in self.question.words[first.end : second.start] if w not in ("the", "a", "an", "in", "on")]
        return words[0] if len(words) == 1 and words[0] in ("or", "and", "than", "to") else "others"

    @cached_property
    def asks_for_many(self) -> bool:
        """Whether the word that is asked for is a plural, as in "which two countries"."""
        words = self.question.words
        behind = words[self.asked_at + 1 : self.asked_at + 4] if words[self.asked_at] in ("which", "what") else ()
        return any(w.endswith("s") and not w.endswith("ss") and w not in STOP_WORDS for w in behind)

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The stems outside of quoted cells, which stand as <cell> or <number>."""
        marked = list(self.question.stems)
        for m in self.mentions:
            if m.condition.view != "plain":
                continue
            if m.whole or m.end - m.start > 1:
                for n in range(m.start, m.end):
                    marked[n] = "<cell>"
        marked = [w if not w[0].isdigit() else "<number>" for w in marked]
        return tuple(w for n, w in enumerate(marked) if w[0] != "<" or n == 0 or marked[n - 1] != w)

    @cached_property
    def pairs(self) -> tuple[str, ...]:
        """Pairs of neighbouring words."""
        padded = ("^", *self.words, "$")
        return tuple(f"{a} {b}" for a, b in pairwise(padded))

    @cached_property
    def asks(self) -> str:
        """The first asking words, such as "how mani"."""
        stems = self.question.stems
        at = self.asked_at
        return " ".join(stems[at : at + 2])

    @cached_property
    def asked_at(self) -> int:
        """Where the asking word stands."""
        words = self.question.words
        for word in ("which", "what", "who", "how", "when", "where", "whose", "whom", "name"):
            if word in words:
                return words.index(word)
        return 0

    @cached_property
    def named(self) -> dict[str, tuple[float, int]]:
        """For each column how much of its name the question holds, and where first behind the asking word."""
        stems = self.question.stems
        found = {}
        for column in self.frame.columns:
            wanted = [s for s in column.stems if s not in STOP_WORDS] or list(column.stems)
            places = [_place(stem, stems, self.asked_at) for stem in wanted]
            held = [p for p in places if p is not None]
            found[column.name] = (len(held) / max(len(wanted), 1), min(held, default=99))
        return found

    @cached_property
    def free_words(self) -> tuple[str, ...]:
        """The words that carry content and quote no cell."""
        quoted = {n for m in self.mentions if m.whole for n in range(m.start, m.end)}
        return tuple(self.question.words[n] for n in self.content if n not in quoted)

    @cached_property
    def alike(self) -> dict[str, float]:
        """For each column how alike its name is to the words of the question."""
        return {c.name: _alike(c, self.free_words) for c in self.frame.columns}

    def beside_alike(self, start: int, end: int) -> dict[str, float]:
        """Return for each column how alike its name is to the words beside a place of the question."""
        if (start, end) not in self._beside:
            words = (*self.question.words[max(0, start - 3) : start], *self.question.words[end : end + 2])
            near = [w for w in words if w not in STOP_WORDS]
            self._beside[start, end] = {c.name: _alike(c, near) for c in self.frame.columns}
        return self._beside[start, end]

    @cached_property
    def _beside(self) -> dict[tuple[int, int], dict[str, float]]:
        return {}

    @cached_property
    def asked_alike(self) -> dict[str, float]:
        """For each column how alike its name is to the words behind the asking word."""
        behind = [w for w in self.question.words[self.asked_at + 1 : self.asked_at + 4] if w not in STOP_WORDS][:2]
        return {c.name: _alike(c, behind) for c in self.frame.columns}

    @cached_property
    def order_alike(self) -> dict[str, float]:
        """For each column how alike its name is to the superlatives of the question and the words behind them."""
        words = self.question.words
        at = [n for n, w in enumerate(words) if w in HIGH or w in LOW or w.endswith("est")]
        near = {words[m] for n in at for m in range(n, min(n + 3, len(words))) if words[m] not in STOP_WORDS}
        return {c.name: _alike(c, sorted(near)) for c in self.frame.columns}

    @cached_property
    def first_text(self) -> str | None:
        """The first column of words, which mostly says what a row is."""
        texts = (c for c in self.frame.columns if c.kind == "text" and c.different > 0.5 * self.frame.rows)
        return next((c.name for c in texts), None)

    @cached_property
    def best_beside(self) -> dict[str | None, float]:
        """For each column, and none, the most that the question holds of another column's name."""
        names = [None, *self.named]
        return {
            name: max((share for other, (share, _) in self.named.items() if other != name), default=0.0)
            for name in names
        }

    @cached_property
    def said(self) -> dict[str | None, frozenset[str]]:
        """For each column the stems of its name that the question holds; nothing for no column."""
        stems = {self.question.stems[n] for n in self.content}
        return {None: frozenset()} | {c.name: frozenset(stems.intersection(c.stems)) for c in self.frame.columns}

    @cached_property
    def said_at_all(self) -> frozenset[str]:
        """The stems of columns' names that the question holds."""
        return frozenset[str]().union(*self.said.values())

    @cached_property
    def content(self) -> tuple[int, ...]:
        """Places of the words that carry content."""
        return tuple(n for n, word in enumerate(self.question.words) if word not in STOP_WORDS)


def _alike(column: FrameColumn, words: Sequence[str]) -> float:
    names = [w for w in plain(column.name).split() if w not in STOP_WORDS and not w[0].isdigit()]
    if not names or not words:
        return 0.0
    return sum(max(likeness(name, word) for word in words) for name in names) / len(names)


def _place(stem: str, stems: Sequence[str], start: int) -> int | None:
    """Return how far behind the asking word a stem stands; words that begin alike count as the same."""
    for order in (range(start, len(stems)), range(start)):
        for n in order:
            other = stems[n]
            if other == stem or (
                len(stem) > 4 and len(other) > 4 and (other.startswith(stem) or stem.startswith(other))
            ):
                return abs(n - start)
    return None
