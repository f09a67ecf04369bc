"""Health: is the process alive, and can it answer turns. Open to everyone, so it names parts and nothing else."""

import logging
from collections.abc import Callable
from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel

from apps.api.dependencies import Bench
from core.datasets.catalog import count_datasets
from core.errors import CoreError
from governance.errors import GovernanceError, VerificationError
from governance.wiring import Workbench

router = APIRouter(prefix="/health", tags=["health"])
LIVE, READY = "/health/live", "/health/ready"

log = logging.getLogger(__name__)


class Live(BaseModel):
    """The process answers."""

    status: Literal["live"] = "live"


class Ready(BaseModel):
    """Whether turns can be answered.

    Attributes:
        missing: Parts that don't work; why stands in the server's log.
    """

    ready: bool
    missing: list[str]


@router.get("/live")
async def live() -> Live:
    """Say that the process answers."""
    return Live()


@router.get("/ready", responses={503: {"model": Ready, "description": "A part does not work"}})
def ready(bench: Bench, response: Response) -> Ready:
    """Look at every part that a turn needs."""
    missing = missing_parts(bench)
    response.status_code = 503 if missing else 200
    response.headers["cache-control"] = "no-store"
    return Ready(ready=not missing, missing=missing)


def missing_parts(bench: Workbench) -> list[str]:
    """Return the names of the parts of a turn that don't work."""
    return [name for name, works in _parts(bench).items() if not _works(name, works)]


def _parts(bench: Workbench) -> dict[str, Callable[[], object]]:
    return {
        "database": lambda: _write_nothing(bench),
        "ledger": lambda: _read_ledger(bench),
        "policies": lambda: bench.governance.policy_digest,
        "engine": lambda: bench.native_llm.engine.info,
        "catalog": lambda: count_datasets(bench.records.store),
    }


def _write_nothing(bench: Workbench) -> None:
    with bench.records.store.write():
        pass


def _read_ledger(bench: Workbench) -> None:
    """Look whether the ledger can be read, and what its last verification in the background found.

    Raises:
        VerificationError: It found something wrong.
    """
    bench.records.ledger.latest_checkpoint()
    last = bench.records.last_examination()
    if last is not None and last.problem:
        raise VerificationError(last.problem)


def _works(name: str, look: Callable[[], object]) -> bool:
    try:
        look()
    except (CoreError, GovernanceError):
        log.exception("%s is not ready", name)
        return False
    return True
