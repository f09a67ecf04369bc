"""Review of a policy folder: what keeps it from loading, and what its author most likely did not mean.

Warnings rest on the sampled situations of `governance.policy.situations`. Whether a rule is wise, it does not say.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from governance.errors import PolicyError
from governance.policy.condition import Case, Vocabulary
from governance.policy.document import PolicyDocument, policy_files, read_document
from governance.policy.policy import FAIL_CLOSED, Policy, PolicyRule, compile_rule
from governance.policy.situations import Places, Situations, build_situations, closing_rails, vocabulary_of


@dataclass(frozen=True, slots=True)
class Review:
    """What a review found; each text names file and rule and says what to do.

    Attributes:
        rules: How many rules were read.
        problems: What keeps the folder from loading.
        warnings: What loads and looks like a mistake; looked for only where there is no problem.
    """

    rules: int
    problems: tuple[str, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Coverage:
    """Where each rule holds and what decides there.

    Attributes:
        holds: Rule id -> the cases in which its condition holds, in one order for all rules.
        deciders: Case -> the rule that decides.
    """

    holds: dict[str, tuple[Case, ...]]
    deciders: dict[Case, str]


def review_folder(folder: Path, *, places: Places) -> Review:
    """Review the policy files of a folder.

    Args:
        folder: Its `*.yaml` files.
        places: What the rails can find where.
    """
    vocabulary = vocabulary_of(places)
    documents, problems = _read(folder)
    rules = sum(len(document.rules) for document in documents)
    problems += _rule_problems(documents, vocabulary)
    if problems:
        return Review(rules, tuple(problems))
    try:
        policy = Policy(documents, vocabulary=vocabulary)
        late = too_late(policy, places)
        return Review(rules, late, () if late else tuple(_warnings(policy, places)))
    except PolicyError as exc:
        return Review(rules, (str(exc),))


def too_late(policy: Policy, places: Places) -> tuple[str, ...]:
    """Say which rules would stop or mask an answer for what is found once it is over and released."""
    cases = [case for case in build_situations([policy], places=places).cases if case.stage == "output"]
    late = [case for case in cases if case.rail in closing_rails()]
    decided = {
        (policy.decide_case(case).rule_id, case.rail) for case in late if policy.decide_case(case).action != "allow"
    }
    rules = {rule.id: rule for rule in policy.rules}
    return tuple(
        f"{rules[rule_id].place}: it would stop or mask an answer for what {rail} finds, which looks at an answer once "
        f'it is over. Let the rule hold for the input alone (stage == "input"), or allow with a notice.'
        for rule_id, rail in sorted(decided)
        if rule_id in rules
    )


def _read(folder: Path) -> tuple[list[PolicyDocument], list[str]]:
    documents, problems = [], []
    try:
        paths = policy_files(folder)
    except PolicyError as exc:
        return [], [str(exc)]
    for path in paths:
        try:
            documents.append(read_document(path))
        except PolicyError as exc:
            problems.append(str(exc))
    return documents, problems


def _rule_problems(documents: list[PolicyDocument], vocabulary: Vocabulary) -> list[str]:
    problems = []
    for document in documents:
        for rule in document.rules:
            try:
                compile_rule(document, rule).condition.check(vocabulary)
            except PolicyError as exc:
                problems.append(str(exc))
    return problems


def _warnings(policy: Policy, places: Places) -> Iterator[str]:
    situations = build_situations([policy], places=places)
    coverage = _cover(policy, situations)
    yield from _unnamed(situations, coverage)
    yield from _idle(policy, coverage)
    yield from _doubled(policy, coverage)
    for rule in policy.rules:
        if not any(each.strip() for each in rule.document.legal_basis):
            yield f"{rule.place}: it has no legal basis. Name in `legal_basis` what asks for it."


def _cover(policy: Policy, situations: Situations) -> _Coverage:
    holds = {rule.id: tuple(case for case in situations.cases if rule.condition.holds(case)) for rule in policy.rules}
    return _Coverage(holds, {case: policy.decide_case(case).rule_id for case in situations.cases})


def _unnamed(situations: Situations, coverage: _Coverage) -> Iterator[str]:
    cases = [case for case, rule_id in coverage.deciders.items() if rule_id.startswith(FAIL_CLOSED)]
    for phrase in situations.describe(cases):
        yield f"{phrase}: no rule names it, so it is blocked. Add a rule for it that holds from level standard on."


def _idle(policy: Policy, coverage: _Coverage) -> Iterator[str]:
    deciding = set(coverage.deciders.values())
    for rule in policy.rules:
        if rule.id in deciding:
            continue
        instead = sorted({coverage.deciders[case] for case in coverage.holds[rule.id]})
        if instead:
            yield (
                f"{rule.place}: it never decides, because wherever it holds another rule is as strict or stricter "
                f"({', '.join(instead)}). Narrow those, or remove it."
            )
        else:
            yield (
                f"{rule.place}: it never decides, because no rail reports at that stage what it asks for. "
                "Correct the condition, or remove it."
            )


def _doubled(policy: Policy, coverage: _Coverage) -> Iterator[str]:
    alike: dict[tuple[Case, ...], list[PolicyRule]] = defaultdict(list)
    for rule in policy.rules:
        alike[coverage.holds[rule.id]].append(rule)
    for cases, (first, *others) in alike.items():
        for rule in others if cases else ():
            yield f"{rule.place}: it holds in exactly the same cases as {first.place}. Keep one, or tell them apart."
