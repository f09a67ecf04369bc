"""The governance panel of an answer, in the order a sceptic asks.

What was decided, by which rule, on what evidence, by which model, and can I check it.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from apps.chat.badges import Badge, badge_of
from governance.native_llm import STEPS
from governance.records import Records
from governance.schema import Actor
from governance.turns import TurnDetail, read_turn

STEP_NAMES = {
    "authorise": "Check the right to ask",
    "input_rails": "Check the question",
    "intent": "Record the intent",
    "retrieve": "Search the datasets",
    "retrieval_rails": "Check the evidence",
    "generate": "Generate",
    "release": "Check the answer",
    "outcome": "Record the outcome",
}


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the turn: its milliseconds, and its share of the longest step, 0..1."""

    name: str
    ms: float
    share: float


@dataclass(frozen=True, slots=True)
class TurnPanel:
    """What the panel draws.

    Attributes:
        receipt_url: A data: URL of the receipt's JSON; it needs no second request and no file on the server.
        tokens_per_s: None when nothing was generated.
    """

    detail: TurnDetail
    badge: Badge
    steps: tuple[Step, ...]
    sources: tuple[tuple[dict[str, Any], bool], ...]
    receipt_url: str
    receipt_name: str
    tokens_per_s: float | None


def read_turn_panel(records: Records, actor: Actor, turn_id: str) -> TurnPanel:
    """Return the panel of a turn.

    Raises:
        InputError: There is no such sealed turn.
        AccessDenied: The actor may not see it.
    """
    detail = read_turn(records.ledger, records.vault, actor, turn_id)
    fact, cited = detail.fact, detail.record["cited"]
    return TurnPanel(
        detail=detail,
        badge=badge_of(detail),
        steps=tuple(step_table(detail.record["stage_ms"])),
        sources=tuple((each, each["number"] in cited) for each in detail.record["evidence"]),
        receipt_url=receipt_url(detail.receipt),
        receipt_name=f"receipt-{turn_id}.json",
        tokens_per_s=rate(fact.output_tokens, fact.generate_ms),
    )


def step_table(stage_ms: dict[str, float]) -> list[Step]:
    """Return the steps that ran, in their order."""
    ran = [name for name in STEPS if name in stage_ms]
    longest = max((stage_ms[name] for name in ran), default=0.0)
    return [Step(STEP_NAMES[name], stage_ms[name], stage_ms[name] / longest if longest else 0.0) for name in ran]


def receipt_url(receipt: dict[str, Any]) -> str:
    """Return a receipt as a data: URL for a download link."""
    data = json.dumps(receipt, indent=2, ensure_ascii=False).encode()
    return "data:application/json;base64," + base64.b64encode(data).decode()


def short_digest(digest: str, *, keep: int = 12) -> str:
    """Return the first characters of a digest, without its algorithm."""
    return digest.rpartition(":")[2][:keep]


def rate(tokens: int | None, ms: float | None) -> float | None:
    """Return tokens per second; None when either is not known or no time passed."""
    return tokens / ms * 1000 if tokens is not None and ms else None


def digests(detail: TurnDetail) -> Sequence[tuple[str, str]]:
    """Return what the record pins, each with its digest; only what this turn has."""
    record, model = detail.record, detail.record["model"]
    named = (
        ("Weights", model["weights_digest"]),
        ("Tokenizer", model["tokenizer_digest"]),
        ("Adapter", model["adapter_digest"]),
        ("Policy", record["policy_digest"]),
        ("Agent", record["agent_digest"]),
        ("Prompt", record["prompt_digest"]),
        ("Released text", record["released_digest"]),
    )
    return [(name, digest) for name, digest in named if digest]
