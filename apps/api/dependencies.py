"""What every endpoint is given: the workbench, and the actor that the guard found. Never from the body."""

from typing import Annotated

from fastapi import Depends, Request

from apps.guard import actor_of
from governance.schema import Actor
from governance.wiring import Workbench


def acting(request: Request) -> Actor:
    """Return who makes this request."""
    return actor_of(request)


def workbench_of(request: Request) -> Workbench:
    """Return the workbench that this app serves."""
    bench: Workbench = request.app.state.workbench
    return bench


Acting = Annotated[Actor, Depends(acting)]
Bench = Annotated[Workbench, Depends(workbench_of)]
