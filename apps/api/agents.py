"""Agents: list, read, create, change, retire."""

from fastapi import APIRouter

from apps.api.dependencies import Acting, Bench
from apps.api.errors import DOCUMENTED, not_found_if_unknown
from governance.agents import AgentDraft
from governance.identity import require
from governance.schema import AgentView, Resource

router = APIRouter(prefix="/agents", tags=["agents"], responses=DOCUMENTED)


@router.get("")
def list_agents(actor: Acting, bench: Bench, retired: bool = False) -> list[AgentView]:
    """List the agents in use, or the retired ones, by name."""
    require(actor, "agent.view", Resource("agent"))
    return bench.records.agents.list(retired=retired)


@router.get("/{agent_id}")
def get_agent(agent_id: str, actor: Acting, bench: Bench) -> AgentView:
    """Read one agent, retired ones included."""
    require(actor, "agent.view", Resource("agent", agent_id))
    with not_found_if_unknown():
        return bench.records.agents.get(agent_id)


@router.post("", status_code=201)
def create_agent(draft: AgentDraft, actor: Acting, bench: Bench) -> AgentView:
    """Create an agent that this workbench can run."""
    return bench.create_agent(actor, draft)


@router.put("/{agent_id}")
def update_agent(agent_id: str, draft: AgentDraft, actor: Acting, bench: Bench) -> AgentView:
    """Replace what a person decided about an agent; past turns keep what they ran with."""
    get_agent(agent_id, actor, bench)
    return bench.records.agents.update(actor, agent_id, draft)


@router.delete("/{agent_id}", status_code=204)
def retire_agent(agent_id: str, actor: Acting, bench: Bench) -> None:
    """Take an agent out of use; its turns stay."""
    get_agent(agent_id, actor, bench)
    bench.records.agents.retire(actor, agent_id)
