"""`promethios ledger` and `promethios receipt`: verify, export, checkpoint."""

import json
from pathlib import Path
from typing import Annotated

import typer

from apps.commands.opening import err, helpful_errors, opened_records, out
from governance.errors import VerificationError
from governance.ledger import (
    export_ledger,
    parse_rotations,
    read_export_key,
    rotate_key,
    verify_export,
    verify_ledger,
    verify_receipt,
)
from governance.records import utc_now

app = typer.Typer(no_args_is_help=True, help="The tamper-evident ledger.")
receipt_app = typer.Typer(no_args_is_help=True, help="Receipts of single turns.")


@app.command()
def verify(
    kept: Annotated[list[Path] | None, typer.Option(help="A checkpoint kept outside; repeat for more.")] = None,
) -> None:
    """Recompute the whole ledger and check every signature."""
    with opened_records() as records:
        witness = records.ledger.witness
        notes = [*[path.read_text() for path in kept or []], *(witness.notes() if witness else [])]
        verify_ledger(records.store, verifier_key=records.ledger.key, kept=notes)
        out.print(f"The ledger verifies: {records.ledger.size()} entries, {len(notes)} kept checkpoints.")
        if not notes:
            out.print("[dim]A cut tail shows only against a checkpoint kept elsewhere: promethios verifypoint[/]")


@app.command()
def checkpoint() -> None:
    """Print the latest signed checkpoint; keep it somewhere else."""
    with opened_records() as records:
        latest = records.ledger.latest_checkpoint()
        typer.echo(latest or "The ledger is empty: nothing to sign yet.", nl=latest is None)


@app.command()
def export(target: Path) -> None:
    """Write the entries, checkpoint and public key to a zip file that anyone can check."""
    with opened_records() as records:
        export_ledger(records.store, target, key=records.ledger.key)
        out.print(f"Exported to {target}. Check it anywhere: promethios verify {target} --key KEY.pub")
        out.print("[dim]Hand the key over by another way: promethios ledger key > KEY.pub[/]")


@app.command()
def key() -> None:
    """Print the public key that receipts and checkpoints verify with."""
    with opened_records() as records:
        typer.echo(records.ledger.key)


def verify_file(
    bundle: Path,
    key: Annotated[Path | None, typer.Option(help="Public key, from a place that you trust.")] = None,
) -> None:
    """Verify an exported ledger alone; needs no database and no network."""
    with helpful_errors():
        trusted = _read_text(key).strip() if key else read_export_key(bundle)
        verify_export(bundle, key=trusted)
        out.print("The exported ledger verifies.")
        if key is None:
            out.print(f"It is signed by {trusted}", highlight=False, soft_wrap=True)
            out.print("That key came with it and proves nothing: compare it with one that you got another way.")


@app.command("rotate-key")
def rotate() -> None:
    """Let a new key sign from now on; the old one signs it in and is destroyed. Start running servers anew then."""
    with opened_records() as records:
        before = records.ledger.key
        signer = rotate_key(records.settings.data_folder / "keys", records.store, clock=utc_now)
        out.print(f"Before: {before}\nNow:    {signer.verifier.vkey()}", highlight=False, soft_wrap=True)
        out.print("Start running servers again: until then they refuse, because the old key signs nothing more.")


@app.command()
def history() -> None:
    """Print the key rotations, signed notes as JSON; with them any of the ledger's keys verifies everything."""
    with opened_records() as records:
        typer.echo(json.dumps(records.ledger.rotations, ensure_ascii=False, indent=2))


@receipt_app.command("verify")
def verify_receipt_file(
    file: Path,
    key: Annotated[Path, typer.Option(help="Public key, from a place that you trust.")],
    history: Annotated[Path | None, typer.Option(help="Key rotations, from `promethios ledger history`.")] = None,
) -> None:
    """Verify a turn's receipt; needs no database and no network."""
    with helpful_errors():
        try:
            text = file.read_bytes()
        except OSError as exc:
            raise VerificationError(f"The receipt can't be read: {exc}.") from exc
        rotations = parse_rotations(_read_text(history)) if history else []
        verified = verify_receipt(text, key=_read_text(key).strip(), rotations=rotations)
        out.print(f"[green]Verified[/]: entry {verified.index} of {verified.size}, ledger {verified.origin}")
        body = verified.body
        for name in ("turn_id", "at", "outcome", "policy_digest", "prompt_digest", "released_digest"):
            err.print(f"  {name}: {body.get(name)}", highlight=False)


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise VerificationError(f"{path} can't be read: {exc}.") from exc
