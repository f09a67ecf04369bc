"""`promethios datasets`: list, show, add, remove."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from apps.commands.opening import opened_records, opened_workbench, out
from core.datasets.catalog import get_dataset, list_chunks, list_datasets

if TYPE_CHECKING:
    from core.datasets.dataset_manager import Progress as Step

app = typer.Typer(no_args_is_help=True, help="The datasets that agents answer from.")


@app.command("list")
def list_all() -> None:
    """Show the datasets."""
    with opened_records() as records:
        table = Table("Id", "Title", "Category", "Tier", "Chunks", "Licence", "Labels", title="Datasets")
        for each in list_datasets(records.store):
            labels = ", ".join(each.labels) or "-"
            table.add_row(each.id, each.title, each.category, each.tier, str(each.chunks), each.licence, labels)
        out.print(table if table.row_count else "No dataset yet. `promethios datasets add FOLDER` adds one.")


@app.command()
def show(dataset_id: str, chunks: Annotated[int, typer.Option(help="How many chunks to print.")] = 3) -> None:
    """Show a dataset and its first chunks."""
    with opened_records() as records:
        dataset = get_dataset(records.store, dataset_id)
        out.print(f"[bold]{dataset.title}[/]\n{dataset.description}")
        out.print(f"Version {dataset.active_version}, {dataset.documents} documents, {dataset.chunks} chunks\n")
        for chunk in list_chunks(records.store, dataset_id, offset=0, limit=chunks):
            out.print(f"[dim]{chunk.document} > {chunk.place}[/]\n{chunk.text}\n", markup=True)


@app.command()
def add(paths: Annotated[list[Path], typer.Argument(help="Folders that hold a dataset.yaml and files.")]) -> None:
    """Read, chunk, embed and index datasets; unchanged ones are left as they are."""
    with opened_workbench() as workbench, _bar() as bar:
        task = bar.add_task("Reading…", total=None)

        def show_step(step: "Step") -> None:
            bar.update(task, description=f"{step.dataset_id}: {step.stage}", completed=step.done, total=step.total)

        for path in paths:
            done = workbench.datasets.ingest(path, progress=show_step)
            bar.console.print(f"{done.id}: {done.documents} documents, {done.chunks} chunks")


@app.command()
def remove(dataset_id: str) -> None:
    """Take a dataset out of the catalog and both indexes."""
    with opened_workbench() as workbench:
        workbench.datasets.remove(dataset_id)
        out.print(f"Removed {dataset_id}. Past turns keep the digests of what they cited.")


def _bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, transient=True)
