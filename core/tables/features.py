"""What speaks for and against a plan: named numbers that a trained model weighs."""

from collections.abc import Iterator, Sequence

from core.tables.candidates import Candidate
from core.tables.evaluate import Outcome
from core.tables.frame import FrameColumn
from core.tables.plan import Plan
from core.tables.question import Mention
from core.tables.reading import Features, Part, Reading
from core.tables.words import HIGH, LOW, NUMBER_WORDS, STOP_WORDS, plain


def features_of(reading: Reading, candidate: Candidate) -> Features:
    """Return the features of a candidate, by name; those of a counted part stand beside its operation as well."""
    found: Features = {}
    op = operation_of(candidate.plan)
    counted, named = parts_of(reading, candidate)
    for part in counted:
        for name, value in part.features.items():
            found[name] = found[f"{op}|{name}"] = value
    for part in named:
        found |= part.features
    return found


def operation_of(plan: Plan) -> str:
    """Return the operation, with what its numbers are read as."""
    return plan.operation if plan.view == "number" else f"{plan.operation} {plan.view}"


def parts_of(reading: Reading, candidate: Candidate) -> tuple[list[Part], list[Part]]:
    """Return the features of a candidate in parts: those to count beside its operation too, and those that name it.

    No name stands in two parts.
    """
    plan, outcome, used = candidate.plan, candidate.outcome, candidate.mentions
    op, part = operation_of(plan), reading.part
    conditions = (*plan.where, *plan.either)
    shape = (len(plan.where), len(plan.either), *[c.comparison for c in conditions])
    said = reading.said[plan.column] | reading.said[plan.by]
    rows = min(len(outcome.rows), 6)
    counted = [
        part(("coverage", said, used), lambda: _coverage(reading, said, used)),
        part(("conditions", used), lambda: _conditions(reading, used)),
        part(("outcome", outcome.values, rows), lambda: _outcome(reading, outcome)),
    ]
    named = [part(("operation", op, shape), lambda: _operation(reading, op, plan))]
    if plan.column is not None:
        column = reading.frame.by_name[plan.column]
        asked = plan.column in [c.column for c in conditions]
        counted.append(part(("column", plan.column, asked), lambda: _column(reading, column, conditioned=asked)))
        named.append(part(("shown", plan.column), lambda: _shown(reading, column)))
        named.append(part(("shown by", op, plan.column), lambda: _shown_by(reading, op, column)))
    if plan.by is not None:
        by = reading.frame.by_name[plan.by]
        others, same = reading.best_beside[plan.column], plan.by == plan.column
        counted.append(part(("by", plan.by, others, same), lambda: _by(reading, by.name, others, is_shown=same)))
        named.append(part(("order", plan.by), lambda: _order(reading, by)))
        named.append(part(("ordered by", op, plan.by), lambda: _ordered_by(reading, op, by)))
    return counted, named


def _operation(reading: Reading, op: str, plan: Plan) -> Iterator[tuple[str, float]]:
    shape = f"{len(plan.where)}{len(plan.either)}"
    yield f"op={op}", 1.0
    yield f"op={op}|shape={shape}", 1.0
    yield f"op={op}|asks={reading.asks}", 1.0
    yield f"op={op}|asks={reading.asks}|shape={shape}", 1.0
    for word in set(reading.words):
        yield f"op={op}|w={word}", 1.0
    for pair in set(reading.pairs):
        yield f"op={op}|b={pair}", 1.0
    for condition in (*plan.where, *plan.either):
        yield f"op={op}|compares={condition.comparison}", 1.0


def _shown(reading: Reading, column: FrameColumn) -> Iterator[tuple[str, float]]:
    kind = column.kind
    yield f"shows={kind}|asks={reading.asks}", 1.0
    behind = reading.question.stems[reading.asked_at : reading.asked_at + 4]
    for n, word in enumerate(behind):
        yield f"shows={kind}|w{n}={word}", 1.0
        yield f"shape={column.shape}|w{n}={word}", 1.0
    yield f"shape={column.shape}|asks={reading.asks}", 1.0
    for stem in set(column.stems):
        yield f"shows={stem}", 1.0
        for word in set(behind):
            yield f"shows={stem}|asked={word}", 1.0
        for word in set(reading.words):
            yield f"shows={stem}|w={word}", 1.0
    if column is reading.frame.columns[0]:
        yield f"shows first column|asks={reading.asks}", 1.0
    if column.name == reading.first_text:
        yield f"shows what a row is|asks={reading.asks}", 1.0


