"""Situations: everything that a policy can meet, sampled, and sets of them in few words.

The rails say which findings occur at which stage. Scores are sampled at every number that a condition names and once
between each two of them, so that a rule which compares the score with numbers is seen whole; one that calculates with
the score is not. Actors and
domains are sampled only where a condition looks at them.
"""

import itertools
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from core.schema import Support
from governance.policy.condition import KINDS, STAGES, Case, Vocabulary, fields_in, numbers_in
from governance.policy.policy import Policy
from governance.rails import ClosingRail, Name, RailSet, build_rail_set
from governance.rails.identity_numbers import IDENTITY_NUMBERS
from governance.schema import DOMAINS, LEVELS, ROLES, Finding, Stage

Places = Mapping[Stage, Vocabulary]
_SPREAD = ("score", "category", "level", "stage", "domain", "role", "kind")  # the order in which alike cases are joined


class _NoModel:
    """Stands for the models of rails where these are asked for their names alone."""

    digest = "none"
    threshold = 1.0

    def read(self, text: str) -> Mapping[str, float]:
        raise NotImplementedError("There is no guard model here: this rail can name its categories, not look at text.")

    def find_names(self, text: str, *, least: float) -> Sequence[Name]:
        raise NotImplementedError("There is no guard model here: this rail can name its categories alone.")

    def weigh(self, sentence: str, passages: Sequence[str]) -> Support:
        raise NotImplementedError("There is no support model here: this rail can name its categories alone.")


class _NoNumbers:
    """Stands for the rail for identity numbers, whose recognisers take seconds to load."""

    name = "identity_numbers"
    version = "none"
    categories = IDENTITY_NUMBERS

    def inspect(self, text: str) -> list[Finding]:
        raise NotImplementedError("There are no recognisers here: this rail can name its categories, not look at text.")


def _rails_in_name() -> RailSet:
    return build_rail_set(_NoModel(), _NoModel(), _NoModel(), numbers=_NoNumbers())


@cache
def shipped_places() -> Places:
    """Return the places of the rails that ship; loads no model."""
    return places_of(_rails_in_name())


@cache
def closing_rails() -> frozenset[str]:
    """Return the rails that look at an answer once it is over, when nothing of it can be stopped or masked any more."""
    output = _rails_in_name().output
    return frozenset(rail.name for rail in output if isinstance(rail, ClosingRail))


def places_of(rails: RailSet) -> Places:
    """Return the categories that each rail may report, for each stage."""
    asked = (*rails.input, *rails.spoken, *rails.asked, *rails.across)
    output = (*rails.output, rails.grounding) if rails.grounding else rails.output
    at = {"input": asked, "retrieval": rails.retrieval, "output": output}
    return {stage: {rail.name: rail.categories for rail in (*at[stage], *rails.maximum)} for stage in STAGES}


def vocabulary_of(places: Places) -> dict[str, frozenset[str]]:
    """Return the categories that each rail may report at any stage."""
    found: dict[str, set[str]] = defaultdict(set)
    for vocabulary in places.values():
        for rail, categories in vocabulary.items():
            found[rail].update(categories)
    return {rail: frozenset(categories) for rail, categories in found.items()}


@dataclass(frozen=True, slots=True)
class Situations:
    """All that some policies can meet.

    Attributes:
        places: What can be found where.
        scores: Numbers from 0 to 1 that the conditions name, and one between each two of them.
        cases: Every combination that the rails can report.
    """

    places: Places
    scores: tuple[float, ...]
    roles: tuple[str, ...]
    kinds: tuple[str, ...]
    domains: tuple[str, ...]
    cases: tuple[Case, ...]

    def describe(self, cases: Iterable[Case]) -> list[str]:
        """Return phrases that together name exactly these cases."""
        return sorted(self._phrase(*row) for row in _joined(cases))

    def _phrase(self, rail: Collection[str], *sets: Collection) -> str:  # type: ignore[type-arg]
        (name,) = rail
        scores, categories, levels, stages, domains, roles, kinds = sets
        every = all(self.places[stage].get(name, ()) == categories for stage in stages)
        parts = [
            f"{name} ({'every category' if every else ', '.join(sorted(categories))})",
            self._scores(scores),
            "every stage" if len(stages) == len(STAGES) else " and ".join(each for each in STAGES if each in stages),
            "every level" if len(levels) == len(LEVELS) else " and ".join(each for each in LEVELS if each in levels),
        ]
        if len(domains) < len(self.domains):
            parts.append("domain " + " or ".join(each for each in DOMAINS if each in domains))
        if len(roles) < len(self.roles):
            parts.append("asked by " + " or ".join(each for each in ROLES if each in roles))
        if len(kinds) < len(self.kinds):
            parts.append("with a " + " or ".join(each for each in KINDS if each in kinds))
        return ", ".join(parts)

    def _scores(self, chosen: Collection[float]) -> str:
        if len(chosen) == len(self.scores):
            return "any score"
        return "score " + " or ".join(_range(self.scores, run) for run in _runs(self.scores, chosen))


