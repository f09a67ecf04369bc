"""Opening what commands work on; errors become one helpful sentence.

The command line trusts whoever can read the data folder: it acts as the user that is named, an admin by default.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from core.config import load_settings
from core.errors import CoreError
from governance.errors import GovernanceError
from governance.records import Records, open_records
from governance.schema import Actor

if TYPE_CHECKING:
    from governance.wiring import Workbench

out = Console()
err = Console(stderr=True)


@contextmanager
def helpful_errors() -> Iterator[None]:
    """Turn our own errors into a sentence on standard error and exit code 1."""
    try:
        yield
    except (CoreError, GovernanceError) as exc:
        err.print(f"[bold red]Error:[/] {exc}", highlight=False)
        raise typer.Exit(1) from exc


@contextmanager
def opened_records() -> Iterator[Records]:
    """Open the records with the settings in force; no model is loaded."""
    with helpful_errors():
        records = open_records(load_settings())
        try:
            yield records
        finally:
            records.close()


@contextmanager
def opened_workbench() -> Iterator["Workbench"]:
    """Open everything, with the model."""
    from governance.wiring import open_workbench  # keeps torch out of the commands that need no model

    with helpful_errors():
        with err.status("Loading the model…"):
            workbench = open_workbench(load_settings())
        try:
            yield workbench
        finally:
            workbench.close()


def acting(records: Records, name: str) -> Actor:
    """Return the named user as the one who acts."""
    for user in records.identity.list_users():
        if user.name == name:
            return Actor(id=user.id, name=user.name, role=user.role)
    raise typer.BadParameter(f"There is no user named {name!r}. `promethios users list` shows them.")
