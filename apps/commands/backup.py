"""`promethios backup` and `promethios restore`: everything in one file."""

from pathlib import Path
from typing import Annotated

import typer

from apps.commands.opening import helpful_errors, out
from core.config import load_settings


def backup(
    target: Path,
    keys: Annotated[bool, typer.Option(help="Include the keys; without them content can't be read again.")] = False,
) -> None:
    """Write tables, ledger and vectors to one file; the workbench may keep running."""
    from governance.archive import back_up  # keeps the index libraries out of the other commands

    with helpful_errors():
        manifest = back_up(load_settings(), target, keys=keys)
        out.print(f"Wrote {target}: {sum(manifest.rows.values())} rows, {manifest.vectors or 0} vectors.")
        if not keys:
            out.print("[dim]Keys are not in it: keep a copy of the folder keys/ somewhere safe, or use --keys.[/]")


def restore(
    source: Path,
    keys: Annotated[bool, typer.Option(help="Restore the keys too, if they are in the file.")] = False,
    replace: Annotated[bool, typer.Option(help="Delete what is there now.")] = False,
) -> None:
    """Fill an installation from a backup; stop the workbench first."""
    from governance.archive import bring_back  # keeps the index libraries out of the other commands

    with helpful_errors():
        manifest = bring_back(load_settings(), source, keys=keys, replace=replace)
        out.print(f"Restored {sum(manifest.rows.values())} rows of {manifest.created_at:%Y-%m-%d %H:%M} UTC.")
