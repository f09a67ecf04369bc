"""What speaks for and against a plan: named numbers that a trained model weighs."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, pairwise
from typing import Any, TypeVar

from core.tables.alike import likeness
from core.tables.candidates import Candidate
from core.tables.frame import Frame, FrameColumn
from core.tables.plan import Plan
from core.tables.question import Mention, Question
from core.tables.words import HIGH, LOW, NUMBER_WORDS, STOP_WORDS, plain

ASKING = ("which", "what", "who", "when", "where", "how", "name", "whose", "whom", "tell", "in", "on", "list", "did")
Features = dict[str, float]
Kept = TypeVar("Kept")


@dataclass(frozen=True)
class Reading:
    """A question beside a table: what all of its candidates share."""

    question: Question
    frame: Frame
    mentions: tuple[Mention, ...]

    @cached_property
    def _kept(self) -> dict[Hashable, tuple[Any, ...]]:
        return {}

    def kept(self, key: Hashable, make: Callable[[], Iterator[Kept]]) -> tuple[Kept, ...]:
        """Return what many plans share, made once."""
        if key not in self._kept:
            self._kept[key] = tuple(make())
        return self._kept[key]

    @cached_property
    def choices(self) -> list[tuple[Mention, Mention]]:
        """Pairs of cells of one column with "or" between them."""
        pairs = combinations([m for m in self.mentions if m.whole], 2)
        return [(a, b) for a, b in pairs if a.condition.column == b.condition.column and _between(self, a, b) == "or"]

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
        texts = (c for c in self.frame.columns if _type(c) == "text" and c.different > 0.5 * self.frame.rows)
        return next((c.name for c in texts), None)

    @cached_property
    def best_named(self) -> float:
        """The most that the question holds of a column's name."""
        return max((share for share, _ in self.named.values()), default=0.0)

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


def features_of(reading: Reading, candidate: Candidate) -> Features:
    """Return the features of a candidate, by name."""
    found: Features = {}
    plan = candidate.plan
    op = plan.operation if plan.view == "number" else f"{plan.operation} {plan.view}"
    compared = tuple(c.comparison for c in (*plan.where, *plan.either))
    names = reading.kept(
        ("operation", op, len(plan.where), len(plan.either), *compared), lambda: _operation(reading, op, plan)
    )
    for name, value in _numbers(reading, candidate):
        if value:
            found[name] = value
            found[f"{op}|{name}"] = value
    if plan.column is not None:
        shown = reading.frame.by_name[plan.column]
        names += reading.kept(("shown", op, plan.column), lambda: _shown(reading, op, shown))
    if plan.by is not None:
        by = reading.frame.by_name[plan.by]
        names += reading.kept(("order", op, plan.by), lambda: _order(reading, op, by))
    found.update(dict.fromkeys(names, 1.0))
    return found


def _operation(reading: Reading, op: str, plan: Plan) -> Iterator[str]:
    shape = f"{len(plan.where)}{len(plan.either)}"
    yield f"op={op}"
    yield f"op={op}|shape={shape}"
    yield f"op={op}|asks={reading.asks}"
    yield f"op={op}|asks={reading.asks}|shape={shape}"
    for word in set(reading.words):
        yield f"op={op}|w={word}"
    for pair in set(reading.pairs):
        yield f"op={op}|b={pair}"
    for condition in (*plan.where, *plan.either):
        yield f"op={op}|compares={condition.comparison}"


def _type(column: FrameColumn) -> str:
    if column.is_date:
        return "date"
    if column.is_year:
        return "year"
    return "number" if column.is_number else "text"


def _shown(reading: Reading, op: str, column: FrameColumn) -> Iterator[str]:
    kind = _type(column)
    yield f"shows={kind}|asks={reading.asks}"
    yield f"shows={kind}|op={op}"
    at = reading.asked_at
    behind = reading.question.stems[at : at + 4]
    for n, word in enumerate(behind):
        yield f"shows={kind}|w{n}={word}"
        yield f"shape={column.shape}|w{n}={word}"
    yield f"shape={column.shape}|asks={reading.asks}"
    yield f"shape={column.shape}|op={op}"
    yield f"shape={column.shape}|op={op}|{behind[0] if behind else ''}"
    for stem in set(column.stems):
        yield f"shows={stem}"
        for word in set(behind):
            yield f"shows={stem}|asked={word}"
        for word in set(reading.words):
            yield f"shows={stem}|w={word}"
    if column is reading.frame.columns[0]:
        yield f"shows first column|asks={reading.asks}"
        yield f"shows first column|op={op}"
    if column.name == reading.first_text:
        yield f"shows what a row is|asks={reading.asks}"
        yield f"shows what a row is|op={op}"


