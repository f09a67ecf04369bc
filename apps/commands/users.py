"""`promethios users`: list, create, set-role, disable, reset-password, erase."""

from typing import Annotated

import typer
from rich.table import Table

from apps.commands.opening import acting, opened_records, out
from governance.errors import InputError
from governance.records import Records
from governance.schema import ROLES, UserRole

app = typer.Typer(no_args_is_help=True, help="The people who sign in.")
AsUser = Annotated[str, typer.Option("--as", help="The administrator who acts.")]
Password = Annotated[
    str, typer.Option(prompt=True, confirmation_prompt=True, hide_input=True, help="At least 12 characters.")
]


@app.command("list")
def list_users() -> None:
    """Show all users."""
    with opened_records() as records:
        table = Table("Name", "Role", "Signs in with", "State", "Id", title="Users")
        for user in records.identity.list_users():
            state = (
                "disabled" if user.disabled_at else "has to choose a password" if user.must_change_password else "ok"
            )
            table.add_row(user.name, user.role, "OpenID Connect" if user.by_oidc else "password", state, user.id)
        out.print(table if table.row_count else "No user yet. `promethios up` creates the first admin.")


@app.command()
def create(name: str, role: Annotated[str, typer.Option()], password: Password, user: AsUser = "admin") -> None:
    """Create a user."""
    with opened_records() as records:
        made = records.identity.create_user(
            acting(records, user), name=name, password=password, role=_role(role), must_change_password=True
        )
        out.print(f"Created {made.name} ({made.role}), who chooses a new password at the first sign-in.")


@app.command("set-role")
def set_role(name: str, role: str, user: AsUser = "admin") -> None:
    """Give a user another role."""
    with opened_records() as records:
        changed = records.identity.set_role(acting(records, user), _id_of(records, name), _role(role))
        out.print(f"{changed.name} is now {changed.role}.")


@app.command()
def disable(name: str, user: AsUser = "admin") -> None:
    """Keep a user from signing in; every session and key of theirs ends."""
    with opened_records() as records:
        records.identity.disable_user(acting(records, user), _id_of(records, name))
        out.print(f"{name} can no longer sign in.")


@app.command("reset-password")
def reset_password(name: str, user: AsUser = "admin") -> None:
    """Give a user a one-time password."""
    with opened_records() as records:
        password = records.identity.reset_password(acting(records, user), _id_of(records, name))
        out.print(f"One-time password of {name}, shown this once: {password}", highlight=False, markup=False)


@app.command()
def erase(
    name: str,
    yes: Annotated[str, typer.Option("--confirm", help="The user's name again.")],
    user: AsUser = "admin",
) -> None:
    """Destroy the key of a user's content: messages, answers, titles. The ledger still verifies. Can't be undone."""
    with opened_records() as records:
        if yes != name:
            raise InputError(f"Nothing was erased: --confirm must be the user's name, {name!r}.")
        actor = acting(records, user)
        erased = records.erase_subject(actor, _id_of(records, name))
        out.print(f"Erased {erased} contents of {name}. The ledger keeps digests alone.")


def _id_of(records: Records, name: str) -> str:
    return acting(records, name).id


def _role(text: str) -> UserRole:
    for role in ROLES:
        if role == text:
            return role
    raise InputError(f"There is no role {text!r}; there are {', '.join(ROLES)}.")
