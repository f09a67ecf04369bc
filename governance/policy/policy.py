"""A policy: all rules of a folder, compiled, and what they decide.

The strictest action of all rules that hold wins. An agent's level is cumulative: what `standard` refuses, `enhanced`
and `maximum` refuse too, whatever the rules say, so that levels can only tighten. A finding that no rule names is
blocked, and so is everything while a rule can't be evaluated.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from core.schema import digest_of
from governance.errors import PolicyError
from governance.policy.condition import Case, Condition, Vocabulary, band_of
from governance.policy.document import PolicyDocument, RuleDocument, read_documents
from governance.schema import ACTIONS, LEVELS, Action, Actor, AgentView, Decision, Finding, Level, Stage

NO_FINDING = Decision("allow", "no finding", "core.no-finding")
FAIL_CLOSED = "fail-closed."  # what the ids of decisions begin with that no rule made
RAIL_FAILED = FAIL_CLOSED + "rail"  # a rail raised or was late: no finding made it, so no policy changes it
UNMATCHED = FAIL_CLOSED + "unmatched"
_SEVERITIES = ("low", "medium", "high", "critical")
_CACHE_LIMIT = 20_000
_SORRY = "I can't go on with this, because a safety check did not work. Please tell the people who run this service."


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """A rule with its full id.

    Attributes:
        place: File and rule, for people who mend it.
    """

    id: str
    place: str
    document: RuleDocument
    condition: Condition

    def strictness(self) -> tuple[int, int]:
        """Return what orders rules: the action, then the severity."""
        return ACTIONS.index(self.document.then), _SEVERITIES.index(self.document.severity)


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a policy says of findings.

    Attributes:
        decision: On all of them: that of the strictest.
        actions: On each, in the order of the findings.
        notices: Sentences that the answer has to carry, each once.
    """

    decision: Decision
    actions: tuple[Action, ...]
    notices: tuple[str, ...] = ()