def _order(reading: Reading, op: str, column: FrameColumn) -> Iterator[str]:
    kind = _type(column)
    strong = [w for w in reading.question.words if w in HIGH or w in LOW or w.endswith("est")]
    yield f"by={kind}|op={op}"
    for word in set(strong):
        yield f"by={kind}|op={op}|w={word}"
    for stem in set(column.stems):
        yield f"by={stem}|op={op}"
        for word in set(strong):
            yield f"by={stem}|op={op}|w={word}"
        for word in set(reading.words):
            yield f"by={stem}|w={word}"


def _numbers(reading: Reading, candidate: Candidate) -> Iterator[tuple[str, float]]:
    plan, outcome, used = candidate.plan, candidate.outcome, candidate.mentions
    quoted = tuple((m.start, m.end, m.whole, m.worded, m.condition) for m in used)
    conditioned = plan.column in {c.column for c in (*plan.where, *plan.either)}
    yield from reading.kept(("coverage", plan.column, plan.by, quoted), lambda: _coverage(reading, plan, used))
    yield from reading.kept(("columns", plan.column, plan.by, conditioned), lambda: _columns(reading, plan))
    yield from reading.kept(("conditions", quoted), lambda: _conditions(reading, used))
    values = outcome.values
    yield f"values={min(len(values), 4)}", 1.0
    yield f"values={min(len(values), 2)}|asks={reading.asks}", 1.0
    yield f"values={min(len(values), 2)}|asks for many={reading.asks_for_many}", 1.0
    said = [isinstance(v, str) and f" {plain(v)} " in reading.question.joined for v in values]
    yield "says answer", float(any(said))
    yield "says all of answer", float(all(said) and len(said) > 0)
    yield "no answer", float(any(isinstance(v, str) and not plain(v) for v in values))
    if len(values) == 1 and isinstance(values[0], float):
        number = values[0]
        yield "number=0", float(number == 0)
        yield "number=1", float(number == 1)
        yield "number is said", float(f"{number:g}" in reading.question.words)
        yield "number of all rows", float(number == reading.frame.rows)
        yield "number is large", float(abs(number) > 1000)
        yield "number has a fraction", float(number != int(number))
    rows = len(outcome.rows)
    yield f"rows={1 if rows == 1 else 2 if rows == 2 else 3 if rows < 6 else 4}", 1.0


def _coverage(reading: Reading, plan: Plan, used: Sequence[Mention]) -> Iterator[tuple[str, float]]:
    covered = {n for m in used for n in range(m.start, m.end)}
    stems = reading.question.stems
    names = [plan.column, plan.by, *(m.condition.column for m in used)]
    wanted = {s for name in names if name for s in reading.frame.by_name[name].stems}
    covered |= {n for n in reading.content if stems[n] in wanted}
    left = [n for n in reading.content if n not in covered]
    yield "uncovered", len(left) / max(len(reading.content), 1)
    yield "uncovered words", min(len(left), 8) / 4
    missed = [m for m in reading.mentions if m not in used and not covered & set(range(m.start, m.end))]
    yield "missed whole cells", float(min(sum(m.whole for m in missed), 3))
    yield "missed comparisons", float(any(m.condition.view != "plain" for m in missed))
    yield "missed parts", min(len({(m.start, m.end) for m in missed}), 4) / 2
    others = {s for c in reading.frame.columns for s in c.stems} - wanted
    yield "missed columns", min(sum(stems[n] in others for n in left), 4) / 2


