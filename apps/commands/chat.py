"""`promethios chat`: a conversation with an agent in the terminal, through the same door as every app."""

from typing import TYPE_CHECKING, Annotated

import typer

from apps.commands.opening import acting, opened_workbench, out
from governance.errors import InputError
from governance.schema import Actor, AgentView, EvidenceFound, Released, TurnClosed

if TYPE_CHECKING:
    from governance.wiring import Workbench


def chat(
    agent: Annotated[str, typer.Argument(help="Name or id of the agent.")],
    question: Annotated[str | None, typer.Argument(help="One question; without it, a conversation.")] = None,
    user: Annotated[str, typer.Option("--as", help="The user who chats.")] = "admin",
) -> None:
    """Chat with an agent."""
    with opened_workbench() as workbench:
        actor = acting(workbench.records, user)
        view = _find(workbench, agent)
        conversation = workbench.records.conversations.start(actor, view.id)
        if question is not None:
            _turn(workbench, actor, conversation, question)
            return
        out.print(f"[bold]{view.name}[/]: {view.purpose}\n[dim]An empty line ends the conversation.[/]")
        while line := out.input("[bold]> [/]").strip():
            _turn(workbench, actor, conversation, line)


def _find(workbench: "Workbench", agent: str) -> AgentView:
    for each in workbench.records.agents.list():
        if agent in (each.id, each.name):
            return each
    raise InputError(f"There is no agent {agent!r}. `promethios agents list` shows them.")


def _turn(workbench: "Workbench", actor: Actor, conversation: str, question: str) -> None:
    sources: list[str] = []
    for event in workbench.dialogue.ask(actor, conversation, question):
        if isinstance(event, EvidenceFound):
            sources = [f"  [{e.number}] {e.dataset_title}: {e.document} > {e.place}" for e in event.evidence]
        elif isinstance(event, Released):
            out.print(event.text, end="", markup=False, highlight=False, soft_wrap=True)
        elif isinstance(event, TurnClosed):
            out.print()
            cited = event.record.get("cited", [])
            for number in cited:
                out.print(sources[number - 1], style="dim", markup=False, highlight=False)
            decision = event.decision
            out.print(f"  {event.outcome} · {decision.rule_id} · turn {event.turn_id}", style="dim", highlight=False)
