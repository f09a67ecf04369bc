"""Reading turns back: facts for scores and lists from the ledger, and one turn whole for whoever may see it.

Facts come from sealed entries alone, so every number can name the entries behind it.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from governance.errors import ContentErased, InputError
from governance.holds import HELD_KINDS, Hold, Judgement, Review, read_holds, read_reviews
from governance.identity import authorize, require
from governance.ledger import ContentVault, Entry, Ledger
from governance.placeholders import PLACEHOLDERS
from governance.schema import Actor, Outcome, Resource


@dataclass(frozen=True, slots=True)
class TurnFact:
    """What one sealed `turn.closed` entry says, its last rating, and what reviewers judged last.

    Attributes:
        entry: Index of the entry in the ledger.
        violations: "rail.category" of what was released against the policy; None when it was not audited.
        sentences_checked: Released sentences that claimed something and were held against evidence.
        rating: 1 for helpful, 0 for not; None when nobody rated.
        review: The last judgement of a reviewer that counts; None without one.
    """

    entry: int
    turn_id: str
    agent_id: str
    actor_id: str
    at: datetime
    outcome: Outcome
    action: str
    rule_id: str
    level: str
    retrieval: str
    model: str
    findings: tuple[str, ...]
    violations: tuple[str, ...] | None
    sentences_checked: int
    sentences_supported: int
    cited: int
    cited_datasets: tuple[str, ...]
    datasets_attached: int
    first_release_ms: float | None
    total_ms: float
    governance_ms: float
    generate_ms: float | None
    output_tokens: int | None
    rating: int | None = None
    review: Judgement | None = None
    retrieved_datasets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReviewText:
    """A judgement with its reason.

    Attributes:
        reason: Empty when it was erased.
        receipt: The proof that the judgement is in the ledger.
    """

    review: Review
    reason: str
    receipt: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TurnDetail:
    """One turn, whole.

    Attributes:
        content: Messages, evidence and answer; None when the reader may not see them or they were erased.
        hidden: Why there is no content; empty otherwise.
        hold: How long it waits for a person, or waited; None when it never did.
        reviews: The judgements that count, oldest first.
    """

    fact: TurnFact
    record: dict[str, Any]
    content: dict[str, Any] | None
    hidden: str
    ratings: tuple[dict[str, Any], ...]
    receipt: dict[str, Any]
    hold: Hold | None = None
    reviews: tuple[ReviewText, ...] = ()


def turn_facts(
    ledger: Ledger,
    *,
    agent_id: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int | None = None,
) -> list[TurnFact]:
    """Return facts of sealed turns, newest first."""
    closed = ledger.entries(
        kinds=["turn.closed"], agent_id=agent_id, since=since, until=until, limit=limit, newest_first=True
    )
    ratings = {str(e.turn_id): e.body["rating"] for e in ledger.entries(kinds=["turn.rated"], agent_id=agent_id)}
    reviews = _last_reviews(ledger.entries(kinds=HELD_KINDS, agent_id=agent_id))
    return [_fact(entry, ratings.get(str(entry.turn_id)), reviews.get(str(entry.turn_id))) for entry in closed]


def interrupted_turns(ledger: Ledger, *, agent_id: str | None = None, before: datetime) -> list[Entry]:
    """Return `turn.opened` entries older than `before` that no `turn.closed` answers: the process died in between."""
    closed = {entry.turn_id for entry in ledger.entries(kinds=["turn.closed"], agent_id=agent_id)}
    opened = ledger.entries(kinds=["turn.opened"], agent_id=agent_id, until=before)
    return [entry for entry in opened if entry.turn_id not in closed]


def read_turn(ledger: Ledger, vault: ContentVault, actor: Actor, turn_id: str) -> TurnDetail:
    """Return one turn; its content only for its own person and for roles that may read content.

    Raises:
        InputError: There is no such turn.
        AccessDenied: The actor may not see it.
    """
    entries = ledger.entries(turn_id=turn_id)
    closed = [entry for entry in entries if entry.kind == "turn.closed"]
    if not closed:
        raise InputError(f"There is no sealed turn with id {turn_id!r}.")
    entry = closed[-1]
    owner = str(entry.actor_id)
    require(actor, "turn.view", Resource("turn", turn_id, owner))
    content, hidden = _content(vault, actor, entry)
    ratings = tuple(each.body for each in entries if each.kind == "turn.rated")
    rating = ratings[-1]["rating"] if ratings else None
    reviews = read_reviews(entries)
    return TurnDetail(
        _fact(entry, rating, reviews[-1].judgement if reviews else None),
        entry.body,
        content,
        hidden,
        ratings,
        ledger.receipt(entry.index),
        hold=next(iter(read_holds(entries)), None),
        reviews=tuple(ReviewText(each, _reason(vault, each), ledger.receipt(each.entry)) for each in reviews),
    )


def turns_refused(ledger: Ledger, turn_ids: Sequence[str]) -> set[str]:
    """Return those of the turns that were refused, escalated or failed: their answers are not the model's."""
    closed = [entry for each in turn_ids for entry in ledger.entries(turn_id=each, kinds=["turn.closed"])]
    return {str(entry.turn_id) for entry in closed if entry.body["outcome"] in ("refused", "escalated", "failed")}


