"""`promethios reveal`: what the placeholders of a turn stand for."""

from typing import Annotated

import typer
from rich.table import Table

from apps.commands.opening import acting, helpful_errors, opened_records, out
from governance.placeholders import reveal_placeholders


def reveal(
    turn: Annotated[str, typer.Argument(help="A turn's id, as its receipt names it.")],
    reason: Annotated[str, typer.Option(help="Why; it is recorded.")],
    user: Annotated[str, typer.Option("--as", help="The administrator or reviewer who looks.")] = "admin",
) -> None:
    """Show what the placeholders of a turn stand for; who looked, and why, goes into the ledger."""
    with helpful_errors(), opened_records() as records:
        values = reveal_placeholders(records.ledger, records.vault, acting(records, user), turn, reason=reason)
        table = Table("Placeholder", "Stands for")
        for placeholder, value in values.items():
            table.add_row(placeholder, value)
        out.print(table if values else "This turn has no placeholders.", markup=False)
