"""`promethios datasets`: list, show, add, remove."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from apps.commands.ingest_bar import IngestBar
from apps.commands.opening import err, opened_records, opened_workbench, out
from core.datasets.catalog import get_dataset, list_chunks, list_datasets
from core.datasets.ingest.download import is_address, limits_of
from core.datasets.ingest.executor import open_executor
from core.datasets.ingest.naming import source_from, sources_at

if TYPE_CHECKING:
    from core.config import Settings
    from core.datasets.ingest.progress import Outcome
    from core.datasets.ingest.sources import Source

SHOWN_PROBLEMS = 5
SHOWN_REFUSALS = 20

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
def add(
    paths: Annotated[
        list[str], typer.Argument(help="Folders, files, ZIP archives, copies of collections, or addresses of files.")
    ],
    title: Annotated[str, typer.Option(help="Title of data that has no card.")] = "",
    licence: Annotated[str, typer.Option(help="Licence of data that has no card; unknown if not said.")] = "",
    tier: Annotated[str, typer.Option(help="Who may use data that has no card; internal if not said.")] = "",
    category: Annotated[str, typer.Option(help="Category of data that has no card.")] = "",
    skip_bad: Annotated[
        bool, typer.Option(help="Leave out rows and files that can't be read, and report them.")
    ] = False,
    sync: Annotated[bool, typer.Option(help="Retire datasets that are no longer in the collection.")] = False,
    workers: Annotated[int, typer.Option(min=0, max=64, help="Processes that read; 0 takes the setting.")] = 0,
    executor: Annotated[str, typer.Option(help="Where datasets are read: local or ray.")] = "local",
) -> None:
    """Read, check, embed and index datasets; unchanged ones are left as they are, an interrupted run goes on."""
    if executor not in ("local", "ray"):
        raise typer.BadParameter("The executor is local or ray.")
    said = {"title": title, "licence": licence, "tier": tier, "category": category}
    with opened_workbench() as workbench, TemporaryDirectory() as folder:
        found = _found(paths, Path(folder), workbench.records.settings, said)
        sources = [source for those, _ in found for source in those]
        count = workers or workbench.records.settings.ingest_workers
        with open_executor("ray" if executor == "ray" else "local", workers=count) as where, IngestBar(err) as bar:
            outcome = workbench.datasets.ingest_sources(sources, skip_bad=skip_bad, executor=where, progress=bar.show)
        if sync:
            for those, collection in found:
                if collection is not None:
                    outcome.retired += workbench.datasets.retire_missing(collection, those)
        _print_outcome(outcome, skip_bad=skip_bad)
    if outcome.refused:
        raise typer.Exit(1)


@app.command("erase-subject")
def erase_subject(
    texts: Annotated[list[str], typer.Argument(help="What names the person, as it stands in the data.")],
    dataset: Annotated[list[str] | None, typer.Option(help="Look in this dataset only; may be given again.")] = None,
) -> None:
    """Erase a person's lines and rows from datasets: chunks, vectors, words, tables and figures made of them."""
    with opened_workbench() as workbench:
        erased = workbench.datasets.erase_texts(texts, dataset_ids=dataset)
    for each in erased:
        out.print(f"{each.dataset_id}: {each.chunks} chunks and {each.rows} table rows", highlight=False)
        if each.path and Path(each.path).exists():  # uploads are gone once they were added
            out.print(f"  Its files in {each.path} are as they were; they are refused until the text is out of them.")
        if each.in_card:
            out.print("  [yellow]Its card holds the text too[/]: change the card and add the dataset again.")
    if erased:
        out.print("Backups, recorded turns and what says it in other words are not changed.")
    else:
        out.print("No dataset holds it. Data that waits for a reviewer was searched too.")


@app.command()
def remove(dataset_id: str) -> None:
    """Take a dataset out of the catalog and both indexes."""
    with opened_workbench() as workbench:
        workbench.datasets.remove(dataset_id)
        out.print(f"Removed {dataset_id}. Past turns keep the digests of what they cited.")


def _found(
    given: Sequence[str], folder: Path, settings: "Settings", said: dict[str, str]
) -> "list[tuple[list[Source], Path | None]]":
    """Return the datasets that each path or address means, and the collection that they make up, if any."""
    limits = limits_of(settings)
    found: list[tuple[list[Source], Path | None]] = []
    for number, each in enumerate(given):
        if is_address(each):
            own = folder / str(number)
            own.mkdir()
            found.append(([source_from(each, own, limits, said=said)], None))
        else:
            found.append(sources_at(Path(each), **said))
    return found


def _print_outcome(outcome: "Outcome", *, skip_bad: bool) -> None:
    for dataset_id, problems in outcome.problems.items():
        for problem in problems[:SHOWN_PROBLEMS]:
            out.print(f"[yellow]Left out[/] {dataset_id}: {escape(str(problem))}", highlight=False)
        if len(problems) > SHOWN_PROBLEMS:
            out.print(f"[yellow]Left out[/] {dataset_id}: {len(problems) - SHOWN_PROBLEMS} more")
    for refusal in outcome.refused[:SHOWN_REFUSALS]:
        out.print(f"[red]Refused[/] {refusal.dataset_id}: {escape(refusal.reason)}", highlight=False)
    counts = (
        (len(outcome.added), f"added ({outcome.chunks:,} chunks)"),
        (len(outcome.unchanged), "unchanged"),
        (len(outcome.waiting), "waiting for a reviewer"),
        (len(outcome.refused), "refused" if skip_bad else "refused; --skip-bad leaves out what can't be read"),
        (len(outcome.retired), "retired"),
    )
    said = [f"{count:,} {what}" for count, what in counts if count]
    out.print("Datasets: " + ("; ".join(said) or "none") + ".", highlight=False)
