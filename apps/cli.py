"""The `promethios` command: a thin layer over governance and core; a file per noun in `apps/commands`."""

from typing import Annotated

import typer

from apps.commands import (
    adapters,
    agents,
    backup,
    datasets,
    datasets_catalog,
    doctor,
    evaluate,
    keys,
    ledger,
    models,
    policy,
    policy_versions,
    review,
    users,
)
from apps.commands.chat import chat
from apps.commands.reveal import reveal
from apps.commands.up import up
from core import VERSION

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="The workbench for natively governed LLM agents.",
)
app.command()(up)
app.command()(chat)
app.add_typer(agents.app, name="agents")
datasets.app.add_typer(datasets_catalog.app)
app.add_typer(datasets.app, name="datasets")
app.add_typer(users.app, name="users")
app.add_typer(keys.app, name="keys")
app.add_typer(ledger.app, name="ledger")
app.add_typer(ledger.receipt_app, name="receipt")
app.command()(reveal)
policy.app.add_typer(policy_versions.app)
app.add_typer(policy.app, name="policy")
app.add_typer(review.app, name="review")
app.add_typer(models.app, name="models")
app.add_typer(models.train_app, name="train")
app.add_typer(evaluate.app, name="eval")
models.train_app.command("adapters")(adapters.train)
app.command("verify")(ledger.verify_file)
app.command()(doctor.doctor)
app.command()(backup.backup)
app.command()(backup.restore)


@app.callback(invoke_without_command=True)
def version(
    show: Annotated[bool, typer.Option("--version", help="Print the version and leave.", is_eager=True)] = False,
) -> None:
    """Print the version when asked."""
    if show:
        typer.echo(VERSION)
        raise typer.Exit


def main() -> None:
    """Run the command line."""
    app()
