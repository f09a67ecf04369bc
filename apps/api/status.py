"""GET /status: what runs, and how much there is."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel

import core
from apps.api.dependencies import Acting, Bench
from apps.api.errors import DOCUMENTED
from core.datasets.catalog import count_datasets
from core.schema import ModelInfo
from governance.identity import require
from governance.records import utc_now
from governance.schema import Resource

router = APIRouter(tags=["status"], responses=DOCUMENTED)


class Status(BaseModel):
    """What runs now.

    Attributes:
        rails: Name of each rail and what identifies its rules.
        ledger_entries: Sealed entries so far.
    """

    version: str
    model: ModelInfo
    policy_digest: str
    rails: dict[str, str]
    agents: int
    datasets: int
    ledger_entries: int
    ledger_key: str
    at: datetime


@router.get("/status")
def status(actor: Acting, bench: Bench) -> Status:
    """Say what runs and how much there is."""
    require(actor, "agent.view", Resource("installation"))
    records = bench.records
    return Status(
        version=core.VERSION,
        model=bench.native_llm.engine.info,
        policy_digest=bench.governance.policy_digest,
        rails=bench.governance.rail_versions,
        agents=len(records.agents.list()),
        datasets=count_datasets(records.store),
        ledger_entries=records.ledger.size(),
        ledger_key=records.ledger.key,
        at=utc_now(),
    )
