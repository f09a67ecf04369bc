"""`promethios agents`: list, create, retire."""

from typing import Annotated

import typer
from pydantic import ValidationError
from rich.table import Table

from apps.commands.opening import acting, opened_records, opened_workbench, out
from governance.agents import AgentDraft
from governance.errors import InputError

app = typer.Typer(no_args_is_help=True, help="The governed agents.")
AsUser = Annotated[str, typer.Option("--as", help="The user who acts.")]


@app.command("list")
def list_agents() -> None:
    """Show the agents in use."""
    with opened_records() as records:
        table = Table("Name", "Domain", "Level", "Profile", "Adapter", "Datasets", "Id", title="Agents")
        for agent in records.agents.list():
            table.add_row(
                agent.name,
                agent.domain,
                agent.level,
                agent.profile,
                agent.adapter or "-",
                str(len(agent.dataset_ids)),
                agent.id,
            )
        out.print(table if table.row_count else "No agent yet. `promethios agents create` makes one.")


@app.command()
def create(
    name: str,
    purpose: Annotated[str, typer.Option(help="What the agent is for, in a sentence or two.")],
    dataset: Annotated[list[str] | None, typer.Option(help="Id of a dataset it may use; repeat for more.")] = None,
    level: Annotated[str, typer.Option(help="standard, enhanced or maximum.")] = "standard",
    style: Annotated[str, typer.Option(help="balanced, brief, bullets or plain-language.")] = "balanced",
    domain: Annotated[str, typer.Option(help="general, healthcare, financial or legal.")] = "general",
    allow: Annotated[
        list[str] | None, typer.Option(help="A public e-mail address or phone number to let pass; repeat for more.")
    ] = None,
    scope: Annotated[str, typer.Option(help="open, or stated: answer only what it is for.")] = "open",
    used_for: Annotated[
        str | None, typer.Option(help="The purpose that data has to be usable for, such as customer-support.")
    ] = None,
    profile: Annotated[str | None, typer.Option(help="Model profile; the one in force when unset.")] = None,
    adapter: Annotated[str | None, typer.Option(help="Name of a LoRA adapter.")] = None,
    user: AsUser = "admin",
) -> None:
    """Create an agent."""
    with opened_workbench() as workbench:
        try:
            draft = AgentDraft.model_validate(
                {
                    "name": name,
                    "purpose": purpose,
                    "profile": profile or workbench.native_llm.engine.info.profile,
                    "adapter": adapter,
                    "level": level,
                    "style": style,
                    "domain": domain,
                    "allow": allow or (),
                    "scope": scope,
                    "used_for": used_for,
                    "dataset_ids": dataset or (),
                }
            )
        except ValidationError as exc:
            problems = "; ".join(f"{each['loc'][0]}: {each['msg']}" for each in exc.errors(include_input=False))
            raise InputError(f"The agent can't be created: {problems}.") from exc
        agent = workbench.create_agent(acting(workbench.records, user), draft)
        out.print(f"Created {agent.name} ({agent.id}). Chat with it: promethios chat {agent.name!r}")


@app.command()
def retire(agent_id: str, user: AsUser = "admin") -> None:
    """Take an agent out of use; its turns stay in the ledger."""
    with opened_records() as records:
        records.agents.retire(acting(records, user), agent_id)
        out.print("Retired. Its turns stay in the ledger.")
