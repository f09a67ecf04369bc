"""`promethios doctor`: what is in force, what is reachable, what is missing and how to get it."""

import typer
from rich.table import Table

from apps.commands.opening import helpful_errors, out
from core.config import load_settings


def doctor() -> None:
    """Look at the whole installation; exit code 1 when something is missing."""
    from governance.doctor import examine, settings_in_force  # keeps torch out of the commands that need no model

    with helpful_errors():
        settings = load_settings()
        table = Table("Setting", "In force", title="Settings (docs/settings.md explains each)")
        for name, value in settings_in_force(settings):
            table.add_row(name, value)
        out.print(table)
        checks = examine(settings)
        for check in checks:
            mark = "[red]missing[/]" if check.problem else "[green]ok[/]     "
            out.print(f"{mark}  {check.name}: {check.problem or check.found}", highlight=False)
        if any(check.problem for check in checks):
            raise typer.Exit(1)
        out.print("Everything that the workbench needs is here.")
