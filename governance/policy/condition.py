"""Conditions of rules: CEL expressions, compiled and checked before they run.

A condition sees one finding: `finding.rail`, `finding.category`, `finding.score` (0.0 to 1.0), `stage`, `agent.level`,
`agent.domain`, `actor.role`, `actor.kind`. Every string in it has to be a word of that vocabulary, so that a misspelt
category is an error and not a rule that never fires.
"""

import itertools
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
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
_KEPT = 20_000  # results of a condition
_COARSE = (0.0, 0.5, 1.0)
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


class Samples:
    """Cases that span all that conditions can meet, built once for all rules of a policy.

    Attributes:
        coarse: All rails, categories, stages and levels, three scores, and the kinds of actor in turn.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        actors = itertools.cycle(itertools.product(ROLES, KINDS))
        self.coarse = [Case(*place, *next(actors)) for place in self._places(_COARSE)]

    @cached_property
    def special(self) -> list[Case]:
        """Return the coarse cases in the domains other than the general one."""
        return [replace(case, domain=domain) for case in self.coarse for domain in DOMAINS[1:]]

    def fine(self, domains: Sequence[Domain]) -> Iterator[Case]:
        """Yield the same with 21 scores and every kind of actor in each, in these domains."""
        for place in self._places(_FINE):
            for role, kind, domain in itertools.product(ROLES, KINDS, domains):
                yield Case(*place, role, kind, domain)

    def _places(self, scores: tuple[float, ...]) -> Iterator[tuple[str, str, float, Stage, Level]]:
        for rail in sorted(self.vocabulary):
            for category in sorted(self.vocabulary[rail]):
                for score, stage, level in itertools.product(scores, STAGES, LEVELS):
                    yield rail, category, score, stage, level


class Condition:
    """A compiled condition."""

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
        self._attributes = [_ATTRIBUTES[field] for field in sorted(self._fields & _ATTRIBUTES.keys())]
        self._named = None if _RAIL_OR_CATEGORY.search(_COMPARED.sub("", expression)) else _strings_in(expression)
        self._results: dict[object, bool] = {}

    def holds(self, case: Case) -> bool:
        """Evaluate the condition, once for all cases that it can't tell apart.

        Raises:
            PolicyError: It can't be evaluated, or gives something other than true or false.
        """
        seen = tuple(self._seen(case, attribute) for attribute in self._attributes)
        result = self._results.get(seen)
        if result is None:
            result = self._evaluate(case)
            if len(self._results) >= _KEPT:
                self._results.clear()
            self._results[seen] = result
        return result

    def _seen(self, case: Case, attribute: str) -> object:
        """Return what the condition sees of an attribute: rails and categories that it doesn't name look alike."""
        value = getattr(case, attribute)
        hidden = attribute in ("rail", "category") and self._named is not None and value not in self._named
        return "" if hidden else value

    def _evaluate(self, case: Case) -> bool:
        try:
            result = self._program.execute(case.context())
        except Exception as exc:
            raise PolicyError(f"{self._place}: the condition can't be evaluated: {exc}") from exc
        if not isinstance(result, bool):
            raise PolicyError(f"{self._place}: the condition gives {type(result).__name__}, expected true or false.")
        return result

    def check(self, samples: Samples) -> None:
        """Try the condition on samples that span all it can meet.

        Raises:
            PolicyError: A word is unknown, a sample can't be evaluated, or no sample makes the condition true.
        """
        self._check_words(samples.vocabulary)
        by_domain = "agent.domain" in self._fields
        cases = itertools.chain(samples.coarse, samples.special if by_domain else ())
        fired = [self.holds(case) for case in cases]
        fine = samples.fine(DOMAINS if by_domain else DOMAINS[:1])
        if not any(fired) and not any(self.holds(case) for case in fine):
            raise PolicyError(
                f"{self._place}: the rule can never fire: no rail, category, score, stage, agent and actor makes "
                f"{self._expression!r} true. Correct the condition or remove the rule."
            )

    def _check_words(self, vocabulary: Vocabulary) -> None:
        known = {*vocabulary, *itertools.chain(*vocabulary.values()), *STAGES, *LEVELS, *DOMAINS, *ROLES, *KINDS}
        unknown = sorted(_strings_in(self._expression) - known)
        if unknown:
            raise PolicyError(
                f"{self._place}: unknown word {', '.join(map(repr, unknown))} in the condition. Expected a rail "
                f"({', '.join(sorted(vocabulary))}), one of their categories, a stage, level, domain, role or kind."
            )


def _strings_in(expression: str) -> set[str]:
    return {match.group()[1:-1] for match in _STRING.finditer(expression)}


def numbers_in(expression: str) -> set[float]:
    """Return the numbers that an expression names."""
    return {float(match.group()) for match in _NUMBER.finditer(_STRING.sub('""', expression))}


def fields_in(expression: str) -> set[str]:
    """Return the fields that an expression looks at, such as `actor.role`."""
    matches = _NAME.finditer(_STRING.sub('""', expression))
    return {".".join(part for part in match.groups() if part) for match in matches}


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
