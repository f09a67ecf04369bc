import pytest

from apps.chat.agents_screen import AgentsScreen
from apps.chat.frames import Sent, View
from governance.errors import AccessDenied
from governance.schema import AgentView
from tests.apps.live import Live


@pytest.fixture
def agents_screen(live: Live) -> AgentsScreen:
    return AgentsScreen(live.workbench.records)


def test_cards_say_what_an_agent_is_for_and_how_strict_it_is(
    agents_screen: AgentsScreen, live: Live, cafe: AgentView
) -> None:
    drawn = agents_screen.agents(live.people["mia"], Sent(), View()).agents or ""
    for fact in (cafe.name, cafe.purpose, "Standard governance", "1 dataset"):
        assert fact in drawn


def test_only_those_who_may_see_create_and_retire(agents_screen: AgentsScreen, live: Live, cafe: AgentView) -> None:
    member = agents_screen.agents(live.people["mia"], Sent(), View()).agents or ""
    assert "Create agent" not in member
    assert 'data-do="retire"' not in member
    builder = agents_screen.agents(live.people["bea"], Sent(), View()).agents or ""
    assert "Create agent" in builder
    assert f'data-do="retire" data-agent="{cafe.id}"' not in builder
    admin = agents_screen.agents(live.people["admin"], Sent(), View()).agents or ""
    assert f'data-do="retire" data-agent="{cafe.id}"' in admin


def test_retiring_takes_an_agent_off_the_page(agents_screen: AgentsScreen, live: Live) -> None:
    agent = live.add_agent("Soon gone")
    frame = agents_screen.retire(live.people["admin"], Sent(agent=agent.id), View())
    assert "Soon gone" not in (frame.agents or "")
    assert "Soon gone" not in (frame.sidebar or "")


def test_retiring_somebody_elses_agent_is_refused(agents_screen: AgentsScreen, live: Live, cafe: AgentView) -> None:
    with pytest.raises(AccessDenied):
        agents_screen.retire(live.people["bea"], Sent(agent=cafe.id), View())
    assert cafe.id in {agent.id for agent in live.workbench.records.agents.list()}
