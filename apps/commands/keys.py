"""`promethios keys`: API keys for client software."""

from datetime import timedelta
from typing import Annotated

import typer
from rich.table import Table

from apps.commands.opening import acting, opened_records, out
from governance.records import utc_now

app = typer.Typer(no_args_is_help=True, help="API keys, each for one user.")
AsUser = Annotated[str, typer.Option("--as", help="The user whose keys these are.")]


@app.command("list")
def list_keys(user: AsUser = "admin") -> None:
    """Show a user's keys."""
    with opened_records() as records:
        table = Table("Name", "Starts with", "Scopes", "Expires", "State", "Id", title=f"API keys of {user}")
        for key in records.identity.list_keys(acting(records, user)):
            state = "revoked" if key.revoked_at else "ok"
            table.add_row(key.name, key.prefix, ", ".join(key.scopes), f"{key.expires_at:%Y-%m-%d}", state, key.id)
        out.print(table if table.row_count else f"{user} has no key. `promethios keys create` makes one.")


@app.command()
def create(
    name: str,
    scope: Annotated[list[str], typer.Option(help="An action that the key may take, e.g. chat.use; repeat for more.")],
    days: Annotated[int, typer.Option(min=1, max=366, help="Life in days.")] = 90,
    user: AsUser = "admin",
) -> None:
    """Create a key; its secret is shown this once."""
    with opened_records() as records:
        actor = acting(records, user)
        made = records.identity.create_key(actor, name=name, scopes=scope, expires_at=utc_now() + timedelta(days=days))
        out.print(f"{made.secret}", highlight=False, markup=False)
        out.print("[dim]Keep it now: it is not shown again.[/]")


@app.command()
def revoke(key_id: str, user: AsUser = "admin") -> None:
    """End a key at once."""
    with opened_records() as records:
        records.identity.revoke_key(acting(records, user), key_id)
        out.print("Revoked.")
