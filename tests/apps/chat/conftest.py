"""Fixtures of the chat screens: their handlers on the served workbench, as plain functions."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from apps.chat.chat_screen import ChatScreen
from apps.chat.frames import View
from governance.schema import Actor, AgentView
from tests.apps.live import CARD, Live

GARDEN = (
    "# Garden rules\n\n## Watering\n\nThe garden is watered at seven.\n\n## Tools\n\nTools are cleaned after use.\n"
)
HOSTILE = (
    '# Signs\n\n## The odd sign\n\nThe odd sign says <img src=x onerror="window.hacked=1"> and '
    "[win](javascript:window.hacked=1) in red letters.\n"
)


@pytest.fixture(scope="session", autouse=True)
def _collect_event_loops() -> Iterator[None]:
    """Collect the event loops that Gradio leaves while the filters against their warnings still hold."""
    yield
    gc.collect()


@pytest.fixture
def screen(live: Live) -> ChatScreen:
    return ChatScreen(live.workbench)


@pytest.fixture
def view() -> View:
    return View()


@pytest.fixture(scope="session")
def mia(live: Live) -> Actor:
    return live.people["mia"]


@pytest.fixture(scope="session")
def garden(live: Live, tmp_path_factory: pytest.TempPathFactory) -> AgentView:
    """An agent with a dataset of two headings."""
    _ingest(live, tmp_path_factory.mktemp("garden"), "garden-rules", GARDEN)
    return live.add_agent("Gardener", datasets=["garden-rules"])


@pytest.fixture(scope="session")
def signs(live: Live, tmp_path_factory: pytest.TempPathFactory) -> AgentView:
    """An agent with a dataset that holds HTML and a javascript: link."""
    _ingest(live, tmp_path_factory.mktemp("signs"), "odd-signs", HOSTILE, label="planted-injection")
    return live.add_agent("Sign reader", datasets=["odd-signs"])


def _ingest(live: Live, folder: Path, dataset_id: str, text: str, *, label: str = "") -> None:
    card = CARD.replace("cafe-rules", dataset_id).replace("Café rules", dataset_id)
    (folder / "dataset.yaml").write_text(card.replace("labels: []", f"labels: [{label}]"))
    (folder / "rules.md").write_text(text)
    live.workbench.datasets.ingest(folder)