class Policy:
    """Decides on findings. Immutable but for its cache."""

    def __init__(self, documents: Sequence[PolicyDocument], *, vocabulary: Vocabulary) -> None:
        """Compile and check every rule.

        Args:
            documents: At least one.
            vocabulary: Rail -> categories that it may report.

        Raises:
            PolicyError: A rule doesn't compile, can't be evaluated or can never fire; or there is none.
        """
        if not documents:
            raise PolicyError("A policy needs at least one document with at least one rule; found none.")
        self.rules = tuple(compile_rule(document, rule) for document in documents for rule in document.rules)
        _check_ids(self.rules)
        fire = [rule.condition.check(vocabulary) for rule in self.rules]
        self._late = [each for document in documents for each in document.late.items()]
        self._vocabulary = vocabulary
        self._of_finding = _by_finding(self.rules, fire, vocabulary)
        self.digest = digest_of([document.model_dump() for document in documents])
        bounds = [rule.condition.bounds for rule in self.rules]
        self._bounds = None if None in bounds else tuple(sorted(set[float]().union(*filter(None, bounds))))
        self._rules_of: dict[tuple[object, ...], PolicyRule | None] = {}

    def listed_as_late(self, level: Level) -> frozenset[str]:
        """Return the rails that the documents let be late at this level."""
        return frozenset(rail for rail, up_to in self._late if LEVELS.index(level) <= LEVELS.index(up_to))

    def may_be_late(self, agent: AgentView, actor: Actor) -> frozenset[str]:
        """Return the listed rails that a turn goes on without when they are late: those that can only allow."""
        return frozenset(each for each in self.listed_as_late(agent.level) if self._only_allows(each, agent, actor))

    def _only_allows(self, rail: str, agent: AgentView, actor: Actor) -> bool:
        """Say whether whatever a rail finds is allowed; a rule whose scores are not known may do anything."""
        if self._bounds is None:
            return False
        ends = sorted({0.0, *self._bounds, 1.0})
        scores = [*ends, *((low + high) / 2 for low, high in pairwise(ends))]
        worst = [Finding(rail, each, score, 0, 0) for each in self._vocabulary.get(rail, ()) for score in scores]
        stages: tuple[Stage, ...] = ("input", "output")
        rulings = [self.decide(worst, stage=stage, agent=agent, actor=actor) for stage in stages]
        return all(ruling.decision.action == "allow" for ruling in rulings)

    def decide(self, findings: Sequence[Finding], *, stage: Stage, agent: AgentView, actor: Actor) -> Ruling:
        """Decide on findings of one stage."""
        found = [(finding.rail, finding.category, finding.score) for finding in findings]
        level, role, kind, domain = agent.level, actor.role, actor.kind, agent.domain
        return self.decide_cases([Case(*each, stage, level, role, kind, domain) for each in found])

    def decide_cases(self, cases: Sequence[Case]) -> Ruling:
        """Decide on findings of one stage, each with all that a condition sees."""
        decisions = [self.decide_case(case) for case in cases]
        strictest = max(decisions, key=lambda d: ACTIONS.index(d.action), default=NO_FINDING)
        notices = tuple(dict.fromkeys(decision.notice for decision in decisions if decision.notice))
        return Ruling(strictest, tuple(decision.action for decision in decisions), notices)

    def decide_case(self, case: Case) -> Decision:
        """Decide on one finding."""
        found = f"{case.rail} found {case.category} (score {case.score:.2f}) in the {case.stage}"
        try:
            rule = self._rule_of(case)
        except (PolicyError, ValueError) as exc:
            return Decision("block", f"a rule could not be evaluated: {exc}", FAIL_CLOSED + "policy", _SORRY)
        if rule is None:
            return Decision("block", f"{found}; no rule names it", UNMATCHED, _SORRY)
        return Decision(rule.document.then, found, rule.id, rule.document.message, rule.document.notice)

    def _rule_of(self, case: Case) -> PolicyRule | None:
        """Return the rule that decides, found once for all scores that no rule tells apart."""
        score = band_of(self._bounds, case.score)
        seen = (case.rail, case.category, score, case.stage, case.level, case.role, case.kind, case.domain)
        if seen in self._rules_of:
            return self._rules_of[seen]
        rule = self._at_every_level(case)
        if len(self._rules_of) < _CACHE_LIMIT:
            self._rules_of[seen] = rule
        return rule

    def _at_every_level(self, case: Case) -> PolicyRule | None:
        """Return the strictest rule of the case's level and those below; the lowest has to name the finding."""
        levels = LEVELS[: LEVELS.index(case.level) + 1]
        rules = [self._strictest(replace(case, level=level)) for level in levels]
        return max((rule for rule in rules if rule), key=PolicyRule.strictness) if rules[0] else None

    def _strictest(self, case: Case) -> PolicyRule | None:
        rules = self._of_finding.get((case.rail, case.category), self.rules)
        holding = [rule for rule in rules if rule.condition.holds(case)]
        return max(holding, key=PolicyRule.strictness, default=None)


def compile_rule(document: PolicyDocument, rule: RuleDocument) -> PolicyRule:
    """Compile a rule of a document.

    Raises:
        PolicyError: Its condition doesn't compile.
    """
    place = f"{document.id}.yaml, rule {rule.id}"
    return PolicyRule(f"{document.id}.{rule.id}", place, rule, Condition(rule.when, place=place))


def _by_finding(
    rules: Sequence[PolicyRule], fire: Sequence[Collection[str]], vocabulary: Vocabulary
) -> dict[tuple[str, str], tuple[PolicyRule, ...]]:
    """Return for each rail and category the rules that can hold for the rail at all, in their order."""
    of_rail = {
        rail: tuple(rule for rule, rails in zip(rules, fire, strict=True) if rail in rails) for rail in vocabulary
    }
    return {(rail, category): of_rail[rail] for rail, categories in vocabulary.items() for category in categories}


def _check_ids(rules: Sequence[PolicyRule]) -> None:
    places: dict[str, str] = {}
    for rule in rules:
        if rule.id in places:
            raise PolicyError(f"{rule.place}: {places[rule.id]} has the same full id, {rule.id}. Rename one of them.")
        places[rule.id] = rule.place


def load_policy(folder: Path, *, vocabulary: Vocabulary) -> Policy:
    """Return the policy of a folder's documents.

    Raises:
        PolicyError: A document or rule is not valid.
    """
    return Policy(read_documents(folder), vocabulary=vocabulary)
