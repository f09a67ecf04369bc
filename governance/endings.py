"""How a turn ends: the outcome and the decision behind it."""

from collections.abc import Iterator

from core.errors import CoreError
from core.schema import Retrieval
from governance.answer import Answer
from governance.errors import LedgerError
from governance.refusals import is_refusal
from governance.release import ReleaseGate
from governance.schema import Decision, Outcome, Released
from governance.turn_record import TurnRecord

DECLINED = Decision("block", "the model declined in its own words", "model.declined")
ALLOWED = Decision("allow", "every check passed", "turn.allowed")

Ending = tuple[Outcome, Decision]


def ending_of(decision: Decision) -> Ending:
    """Return how a turn ends that a decision does not allow."""
    return ("escalated" if decision.action == "escalate" else "refused"), decision


def gate_ending(record: TurnRecord, gate: ReleaseGate, *, answered: Outcome, text: str) -> Ending:
    """Return how a turn ends whose whole text the gate has seen; note in the record what the gate found."""
    record.note("output", gate.decision, gate.findings, gate.rail_ms)
    record.max_held_chars = gate.max_held_chars
    record.grounding = record.governance.check_grounding(text, record.evidence)
    if not gate.decision.allowed:
        return ending_of(gate.decision)
    if is_refusal(text):
        return "refused", DECLINED
    masked = [
        decision
        for stage, decision in record.decisions
        if decision.action == "redact" and (stage != "retrieval" or record.is_evidence_masked)
    ]
    return answered, masked[0] if masked else ALLOWED


def say_unanswered(found: Retrieval) -> tuple[str, ...]:
    """Return a sentence for each part of the question that no evidence answers, beside an answer to the others."""
    return tuple(
        f"I can't find an answer to part {part} of your question in the datasets." for part in found.unanswered
    )


def add_notices(record: TurnRecord, answer: Answer, asked: tuple[str, ...], gate: ReleaseGate) -> Iterator[Released]:
    """Let the answer end with the sentences that were asked for, and those that it calls for itself."""
    if not gate.stopped:
        record.notices = tuple(dict.fromkeys((*asked, *gate.notices)))
        for notice in record.notices:
            yield from answer.offer(f"\n\n{notice}")


def fail_closed(exc: Exception) -> Decision:
    """Return the decision on a turn in which something broke."""
    part = "ledger" if isinstance(exc, LedgerError) else "engine" if isinstance(exc, CoreError) else "turn"
    message = {
        "ledger": "This turn could not be recorded, so nothing more of it is shown. Nothing was lost; try again later.",
        "engine": "The model could not answer this time. Nothing was lost; try again in a moment.",
        "turn": "Something went wrong, so the turn was stopped. Nothing was lost; try again in a moment.",
    }[part]
    return Decision("block", f"{type(exc).__name__}: {exc}", f"fail-closed.{part}", message)
