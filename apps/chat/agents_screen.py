"""The agents screen: what each agent is for and how strictly it is governed; chat with one, or retire one's own."""

from apps.chat.badges import count
from apps.chat.drawing import draw
from apps.chat.frames import Frame, Sent, View
from apps.chat.sidebar import LEVEL_WORDS, draw_sidebar
from governance.identity import authorize
from governance.records import Records
from governance.schema import Actor, Resource


class AgentsScreen:
    """The handlers of the agents screen."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def agents(self, actor: Actor, sent: Sent, view: View) -> Frame:
        """Show all agents in use."""
        return Frame(agents=draw_agents(self._records, actor))

    def retire(self, actor: Actor, sent: Sent, view: View) -> Frame:
        """Take an agent out of use; only its owner or an admin may."""
        self._records.agents.retire(actor, sent.agent)
        sidebar = draw_sidebar(self._records, actor, agent_id="", conversation_id=view.conversation_id)
        return Frame(agents=draw_agents(self._records, actor), sidebar=sidebar)


def may_create(actor: Actor) -> bool:
    """Say whether an actor may create agents."""
    return authorize(actor, "agent.create", Resource("agent")).allowed


def draw_agents(records: Records, actor: Actor) -> str:
    """Return the cards of all agents in use."""
    agents = records.agents.list()
    editable = {a.id for a in agents if authorize(actor, "agent.edit", Resource("agent", a.id, a.owner_id)).allowed}
    return draw(
        "agents", agents=agents, editable=editable, may_create=may_create(actor), levels=LEVEL_WORDS, count=count
    )
