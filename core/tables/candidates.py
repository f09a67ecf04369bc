"""The grammar: which plans a question may mean over a table."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations

from core.tables.evaluate import Outcome, Selection, difference_of, evaluate_rows
from core.tables.frame import Frame, FrameColumn
from core.tables.plan import Condition, Measure, Plan
from core.tables.question import Mention, Question
from core.tables.words import BESIDE, COMPARING, ENDS, FREQUENT, HIGH, LOW

MOST_COLUMNS = 24
MOST_CANDIDATES = 6_000
Make = Callable[..., Plan]
TOTALS = frozenset({"total", "totals", "sum", "overall", "all"})


@dataclass(frozen=True, slots=True)
class Candidate:
    """A plan with what it yields and the words that it rests on."""

    plan: Plan
    outcome: Outcome
    mentions: tuple[Mention, ...] = ()


@dataclass(frozen=True, slots=True)
class _Filter:
    mentions: tuple[Mention, ...]
    rows: tuple[int, ...]
    either: bool = False
    beside: tuple[Condition, ...] = ()

    @property
    def make(self) -> "Make":
        """What makes a plan over these rows."""
        conditions = tuple(m.condition for m in self.mentions)
        if self.either:
            return partial(Plan, either=conditions, where=self.beside)
        return partial(Plan, where=(*conditions, *self.beside))

    def without(self, total: tuple[Condition, int] | None) -> "_Filter":
        """Leave a row of totals out, unless it is what was asked for."""
        if total is None or total[1] not in self.rows or len(self.rows) == 1:
            return self
        return replace(self, rows=tuple(n for n in self.rows if n != total[1]), beside=(total[0],))


def _total_row(frame: Frame) -> tuple[Condition, int] | None:
    """Return the last row where it holds totals, with the condition that leaves it out."""
    last = frame.rows - 1
    for column in frame.columns[:3]:
        cell = column.plain[last] if frame.rows > 2 else ""
        if cell in TOTALS and column.plain.count(cell) == 1:
            return Condition(column.name, "is_not", cell), last
    return None


def build_candidates(question: Question, frame: Frame, mentions: Sequence[Mention]) -> list[Candidate]:
    """Return the plans that the grammar offers, each of them yielding something."""
    filters = _filters(question, frame, mentions)
    found: list[Candidate] = []
    total = _total_row(frame)
    for each in filters:
        each = each.without(total)
        selection = Selection(frame, each.rows)
        for plan in _plans(question, frame, each):
            outcome = evaluate_rows(plan, selection)
            if outcome is not None and len(outcome.values) <= 30:
                found.append(Candidate(plan, outcome, each.mentions))
        if len(found) > MOST_CANDIDATES:
            break
    found.extend(_differences(question, frame, mentions))
    return found


def _filters(question: Question, frame: Frame, mentions: Sequence[Mention]) -> list[_Filter]:
    everything = tuple(range(frame.rows))
    filters = [_Filter((), everything)]
    filters += [_Filter((m,), m.rows) for m in mentions]
    if question.says("not", "except", "excluding", "other", "without", "besides", "never", "outside", "isn t", "t"):
        whole = [m for m in mentions if m.whole]
        filters += [_Filter((_other(m, everything),), tuple(sorted(set(everything) - set(m.rows)))) for m in whole]
    for a, b in combinations(mentions, 2):
        apart = a.end <= b.start or b.end <= a.start
        if not apart:
            continue
        both = tuple(sorted(set(a.rows) & set(b.rows)))
        if a.condition == b.condition:
            continue
        if both and len(both) < min(len(a.rows), len(b.rows)) + (a.condition.column != b.condition.column):
            filters.append(_Filter((a, b), both))
        if a.condition.column == b.condition.column and a.condition.view == "plain" and b.condition.view == "plain":
            filters.append(_Filter((a, b), tuple(sorted(set(a.rows) | set(b.rows))), either=True))
    return filters


def _other(mention: Mention, everything: Sequence[int]) -> Mention:
    """Return the mention of what a cell is not."""
    rows = tuple(sorted(set(everything) - set(mention.rows)))
    return replace(mention, condition=replace(mention.condition, comparison="is_not"), rows=rows)


def _plans(question: Question, frame: Frame, of: _Filter) -> Iterator[Plan]:
    columns, make = frame.columns[:MOST_COLUMNS], of.make
    fixed = {m.condition.column for m in of.mentions if m.condition.comparison == "is"}
    numbers = [c for c in columns if c.is_number]
    says = question.says
    counting = says("how many", "number of", "how much", "count", "total", "amount of", "number")
    if counting or not question.says("which", "who"):
        yield make("count")
    if of.mentions:
        yield from (make("list", c.name) for c in columns if c.name not in fixed or of.either)
    if counting:
        yield from (make("count_different", c.name) for c in columns if c.name not in fixed)
    if counting or says("sum", "combined", "altogether", "all", "together"):
        yield from (make("sum", c.name) for c in numbers)
    if says("average", "mean", "averages", "averaged"):
        yield from (make("mean", c.name) for c in numbers)
    if says("difference", "range", "between", "span", "from"):
        yield from (make("spread", c.name) for c in numbers)
    yield from _ordered(question, columns, of, fixed)
    if of.mentions and len(of.mentions) <= 2 and not of.either:
        if says("same", "share", "shares", "other", "besides", "else", "tied", "another", "also", "as"):
            yield from (
                make("same", c.name, by.name) for c in columns for by in columns if by is not c and by.name not in fixed
            )
        if counting and says("than", "before", "after", "above", "below", "ahead", "behind", "better", "over"):
            for by in columns:
                for view in _views(by):
                    yield make("count_above", by=by.name, view=view)
                    yield make("count_below", by=by.name, view=view)


def _ordered(question: Question, columns: Sequence[FrameColumn], of: _Filter, fixed: set[str]) -> Iterator[Plan]:
    words, make = set(question.words), of.make
    superlative = any(w.endswith("est") and len(w) > 4 for w in words) or of.either
    high = superlative or words & HIGH or words & {"last", "recent", "final", "first"}
    low = superlative or words & LOW or words & {"first", "last"}
    shown = [c for c in columns if c.name not in fixed or of.either]
    for by in columns:
        for view in _views(by):
            for c in shown:
                if high:
                    yield make("top", c.name, by.name, view)
                if low:
                    yield make("bottom", c.name, by.name, view)
    for c in shown:
        if of.either or words & ENDS:
            yield make("first", c.name)
            yield make("last", c.name)
        if words & FREQUENT:
            yield make("most_common", c.name)
            yield make("least_common", c.name)
            if not of.mentions:
                yield from (make("top_sum", c.name, by.name) for by in columns if by.is_number and by is not c)
    if of.mentions and not of.either and words & BESIDE:
        for c in columns:
            yield make("next", c.name)
            yield make("previous", c.name)


def _views(column: FrameColumn) -> tuple[Measure, ...]:
    if column.is_date:
        return ("date",)
    return ("number",) if column.is_number else ()


def _differences(question: Question, frame: Frame, mentions: Sequence[Mention]) -> Iterator[Candidate]:
    if not COMPARING & set(question.words):
        return
    numbers = [c.name for c in frame.columns[:MOST_COLUMNS] if c.is_number]
    for a, b in combinations(mentions, 2):
        if a.condition.column != b.condition.column or not (a.end <= b.start or b.end <= a.start):
            continue
        if a.rows == b.rows or a.condition.view != "plain" or b.condition.view != "plain":
            continue
        either = (a.condition, b.condition)
        plans = [Plan("difference_of_counts", either=either)]
        for name in numbers:
            plans.append(Plan("difference", name, either=either))
            if len(a.rows) > 1 or len(b.rows) > 1:
                plans.append(Plan("difference_of_sums", name, either=either))
        for plan in plans:
            outcome = difference_of(plan, frame, [a.rows, b.rows])
            if outcome is not None:
                yield Candidate(plan, outcome, (a, b))
