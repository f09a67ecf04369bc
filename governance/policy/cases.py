"""Cases of a policy: findings with the decision that its author expects, in `<id>.cases.yaml` beside `<id>.yaml`.

A case shows one finding; what several findings of a text lead to is the strictest of them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from governance.errors import PolicyError
from governance.policy.condition import Case
from governance.policy.document import CASES, parse_yaml, read_text
from governance.policy.policy import FAIL_CLOSED, Policy
from governance.policy.situations import Places
from governance.schema import Action, Domain, Level, Stage, UserRole


class FindingDocument(BaseModel):
    """What a rail reports."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    rail: str
    category: str
    score: float = Field(ge=0, le=1)


class CaseDocument(BaseModel):
    """One finding, where and for whom, and what is expected.

    Attributes:
        rule: Full id of the rule that decides.
        not_rule: Full ids of rules that come near and do not decide: their cases in which they leave a finding alone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    finding: FindingDocument
    stage: Stage
    level: Level
    role: UserRole = "member"
    kind: Literal["user", "key"] = "user"
    domain: Domain = "general"
    action: Action
    rule: str
    not_rule: list[str] = Field(default_factory=list)

    def case(self) -> Case:
        """Return what a condition sees of it."""
        found = self.finding
        return Case(found.rail, found.category, found.score, self.stage, self.level, self.role, self.kind, self.domain)


class CasesDocument(BaseModel):
    """One file of cases."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    cases: list[CaseDocument] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Failure:
    """A case that does not come out as expected.

    Attributes:
        place: File and number of the case, from 1 on.
        finding: What it shows.
        reason: What was expected and what came instead.
    """

    place: str
    finding: str
    reason: str


@dataclass(frozen=True, slots=True)
class CasesReport:
    """How the cases came out.

    Attributes:
        never_firing: Rules without a case that holds and in which they decide.
        never_sparing: Rules without a case that holds and whose `not_rule` names them.
    """

    cases: int
    failures: tuple[Failure, ...]
    never_firing: tuple[str, ...]
    never_sparing: tuple[str, ...]


def read_cases(folder: Path) -> dict[str, CaseDocument]:
    """Return the cases of a folder by file and number.

    Raises:
        PolicyError: There is none, a file can't be read, or no rules stand beside it.
    """
    files = sorted(folder.glob(f"*{CASES}"))
    if not files:
        raise PolicyError(f"{folder}: no case was found. Write some beside the rules, in <id>{CASES}.")
    found: dict[str, CaseDocument] = {}
    for path in files:
        rules = path.name.removesuffix(CASES) + ".yaml"
        if not (folder / rules).is_file():
            raise PolicyError(f"{path.name}: expected its rules beside it, in {rules}. Rename one of them.")
        document = parse_yaml(read_text(path), CasesDocument, source=path.name, advice="Correct the file.")
        found |= {f"{path.name}, case {number}": each for number, each in enumerate(document.cases, start=1)}
    return found


def run_cases(policy: Policy, cases: dict[str, CaseDocument], *, places: Places) -> CasesReport:
    """Decide every case and compare."""
    known = {rule.id for rule in policy.rules}
    failures, firing, sparing = [], set(), set()
    for place, document in cases.items():
        reasons = list(_reasons(policy, document, places=places, known=known))
        if reasons:
            failures.append(Failure(place, _finding(document), "; ".join(reasons)))
        else:
            firing.add(document.rule)
            sparing.update(document.not_rule)
    return CasesReport(len(cases), tuple(failures), _missing(policy, firing), _missing(policy, sparing))


def _reasons(policy: Policy, document: CaseDocument, *, places: Places, known: set[str]) -> Iterator[str]:
    found = document.finding
    if found.category not in places[document.stage].get(found.rail, ()):
        yield f"no rail of the {document.stage} reports {found.rail} {found.category}"
        return
    unknown = [each for each in (document.rule, *document.not_rule) if each not in known]
    for each in unknown:
        if not each.startswith(FAIL_CLOSED):
            yield f"the policy has no rule {each}"
    decision = policy.decide_case(document.case())
    if (decision.action, decision.rule_id) != (document.action, document.rule):
        yield f"expected {document.action} by {document.rule}, came {decision.action} by {decision.rule_id}"
    if decision.rule_id in document.not_rule:
        yield f"{decision.rule_id} decides, and not_rule says that it does not"


def _finding(document: CaseDocument) -> str:
    found = document.finding
    who = "" if (document.role, document.kind) == ("member", "user") else f", {document.role}, {document.kind}"
    domain = "" if document.domain == "general" else f", {document.domain}"
    return f"{found.rail} {found.category} {found.score:g}, {document.stage}, {document.level}{domain}{who}"


def _missing(policy: Policy, seen: Iterable[str]) -> tuple[str, ...]:
    shown = set(seen)
    return tuple(rule.id for rule in policy.rules if rule.id not in shown)
