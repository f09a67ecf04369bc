"""Fixtures of the apps: one served workbench for all their tests."""

from collections.abc import Iterator

import pytest

from governance.schema import AgentView
from tests.apps.live import Live, open_live, write_dataset


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A served workbench with an admin, a builder "bea", a reviewer "rex", and the members "mia" and "max"."""
    folder = tmp_path_factory.mktemp("live")
    with open_live(folder / "home") as opened:
        for name, role in (("bea", "builder"), ("rex", "reviewer"), ("mia", "member"), ("max", "member")):
            opened.add_person(name, role=role)
        opened.workbench.datasets.ingest(write_dataset(folder / "cafe-rules"))
        yield opened


@pytest.fixture(scope="session")
def echo(live: Live) -> AgentView:
    """An agent without datasets: it repeats what it is told."""
    return live.add_agent("Echo")


@pytest.fixture(scope="session")
def cafe(live: Live) -> AgentView:
    """An agent with the dataset `cafe-rules`: it quotes the best passage."""
    return live.add_agent("Café", datasets=["cafe-rules"])


@pytest.fixture(autouse=True)
def _quick_engine(request: pytest.FixtureRequest) -> Iterator[None]:
    """Leave the engine and the clock as the next test expects them."""
    yield
    if "live" in request.fixturenames:
        opened: Live = request.getfixturevalue("live")
        opened.engine.pause_s = 0.0
        opened.engine.closed_early.clear()