def build_situations(policies: Sequence[Policy], *, places: Places) -> Situations:
    """Sample all that these policies can meet."""
    conditions = [rule.document.when for policy in policies for rule in policy.rules]
    fields = {field for each in conditions for field in fields_in(each)}
    scores = _scores_of(conditions)
    roles: tuple[str, ...] = ROLES if "actor.role" in fields else ROLES[-1:]
    kinds = KINDS if "actor.kind" in fields else KINDS[:1]
    domains: tuple[str, ...] = DOMAINS if "agent.domain" in fields else DOMAINS[:1]
    cases = tuple(_cases(places, scores, roles, kinds, domains))
    return Situations(places, scores, roles, kinds, domains, cases)


def _scores_of(conditions: Iterable[str]) -> tuple[float, ...]:
    """Return the bounds of the bands of scores, and the middle of each band: bounds have even places."""
    named = {number for each in conditions for number in numbers_in(each) if 0 <= number <= 1}
    bounds = sorted({0.0, 1.0} | named)
    middles = [(low + high) / 2 for low, high in itertools.pairwise(bounds)]
    return (bounds[0], *itertools.chain(*zip(middles, bounds[1:], strict=True)))


def _cases(
    places: Places, scores: Sequence[float], roles: Sequence[str], kinds: Sequence[str], domains: Sequence[str]
) -> Iterator[Case]:
    for stage, vocabulary in places.items():
        for rail in sorted(vocabulary):
            for category, score, level, role, kind, domain in itertools.product(
                sorted(vocabulary[rail]), scores, LEVELS, roles, kinds, domains
            ):
                yield Case(rail, category, score, stage, level, role, kind, domain)  # type: ignore[arg-type]


def _joined(cases: Iterable[Case]) -> list[tuple[frozenset, ...]]:  # type: ignore[type-arg]
    """Join cases that differ in one respect alone, respect by respect."""
    rows = [tuple(frozenset({getattr(case, name)}) for name in ("rail", *_SPREAD)) for case in cases]
    for place in range(1, len(_SPREAD) + 1):
        alike: dict[tuple[frozenset, ...], frozenset] = {}  # type: ignore[type-arg]
        for row in rows:
            rest = (*row[:place], *row[place + 1 :])
            alike[rest] = alike.get(rest, frozenset()) | row[place]
        rows = [(*rest[:place], values, *rest[place:]) for rest, values in alike.items()]
    return rows


def _runs(scores: Sequence[float], chosen: Collection[float]) -> list[list[int]]:
    """Return the places of the chosen scores, those next to each other together."""
    runs: list[list[int]] = []
    for place in sorted(scores.index(score) for score in chosen):
        if runs and runs[-1][-1] == place - 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    return runs


def _range(scores: Sequence[float], run: Sequence[int]) -> str:
    first, last = run[0], run[-1]
    if first == last and first % 2 == 0:
        return f"{scores[first]:g}"
    low = "" if first == 0 else f"above {scores[first - 1]:g}" if first % 2 else f"from {scores[first]:g}"
    high = "" if last == len(scores) - 1 else f"below {scores[last + 1]:g}" if last % 2 else f"up to {scores[last]:g}"
    return " ".join(part for part in (low, high) if part)
