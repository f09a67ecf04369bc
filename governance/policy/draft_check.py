"""Whether a draft of a policy document is fit to be in force, and what it would change: shown before anybody agrees.

It has to load beside the documents in force, its cases have to come out, and it may not decide any situation more
loosely than the documents that ship. Situations are sampled; see `governance.policy.situations`. What only looks like a
mistake is for `governance.policy.review` to say, while the author works on it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from governance.errors import PolicyError
from governance.policy.cases import CasesReport, read_cases, run_cases
from governance.policy.comparison import Comparison, Shift, compare_policies
from governance.policy.document import CASES, PolicyDocument, parse_document
from governance.policy.policy import Policy
from governance.policy.review import too_late
from governance.policy.situations import Places, vocabulary_of

AGAIN = "Then propose it again."
MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class DraftText:
    """A document and its cases as somebody wrote them.

    Attributes:
        policy: The document's id.
        rules: YAML.
        cases: YAML; empty without any.
    """

    policy: str
    rules: str
    cases: str

    def document(self) -> PolicyDocument:
        """Return the document that the text holds.

        Raises:
            PolicyError: It is none any more.
        """
        return parse_document(self.rules, source=f"{self.policy}.yaml")


@dataclass(frozen=True, slots=True)
class DraftCheck:
    """What a check found.

    Attributes:
        problems: What keeps the draft from being agreed to; each says what to do.
        cases: How many cases came out as expected.
        policy: The policy as it would run; None when it does not load.
        comparison: What it changes against the policy that runs; None when it does not load.
    """

    problems: tuple[str, ...]
    cases: int = 0
    policy: Policy | None = None
    comparison: Comparison | None = None


def check_draft(
    draft: DraftText, *, shipped: Sequence[PolicyDocument], others: Sequence[PolicyDocument], places: Places
) -> DraftCheck:
    """Check a draft beside what ships and all else that is in force now.

    Args:
        draft: The document and its cases.
        shipped: The floor.
        others: The other documents in force, and the version of this document that is active now.
        places: What the rails can find where.
    """
    vocabulary = vocabulary_of(places)
    kept = [document for document in others if document.id != draft.policy]
    with TemporaryDirectory() as name:
        folder = _write(Path(name), draft)
        try:
            policy = Policy([*shipped, *kept, draft.document()], vocabulary=vocabulary)
            report = run_cases(policy, read_cases(folder), places=places)
        except PolicyError as exc:
            return DraftCheck((f"{exc} {AGAIN}",))
    running = Policy([*shipped, *others], vocabulary=vocabulary)
    comparison = compare_policies(running, policy, places=places)
    loosened = _looser(comparison)
    if loosened and others:  # looser than what runs may still be as strict as the floor, which no one was looser than
        floor = Policy(shipped, vocabulary=vocabulary)
        loosened = _looser(compare_policies(floor, policy, places=places))
    return DraftCheck(
        problems=(*_failed(report), *too_late(policy, places), *_loosened(loosened)),
        cases=report.cases - len(report.failures),
        policy=policy,
        comparison=comparison,
    )


def _write(folder: Path, draft: DraftText) -> Path:
    """Lay a draft out as its author has it: rules, and cases beside them."""
    (folder / f"{draft.policy}.yaml").write_text(draft.rules, encoding="utf-8")
    if draft.cases:
        (folder / f"{draft.policy}{CASES}").write_text(draft.cases, encoding="utf-8")
    return folder


def _failed(report: CasesReport) -> Iterator[str]:
    for failure in report.failures[:MOST_NAMED]:
        yield f"{failure.place} fails ({failure.finding}): {failure.reason}. Correct the rules or the case. {AGAIN}"
    if len(report.failures) > MOST_NAMED:
        yield f"{len(report.failures) - MOST_NAMED} more cases fail; `promethios policy test` shows all."


def _looser(comparison: Comparison) -> list[Shift]:
    return [shift for shift in comparison.shifts if shift.direction == "looser"]


def _loosened(shifts: Sequence[Shift]) -> Iterator[str]:
    for shift in shifts[:MOST_NAMED]:
        yield (
            f"It loosens the floor: {shift.where[0]}: {shift.after} by {shift.after_rule}, where what ships says "
            f"{shift.before}. Take that rule out or make it stricter. {AGAIN}"
        )
