"""The sidebar and the header: agents to pick, the person's conversations, their account, and who is being asked."""

from dataclasses import dataclass

from apps.chat.badges import count
from apps.chat.drawing import draw
from governance.identity import authorize
from governance.records import Records
from governance.schema import Actor, AgentView, Resource

LEVEL_WORDS = {
    "standard": "Masks personal data and secrets; refuses harm and attempts to misuse the agent.",
    "enhanced": "Standard, and: answers only by quoting its sources; mentions of harm go to a person first.",
    "maximum": "Enhanced, and: refuses card, bank and health numbers, secrets and mentions of harm.",
}
DOMAIN_WORDS = {
    "general": "The rules of every agent.",
    "healthcare": "Also: no medical advice without a notice; emergencies go to a person at once.",
    "financial": "Also: no financial advice without a notice; from enhanced on, card numbers are refused.",
    "legal": "Also: no legal advice without a notice; from enhanced on, a person sees personal cases first.",
}
SCOPE_WORDS = {
    "open": "It answers whatever it can.",
    "stated": "It says kindly what it is for when a question is about something else.",
}


@dataclass(frozen=True, slots=True)
class Account:
    """The account menu: where the dashboard is, and what the sign-out form sends along."""

    actor: Actor
    dashboard_url: str
    csrf: str


def draw_sidebar(records: Records, actor: Actor, *, agent_id: str, conversation_id: str | None) -> str:
    """Return the sidebar with an agent and a conversation picked out."""
    agents = records.agents.list()
    return draw(
        "sidebar",
        agents=agents,
        names={agent.id: agent.name for agent in agents},
        conversations=records.conversations.list(actor),
        agent_id=agent_id,
        conversation_id=conversation_id,
    )


def draw_header(agent: AgentView) -> str:
    """Return the line that says who answers."""
    return draw(
        "header", agent=agent, level=LEVEL_WORDS[agent.level], datasets=count(len(agent.dataset_ids), "dataset")
    )


def draw_account(account: Account) -> str:
    """Return the account menu."""
    may_read = authorize(account.actor, "scorecard.view", Resource("scorecard")).allowed
    return draw("account", account=account, may_read_scores=may_read)
