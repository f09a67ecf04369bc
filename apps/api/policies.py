"""Policies: the versions of policy documents, what a draft would change, and the steps of a version's life."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from apps.api.dependencies import Acting, Bench
from apps.api.errors import DOCUMENTED, not_found_if_unknown
from governance.identity import require
from governance.policy import Comparison, PolicyVersion, Replay, replay_turns
from governance.policy.versions import MAX_TEXT_BYTES, MAX_WHY_CHARS, Transition
from governance.schema import Actor, Resource
from governance.wiring import Workbench

router = APIRouter(prefix="/policies", tags=["policies"], responses=DOCUMENTED)

REPLAYED = 1_000  # of the newest turns
Why = Annotated[str, Field(min_length=1, max_length=MAX_WHY_CHARS)]


class Strict(BaseModel):
    """A request's body; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Proposal(Strict):
    """A draft: a document of rules and its cases, both YAML, and why."""

    rules: Annotated[str, Field(min_length=1, max_length=MAX_TEXT_BYTES)]
    cases: Annotated[str, Field(max_length=MAX_TEXT_BYTES)] = ""
    why: Why


class Reason(Strict):
    """Why a step is taken; the ledger keeps it."""

    why: Why


class RunningPolicy(BaseModel):
    """What decides now.

    Attributes:
        problem: Why an active version does not run; empty when all do.
    """

    digest: str
    problem: str
    active: list[str]


class VersionItem(BaseModel):
    """A version in a list."""

    id: str
    policy: str
    number: int
    state: str
    history: list[Transition]


class VersionAnswer(VersionItem):
    """A version with its text."""

    rules: str
    cases: str


class ReplayedEffect(BaseModel):
    """How many past turns were decided one way and would be decided another."""

    recorded: str
    under_the_draft: str
    turns: int


class CheckAnswer(BaseModel):
    """What a version would change, and what keeps it from being agreed to.

    Attributes:
        comparison: Against the policy that runs; null when the draft does not load.
        replayed: How many of the newest turns were decided again.
    """

    problems: list[str]
    cases: int
    comparison: Comparison | None
    replayed: int
    effects: list[ReplayedEffect]


@router.get("")
def list_versions(actor: Acting, bench: Bench) -> list[VersionItem]:
    """List every version, newest first."""
    require(actor, "policy.view", Resource("policy"))
    return [VersionItem(**_item(version)) for version in bench.records.policies.all()]


@router.get("/running")
def get_running(actor: Acting, bench: Bench) -> RunningPolicy:
    """Say what decides now."""
    require(actor, "policy.view", Resource("policy"))
    engine = bench.governance.for_turn()
    active = [version.id for version in bench.records.policies.active()]
    return RunningPolicy(digest=engine.policy_digest, problem=engine.policy_problem, active=active)


@router.get("/{version_id}")
def get_version(version_id: str, actor: Acting, bench: Bench) -> VersionAnswer:
    """Read one version, with its text."""
    return _answer(_found(version_id, actor, bench))


@router.get("/{version_id}/check")
def check_version(version_id: str, actor: Acting, bench: Bench) -> CheckAnswer:
    """Say what a version would change, in decisions and in past turns."""
    _found(version_id, actor, bench)
    require(actor, "policy.edit", Resource("policy", version_id))
    check = bench.records.policies.check(version_id, places=bench.governance.places)
    replay = replay_turns(bench.records.ledger, check.policy, limit=REPLAYED) if check.policy else None
    return CheckAnswer(
        problems=list(check.problems),
        cases=check.cases,
        comparison=check.comparison,
        replayed=replay.turns if replay else 0,
        effects=_effects(replay) if replay else [],
    )


@router.post("", status_code=201)
def propose(body: Proposal, actor: Acting, bench: Bench) -> VersionAnswer:
    """Record a draft of a document of rules."""
    return _answer(bench.records.policies.propose(actor, rules=body.rules, cases=body.cases, why=body.why))


@router.post("/{version_id}/review")
def review(version_id: str, body: Reason, actor: Acting, bench: Bench) -> VersionAnswer:
    """Agree to somebody else's draft."""
    _found(version_id, actor, bench)
    return _answer(bench.records.policies.review(actor, version_id, why=body.why, places=bench.governance.places))


@router.post("/{version_id}/activate")
def activate(version_id: str, body: Reason, actor: Acting, bench: Bench) -> VersionAnswer:
    """Put a reviewed version in force from the next turn on."""
    _found(version_id, actor, bench)
    return _answer(bench.records.policies.activate(actor, version_id, why=body.why, places=bench.governance.places))


@router.post("/{version_id}/retire")
def retire(version_id: str, body: Reason, actor: Acting, bench: Bench) -> VersionAnswer:
    """Take a version out of force, or a draft back."""
    _found(version_id, actor, bench)
    return _answer(bench.records.policies.retire(actor, version_id, why=body.why))


def _found(version_id: str, actor: Actor, bench: Workbench) -> PolicyVersion:
    require(actor, "policy.view", Resource("policy", version_id))
    with not_found_if_unknown():
        return bench.records.policies.get(version_id)


def _item(version: PolicyVersion) -> dict[str, object]:
    return {
        "id": version.id,
        "policy": version.policy,
        "number": version.number,
        "state": version.state,
        "history": list(version.history),
    }


def _answer(version: PolicyVersion) -> VersionAnswer:
    return VersionAnswer(**_item(version), rules=version.text.rules, cases=version.text.cases)


def _effects(replay: Replay) -> list[ReplayedEffect]:
    return [
        ReplayedEffect(recorded=before, under_the_draft=after, turns=turns)
        for (before, after), turns in replay.effects.items()
    ]
