"""Conditions of rules: CEL expressions, compiled and checked before they run.

A condition sees one finding: `finding.rail`, `finding.category`, `finding.score` (0.0 to 1.0), `stage`, `agent.level`,
`agent.domain`, `actor.role`, `actor.kind`. Every string in it has to be a word of that vocabulary, so that a misspelt
category is an error and not a rule that never fires.
"""

import itertools
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, get_args

import cel

from governance.errors import PolicyError
from governance.schema import DOMAINS, LEVELS, ROLES, Domain, Level, Stage, UserRole

STAGES: tuple[Stage, ...] = get_args(Stage)
KINDS = ("user", "key")
FIELDS = {"finding": ("rail", "category", "score"), "agent": ("level", "domain"), "actor": ("role", "kind")}
_STRING = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'")
_NAME = re.compile(r"(?<![\w.])([A-Za-z_]\w*)(?:\s*\.\s*([A-Za-z_]\w*))?")
_NUMBER = re.compile(r"(?<![\w.])(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_WORDS = frozenset({"in", "true", "false", "stage", "size", "startsWith", "endsWith", "contains"})
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
    """Contexts that span all that conditions can meet, built once for all rules of a policy.

    Attributes:
        coarse: All rails, categories, stages and levels, three scores, and the kinds of actor in turn.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        actors = itertools.cycle(itertools.product(ROLES, KINDS))
        self.coarse = [Case(*place, *next(actors)).context() for place in self._places(_COARSE)]

    @cached_property
    def special(self) -> list[Any]:
        """Return the coarse contexts of the domains other than the general one."""
        actors = itertools.cycle(itertools.product(ROLES, KINDS))
        places = itertools.product(self._places(_COARSE), DOMAINS[1:])
        return [Case(*place, *next(actors), domain).context() for place, domain in places]

    def fine(self, domains: Sequence[Domain]) -> Iterator[Any]:
        """Yield the same with 21 scores and every kind of actor in each, in these domains."""
        for place in self._places(_FINE):
            for role, kind, domain in itertools.product(ROLES, KINDS, domains):
                yield Case(*place, role, kind, domain).context()

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

    def holds(self, context: Any) -> bool:
        """Evaluate the condition on what `Case.context` returned.

        Raises:
            PolicyError: It can't be evaluated, or gives something other than true or false.
        """
        try:
            result = self._program.execute(context)
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
        by_domain = "agent.domain" in fields_in(self._expression)
        contexts = itertools.chain(samples.coarse, samples.special if by_domain else ())
        fired = [self.holds(context) for context in contexts]
        fine = samples.fine(DOMAINS if by_domain else DOMAINS[:1])
        if not any(fired) and not any(self.holds(context) for context in fine):
            raise PolicyError(
                f"{self._place}: the rule can never fire: no rail, category, score, stage, agent and actor makes "
                f"{self._expression!r} true. Correct the condition or remove the rule."
            )

    def _check_words(self, vocabulary: Vocabulary) -> None:
        known = {*vocabulary, *itertools.chain(*vocabulary.values()), *STAGES, *LEVELS, *DOMAINS, *ROLES, *KINDS}
        unknown = sorted({match.group()[1:-1] for match in _STRING.finditer(self._expression)} - known)
        if unknown:
            raise PolicyError(
                f"{self._place}: unknown word {', '.join(map(repr, unknown))} in the condition. Expected a rail "
                f"({', '.join(sorted(vocabulary))}), one of their categories, a stage, level, domain, role or kind."
            )


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
