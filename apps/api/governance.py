"""GET /governance/{agent_id}: counts and rates of what governance did for one agent."""

from typing import Annotated

from fastapi import APIRouter, Query

from apps.api.dependencies import Acting, Bench
from apps.api.errors import DOCUMENTED, not_found_if_unknown
from governance.identity import require
from governance.metrics import GovernanceFigures
from governance.schema import Resource

router = APIRouter(prefix="/governance", tags=["governance"], responses=DOCUMENTED)


@router.get("/{agent_id}")
def get_governance(
    agent_id: str, actor: Acting, bench: Bench, days: Annotated[int, Query(ge=1, le=3650)] = 30
) -> GovernanceFigures:
    """Count an agent's turns, violations, refusals, masks and escalations over the last days."""
    require(actor, "scorecard.view", Resource("scorecard", agent_id))
    with not_found_if_unknown():
        bench.records.agents.get(agent_id)
    return bench.records.metrics.governance(agent_id, days=days)