def _shown_by(reading: Reading, op: str, column: FrameColumn) -> Iterator[tuple[str, float]]:
    yield f"shows={column.kind}|op={op}", 1.0
    yield f"shape={column.shape}|op={op}", 1.0
    yield f"shape={column.shape}|op={op}|{reading.question.stems[reading.asked_at]}", 1.0
    if column is reading.frame.columns[0]:
        yield f"shows first column|op={op}", 1.0
    if column.name == reading.first_text:
        yield f"shows what a row is|op={op}", 1.0


def _order(reading: Reading, column: FrameColumn) -> Iterator[tuple[str, float]]:
    for stem in set(column.stems):
        for word in set(reading.words):
            yield f"by={stem}|w={word}", 1.0


def _ordered_by(reading: Reading, op: str, column: FrameColumn) -> Iterator[tuple[str, float]]:
    strong = {w for w in reading.question.words if w in HIGH or w in LOW or w.endswith("est")}
    for name in (column.kind, *column.stems):
        yield f"by={name}|op={op}", 1.0
        for word in strong:
            yield f"by={name}|op={op}|w={word}", 1.0


def _outcome(reading: Reading, outcome: Outcome) -> Iterator[tuple[str, float]]:
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


def _coverage(reading: Reading, said: frozenset[str], used: Sequence[Mention]) -> Iterator[tuple[str, float]]:
    covered = {n for m in used for n in range(m.start, m.end)}
    stems = reading.question.stems
    wanted = said.union(*(reading.said[m.condition.column] for m in used))
    covered |= {n for n in reading.content if stems[n] in wanted}
    left = [n for n in reading.content if n not in covered]
    yield "uncovered", len(left) / max(len(reading.content), 1)
    yield "uncovered words", min(len(left), 8) / 4
    missed = [m for m in reading.mentions if m not in used and not covered & set(range(m.start, m.end))]
    yield "missed whole cells", float(min(sum(m.whole for m in missed), 3))
    yield "missed comparisons", float(any(m.condition.view != "plain" for m in missed))
    yield "missed parts", min(len({(m.start, m.end) for m in missed}), 4) / 2
    yield "missed columns", min(sum(stems[n] in reading.said_at_all for n in left), 4) / 2


def _column(reading: Reading, column: FrameColumn, *, conditioned: bool) -> Iterator[tuple[str, float]]:
    alike, asked = reading.alike, reading.asked_alike
    share, place = reading.named[column.name]
    yield "shown alike", alike[column.name]
    yield "shown less alike than others", max(alike.values()) - alike[column.name]
    yield "shown alike what is asked", asked[column.name]
    yield "shown less alike what is asked than others", max(asked.values()) - asked[column.name]
    yield "shown is the condition's", float(conditioned)
    yield "shown differs by row", float(column.different == reading.frame.rows)
    yield "shown hardly differs", float(column.different < 0.2 * reading.frame.rows)
    yield "shown named", share
    yield "shown wholly named", float(share == 1)
    yield "shown less named than others", reading.best_beside[None] - share
    yield f"shown at={min(place, 8)}", 1.0
    nearer = sum(p < place for name, (s, p) in reading.named.items() if name != column.name and s > 0)
    yield "shown behind others", min(nearer, 4) / 2


def _by(reading: Reading, by: str, others: float, *, is_shown: bool) -> Iterator[tuple[str, float]]:
    share, _ = reading.named[by]
    near = reading.order_alike
    yield "order alike", reading.alike[by]
    yield "order alike superlative", near[by]
    yield "order less alike superlative than others", max(near.values()) - near[by]
    yield "order named", share
    yield "order wholly named", float(share == 1)
    yield "order less named than others", others - share
    yield "order is shown", float(is_shown)
    yield "only order", float(sum(c.is_number or c.is_date for c in reading.frame.columns) == 1)


def _conditions(reading: Reading, used: Sequence[Mention]) -> Iterator[tuple[str, float]]:
    if len(used) == 2:
        between = reading.between(used[0], used[1])
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
        yield f"condition {m.condition.comparison} in a {column.kind}", 1.0
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