def rate_turn(
    ledger: Ledger, vault: ContentVault, actor: Actor, turn_id: str, *, helpful: bool, reason: str = ""
) -> None:
    """Record a person's rating of their own turn; a later one counts instead of an earlier one."""
    closed = [entry for entry in ledger.entries(turn_id=turn_id) if entry.kind == "turn.closed"]
    if not closed:
        raise InputError(f"There is no sealed turn with id {turn_id!r}.")
    require(actor, "turn.rate", Resource("turn", turn_id, closed[-1].actor_id))
    reason = reason.strip()[:2000]
    content_id = vault.put(actor.id, reason.encode()) if reason else None
    ledger.append(
        "turn.rated",
        {"rating": int(helpful), "reason_content_id": content_id},
        turn_id=turn_id,
        agent_id=closed[-1].agent_id,
        actor_id=actor.id,
    )


def _content(vault: ContentVault, actor: Actor, entry: Entry) -> tuple[dict[str, Any] | None, str]:
    if actor.id != entry.actor_id:
        decision = authorize(actor, "content.read_any", Resource("turn", entry.turn_id, entry.actor_id))
        if not decision.allowed:
            return None, decision.reason
    content_id = entry.body["content_id"]
    if content_id is None:
        return None, "nothing was kept"
    try:
        loaded: dict[str, Any] = json.loads(vault.get(content_id))
    except ContentErased:
        return None, "the content was erased"
    loaded.pop(PLACEHOLDERS, None)  # seen with a reason alone
    return loaded, ""


def _reason(vault: ContentVault, review: Review) -> str:
    try:
        return vault.get(review.reason_content_id).decode()
    except ContentErased:
        return ""


def _last_reviews(entries: Sequence[Entry]) -> dict[str, Judgement]:
    """Return turn id -> the last judgement that counts."""
    of_turns: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        of_turns[str(entry.turn_id)].append(entry)
    counted = {turn_id: read_reviews(each) for turn_id, each in of_turns.items()}
    return {turn_id: reviews[-1].judgement for turn_id, reviews in counted.items() if reviews}


def _fact(entry: Entry, rating: int | None, review: Judgement | None) -> TurnFact:
    body = entry.body
    violations = body["released_violations"]
    stage_ms = body["stage_ms"]
    checks = ("authorise", "input_rails", "intent", "retrieval_rails", "release", "outcome")
    return TurnFact(
        entry=entry.index,
        turn_id=str(entry.turn_id),
        agent_id=str(entry.agent_id),
        actor_id=str(entry.actor_id),
        at=entry.at,
        outcome=body["outcome"],
        action=body["decision"]["action"],
        rule_id=body["decision"]["rule_id"],
        level=body["level"],
        retrieval=body["retrieval"],
        model=body["model"]["name"],
        findings=tuple(f"{f['stage']}:{f['category']}" for f in body["findings"]),
        violations=None if violations is None else tuple(f"{v['rail']}.{v['category']}" for v in violations),
        sentences_checked=body["groundedness"]["checked"],
        sentences_supported=body["groundedness"]["supported"],
        cited=len(body["cited"]),
        cited_datasets=tuple(_cited_datasets(body["evidence"], body["cited"])),
        datasets_attached=body["datasets_attached"],
        first_release_ms=body["first_release_ms"],
        total_ms=body["total_ms"],
        governance_ms=round(sum(stage_ms.get(name, 0.0) for name in checks), 2),
        generate_ms=stage_ms.get("generate"),
        output_tokens=body["output_tokens"],
        rating=rating,
        review=review,
        retrieved_datasets=tuple(sorted({each["dataset_id"] for each in body["evidence"]})),
    )


def _cited_datasets(evidence: Sequence[dict[str, Any]], cited: Sequence[int]) -> Iterator[str]:
    seen = {each["dataset_id"] for each in evidence if each["number"] in cited}
    yield from sorted(seen)
