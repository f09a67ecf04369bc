"""Conditions of rules: CEL expressions, compiled and checked before they run.

A condition sees one finding: `finding.rail`, `finding.category`, `finding.score` (0.0 to 1.0), `stage`, `agent.level`,
`agent.domain`, `actor.role`, `actor.kind`. Every string in it has to be a word of that vocabulary, so that a misspelt
category is an error and not a rule that never fires.

Evaluating costs more than a decision may take, so a condition is tried on all that it can tell apart when it is loaded,
and remembers: scores with no number between them that it names look alike to it, and rails and categories that it
doesn't name.
"""

import itertools
import re
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, get_args

import cel

from governance.errors import PolicyError
from governance.schema import DOMAINS, LEVELS, ROLES, Domain, Level, Stage, UserRole

STAGES: tuple[Stage, ...] = get_args(Stage)
KINDS = ("user", "key")
FIELDS = {"finding": ("rail", "category", "score"), "agent": ("level", "domain"), "actor": ("role", "kind")}
_STRING = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'")
_RAIL_OR_CATEGORY = re.compile(r"finding\s*\.\s*(?:rail|category)")
_COMPARED = re.compile(
    rf"{_RAIL_OR_CATEGORY.pattern}\s*(?:==|!=|in\b)\s*(?:{_STRING.pattern}|\[(?:\s*(?:{_STRING.pattern})\s*,?)*\s*\])"
)
_NAME = re.compile(r"(?<![\w.])([A-Za-z_]\w*)(?:\s*\.\s*([A-Za-z_]\w*))?")
_NUMBER = re.compile(r"(?<![\w.])(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_WORDS = frozenset({"in", "true", "false", "stage", "size", "startsWith", "endsWith", "contains"})
_ATTRIBUTES = {
    "finding.rail": "rail",
    "finding.category": "category",
    "finding.score": "score",
    "stage": "stage",
    "agent.level": "level",
    "agent.domain": "domain",
    "actor.role": "role",
    "actor.kind": "kind",
}
_BOUND = r"(?:^|(?<=[(&|])){}(?=$|[)&|])"  # a comparison that nothing is calculated with
_SCORE_COMPARED = re.compile(
    "|".join(
        _BOUND.format(each)
        for each in (
            rf"finding\.score(?:[=!<>]=|[<>]){_NUMBER.pattern}",
            rf"{_NUMBER.pattern}(?:[=!<>]=|[<>])finding\.score",
        )
    )
)
_KEPT = 20_000  # results of a condition
_TRIED = 50_000  # cases
_FINE = tuple(i / 20 for i in range(21))

Vocabulary = Mapping[str, Collection[str]]


@dataclass(frozen=True, slots=True)
class Case:
    """All that a condition sees."""

    rail: str
    category: str
    score: float
    stage: Stage
    level: Level
    role: UserRole
    kind: str
    domain: Domain = "general"

    def context(self) -> Any:
        """Return the variables of a CEL expression. Building them costs far more than evaluating with them."""
        return cel.Context(
            {
                "finding": {"rail": self.rail, "category": self.category, "score": float(self.score)},
                "stage": self.stage,
                "agent": {"level": self.level, "domain": self.domain},
                "actor": {"role": self.role, "kind": self.kind},
            }
        )


class Condition:
    """A compiled condition.

    Attributes:
        bounds: The numbers in order that it compares the score with; None where it does more with the score.
    """

    def __init__(self, expression: str, *, place: str) -> None:
        """Compile an expression; `place` names file and rule in errors."""
        self._place = place
        _check_names(expression, place=place)
        try:
            self._program = cel.compile(expression)
        except (ValueError, RuntimeError, RecursionError) as exc:
            raise PolicyError(f"{place}: the condition is not valid CEL; correct it: {exc}") from exc
        self._expression = expression
        self._fields = fields_in(expression)
        self._named = None if _RAIL_OR_CATEGORY.search(_COMPARED.sub("", expression)) else _strings_in(expression)
        self.bounds = _bounds_in(expression)
        attributes = [_ATTRIBUTES[field] for field in sorted(self._fields & _ATTRIBUTES.keys())]
        self._sees = {attribute: self._see(attribute) for attribute in attributes}
        self._results: dict[object, bool] = {}

    def holds(self, case: Case) -> bool:
        """Evaluate the condition, once for all cases that it can't tell apart.

        Raises:
            PolicyError: It can't be evaluated, or gives something other than true or false.
        """
        seen = tuple([see(case) for see in self._sees.values()])
        result = self._results.get(seen)
        if result is None:
            result = self._evaluate(case)
            if len(self._results) >= _KEPT:
                self._results.clear()
            self._results[seen] = result
        return result

    def _see(self, attribute: str) -> Callable[[Case], object]:
        """Return what gives what the condition sees of an attribute."""
        whole, named = attrgetter(attribute), self._named
        if attribute == "score":
            return lambda case: band_of(self.bounds, case.score)
        if attribute in ("rail", "category") and named is not None:
            return lambda case: value if (value := whole(case)) in named else ""
        return whole

    def _evaluate(self, case: Case) -> bool:
        try:
            result = self._program.execute(case.context())
        except Exception as exc:
            raise PolicyError(f"{self._place}: the condition can't be evaluated: {exc}") from exc
        if not isinstance(result, bool):
            raise PolicyError(f"{self._place}: the condition gives {type(result).__name__}, expected true or false.")
        return result

    def check(self, vocabulary: Vocabulary) -> frozenset[str]:
        """Try the condition on all that it can tell apart; return the rails with a finding for which it holds.

        Where there is too much to try, all rails are returned.

        Raises:
            PolicyError: A word is unknown, something can't be evaluated, or nothing makes the condition true.
        """
        self._check_words(vocabulary)
        fired = self._rails_that_fire(vocabulary)
        if not fired:
            raise PolicyError(
                f"{self._place}: the rule can never fire: no rail, category, score, stage, agent and actor makes "
                f"{self._expression!r} true. Correct the condition or remove the rule."
            )
        return fired

    def _rails_that_fire(self, vocabulary: Vocabulary) -> frozenset[str]:
        fired = set[str]()
        for number, case in enumerate(self._cases(vocabulary)):
            if self.holds(case):
                fired.add(case.rail)
            if fired and number >= _TRIED:
                return frozenset(vocabulary)
        return frozenset(fired)

    def _cases(self, vocabulary: Vocabulary) -> Iterator[Case]:
        """Yield a case for all that the condition can tell apart, and for each rail that it treats alike."""
        scores = _FINE if self.bounds is None else _bands(self.bounds)
        spread = {"score": scores, "stage": STAGES, "level": LEVELS, "role": ROLES, "kind": KINDS, "domain": DOMAINS}
        places = list(itertools.product(*(self._any(name, values) for name, values in spread.items())))
        seen = set[tuple[object, ...]]()
        for rail in sorted(vocabulary):
            for category in sorted(vocabulary[rail]):
                case = Case(rail, category, 0.0, "input", "standard", "member", "user")
                view = rail, *(self._sees[each](case) for each in ("rail", "category") if each in self._sees)
                if view in seen:
                    continue
                seen.add(view)
                for place in places:
                    yield Case(rail, category, *place)

    def _any(self, attribute: str, values: Collection[Any]) -> Collection[Any]:
        """Return values of an attribute: all, or one where the condition doesn't look at it."""
        return values if attribute in self._sees else tuple(values)[-1:]

    def _check_words(self, vocabulary: Vocabulary) -> None:
        known = {*vocabulary, *itertools.chain(*vocabulary.values()), *STAGES, *LEVELS, *DOMAINS, *ROLES, *KINDS}
        unknown = sorted(_strings_in(self._expression) - known)
        if unknown:
            raise PolicyError(
                f"{self._place}: unknown word {', '.join(map(repr, unknown))} in the condition. Expected a rail "
                f"({', '.join(sorted(vocabulary))}), one of their categories, a stage, level, domain, role or kind."
            )


def band_of(bounds: Sequence[float] | None, score: float) -> object:
    """Return which bound a score equals or lies between; the score itself where that does not decide."""
    if bounds is None or not 0 <= score <= 1:
        return score
    place = bisect_left(bounds, score)
    return place, place < len(bounds) and bounds[place] == score


def _strings_in(expression: str) -> set[str]:
    return {match.group()[1:-1] for match in _STRING.finditer(expression)}


def numbers_in(expression: str) -> set[float]:
    """Return the numbers that an expression names."""
    return {float(match.group()) for match in _NUMBER.finditer(_STRING.sub('""', expression))}


def fields_in(expression: str) -> set[str]:
    """Return the fields that an expression looks at, such as `actor.role`."""
    matches = _NAME.finditer(_STRING.sub('""', expression))
    return {".".join(part for part in match.groups() if part) for match in matches}


def _bounds_in(expression: str) -> tuple[float, ...] | None:
    """Return the numbers in order that an expression compares the score with; None where it does more with it."""
    plain = "".join(_STRING.sub('""', expression).split())
    if "finding.score" in _SCORE_COMPARED.sub("", plain):
        return None
    compared = itertools.chain(*(_NUMBER.findall(each.group()) for each in _SCORE_COMPARED.finditer(plain)))
    return tuple(sorted({float(number) for number in compared}))


def _bands(bounds: tuple[float, ...]) -> tuple[float, ...]:
    """Return the scores that the bounds tell apart: 0, 1, each bound, and one between each two."""
    places = sorted({0.0, 1.0, *(bound for bound in bounds if 0 <= bound <= 1)})
    return (*places, *((low + high) / 2 for low, high in itertools.pairwise(places)))


def _check_names(expression: str, *, place: str) -> None:
    for match in _NAME.finditer(_STRING.sub('""', expression)):
        name, selected = match.groups()
        if name in FIELDS:
            if selected not in FIELDS[name]:
                found = f"{name}.{selected}" if selected else name
                expected = ", ".join(f"{name}.{each}" for each in FIELDS[name])
                raise PolicyError(f"{place}: unknown field {found} in the condition. Expected {expected}.")
        elif name not in _WORDS:
            raise PolicyError(f"{place}: unknown name {name!r} in the condition. Expected stage, {', '.join(FIELDS)}.")