def _columns(reading: Reading, plan: Plan) -> Iterator[tuple[str, float]]:
    named = reading.named
    if plan.column is not None:
        share, place = named[plan.column]
        alike, asked = reading.alike, reading.asked_alike
        yield "shown alike", alike[plan.column]
        yield "shown less alike than others", max(alike.values()) - alike[plan.column]
        yield "shown alike what is asked", asked[plan.column]
        yield "shown less alike what is asked than others", max(asked.values()) - asked[plan.column]
        column = reading.frame.by_name[plan.column]
        yield "shown is the condition's", float(plan.column in {c.column for c in (*plan.where, *plan.either)})
        yield "shown differs by row", float(column.different == reading.frame.rows)
        yield "shown hardly differs", float(column.different < 0.2 * reading.frame.rows)
        yield "shown named", share
        yield "shown wholly named", float(share == 1)
        yield "shown less named than others", reading.best_named - share
        yield f"shown at={min(place, 8)}", 1.0
        nearer = sum(p < place for name, (s, p) in named.items() if name != plan.column and s > 0)
        yield "shown behind others", min(nearer, 4) / 2
    if plan.by is not None:
        share, _ = named[plan.by]
        yield "order alike", reading.alike[plan.by]
        yield "order alike superlative", reading.order_alike[plan.by]
        near = reading.order_alike
        yield "order less alike superlative than others", max(near.values()) - near[plan.by]
        yield "order named", share
        yield "order wholly named", float(share == 1)
        others = [s for name, (s, _) in named.items() if name != plan.column]
        yield "order less named than others", max(others, default=0.0) - share
        yield "order is shown", float(plan.by == plan.column)
        numbers = [c.name for c in reading.frame.columns if c.is_number or c.is_date]
        yield "only order", float(len(numbers) == 1)


def _between(reading: Reading, one: Mention, other: Mention) -> str:
    """Return the word that joins two mentions, if it stands alone between them."""
    first, second = sorted((one, other), key=lambda m: m.start)
    words = [w for w in reading.question.words[first.end : second.start] if w not in ("the", "a", "an", "in", "on")]
    return words[0] if len(words) == 1 and words[0] in ("or", "and", "than", "to") else "others"


def _conditions(reading: Reading, used: Sequence[Mention]) -> Iterator[tuple[str, float]]:
    if len(used) == 2:
        between = _between(reading, used[0], used[1])
        yield f"conditions joined by {between}", 1.0
        yield "conditions in one column", float(used[0].condition.column == used[1].condition.column)
    yield "missed either", float(any(a not in used or b not in used for a, b in reading.choices))
    yield "words quoted", min(sum(m.end - m.start for m in used), 10) / 5
    yield "whole cells", float(sum(m.whole for m in used))
    yield "parts of cells", float(sum(not m.whole and m.condition.view == "plain" for m in used))
    for m in used:
        column = reading.frame.by_name[m.condition.column]
        share, _ = reading.named[column.name]
        yield f"condition {m.condition.comparison} named", share
        rivals = [o for o in reading.mentions if o.start <= m.start and m.end <= o.end and o is not m]
        alike, near = reading.beside_alike(m.start, m.end), [o.condition.column for o in rivals]
        yield "condition alike", alike[column.name]
        yield "condition less alike than rivals", max((alike[name] for name in near), default=0.0) - alike[column.name]
        yield "condition less named than rivals", max((reading.named[name][0] for name in near), default=0.0) - share
        yield f"condition {m.condition.comparison} in a {_type(column)}", 1.0
        yield f"condition {m.condition.comparison} in {column.shape}", 1.0
        yield "condition is what a row is", float(column.name == reading.first_text)
        yield "condition behind what is asked", float(0 <= m.start - reading.asked_at <= 2)
        if m.condition.view != "plain":
            said = " ".join(w for w in reading.question.words[m.start : m.end] if not w[0].isdigit())
            for stem in column.stems:
                yield f"condition on {stem} said {said}", 1.0
        yield "longer rival", float(any(o.end - o.start > m.end - m.start for o in rivals))
        yield "whole rival", float(not m.whole and any(o.whole for o in rivals))
        yield "rivals", min(len(rivals), 4) / 2
        yield "condition of one word", float(m.end - m.start == 1)
        quoted = reading.question.words[m.start : m.end]
        yield "condition is a number's word", float(m.end - m.start == 1 and quoted[0] in NUMBER_WORDS)
        yield "condition's stop words", sum(w in STOP_WORDS for w in quoted) / len(quoted)
        yield "condition is a number", float(all(w[0].isdigit() for w in reading.question.words[m.start : m.end]))
        beside = set(reading.question.stems[max(0, m.start - 3) : m.start] + reading.question.stems[m.end : m.end + 2])
        yield "condition's column beside it", float(bool(beside & set(column.stems)))
        if m.condition.comparison == "has":
            yield "most rows have it", float(len(m.rows) > 0.8 * reading.frame.rows)
