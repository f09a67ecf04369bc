"""The scorecard of an agent or of the whole installation, computed from the ledger at the moment of asking."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from apps.api.dependencies import Acting, Bench
from apps.api.errors import DOCUMENTED, not_found_if_unknown
from governance.identity import require
from governance.metrics import GovernanceFigures
from governance.records import utc_now
from governance.schema import Actor, Resource
from governance.scorecard import Scorecard
from governance.wiring import Workbench

router = APIRouter(tags=["scorecard"], responses=DOCUMENTED)

Days = Annotated[int, Field(ge=1, le=3650)]


class ScorecardRequest(BaseModel):
    """Whose scorecard; without an agent, that of all agents together."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    agent_id: str | None = None
    days: Days = 30


class ScorecardAnswer(BaseModel):
    """A scorecard. A score with n = 0 is null: not measured.

    Attributes:
        governance: Counts and rates of the one agent; null for all agents together.
    """

    agent_id: str | None
    agent_name: str | None
    days: int
    generated_at: datetime
    scores: Scorecard
    governance: GovernanceFigures | None


@router.get("/scorecard")
def get_scorecard(
    actor: Acting, bench: Bench, agent_id: str | None = None, days: Annotated[Days, Query()] = 30
) -> ScorecardAnswer:
    """Compute a scorecard from the turns of the last days."""
    return _scorecard(agent_id, days, actor=actor, bench=bench)


@router.post("/scorecard")
def post_scorecard(body: ScorecardRequest, actor: Acting, bench: Bench) -> ScorecardAnswer:
    """Compute a scorecard, as GET does, from a JSON body."""
    return _scorecard(body.agent_id, body.days, actor=actor, bench=bench)


def _scorecard(agent_id: str | None, days: int, *, actor: Actor, bench: Workbench) -> ScorecardAnswer:
    require(actor, "scorecard.view", Resource("scorecard", agent_id))
    metrics, name = bench.records.metrics, None
    if agent_id is not None:
        with not_found_if_unknown():
            name = bench.records.agents.get(agent_id).name
    return ScorecardAnswer(
        agent_id=agent_id,
        agent_name=name,
        days=days,
        generated_at=utc_now(),
        scores=metrics.scorecard(agent_id=agent_id, days=days),
        governance=metrics.governance(agent_id, days=days) if agent_id is not None else None,
    )
