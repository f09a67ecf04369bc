"""`promethios datasets`: search, profile, use, export, retire, and `review` for what waits for a person."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from apps.commands.opening import acting, opened_records, opened_workbench, out
from core.datasets.catalog import get_dataset, list_chunks
from core.datasets.croissant import export_croissant
from core.datasets.profile_words import render_column_line
from core.datasets.report import read_report
from core.datasets.search import FACETS, Facet, search_catalog
from core.tables.table_store import open_tables
from governance.dataset_use import measure_use
from governance.identity import require
from governance.schema import Resource

MAX_VALUES = 6
LATEST_ANSWERS = 20
PAGE = 500

app = typer.Typer()
review = typer.Typer(no_args_is_help=True, help="Datasets that wait for a person, or were quarantined.")
app.add_typer(review, name="review")

Reason = Annotated[str, typer.Option(help="Why; it goes on record.")]
AsUser = Annotated[str, typer.Option("--as", help="The administrator or reviewer who acts.")]


@app.command()
def search(
    words: Annotated[list[str] | None, typer.Argument(help="Words that all have to stand in the card.")] = None,
    facet: Annotated[list[str] | None, typer.Option(help=f"NAME=VALUE; names: {', '.join(FACETS)}.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=PAGE, help="How many to show.")] = 20,
) -> None:
    """Find datasets by words and facets, with how many each value of a facet would leave."""
    chosen: dict[Facet, list[str]] = {}
    for each in facet or []:
        name, given, value = each.partition("=")
        if not given or name not in FACETS:
            raise typer.BadParameter(f"expected NAME=VALUE with a name of {', '.join(FACETS)}; found {each!r}")
        chosen.setdefault(name, []).append(value)
    with opened_records() as records:
        page = search_catalog(records.store, " ".join(words or []), facets=chosen, limit=limit)
    table = Table("Id", "Title", "Category", "Tier", "Licence", title=f"{page.total:,} datasets")
    for view in page.datasets:
        table.add_row(view.id, escape(view.title), view.category, view.tier, escape(view.licence))
    out.print(table if page.total else "No dataset holds all these words.")
    for name, counts in page.counts.items():
        if len(counts) > 1:
            values = ", ".join(f"{value} {count}" for value, count in list(counts.items())[:MAX_VALUES])
            out.print(f"{name}: {values}", highlight=False, markup=False)


@app.command()
def profile(dataset_id: str) -> None:
    """Show what a dataset's columns hold, what to look at, what the scan found, and who let it be used."""
    with opened_records() as records:
        dataset = get_dataset(records.store, dataset_id)
        report = read_report(records.store, dataset_id)
    lines = [f"{dataset.title} ({dataset.id}), {dataset.licence}, tier {dataset.tier}"]
    for table in report.tables:
        lines.append(f"\n{table.title or table.file}: {table.rows:,} rows")
        meanings = report.columns
        lines += [f"  {render_column_line(each, meaning=meanings.get(each.name, ''))}" for each in table.columns]
    if report.quality is not None:
        lines.append(
            "\nQuality: "
            + (f"{len(report.quality.findings)} things to look at" if report.quality.findings else "nothing found")
        )
        lines += [f"  {f.column or f.table or 'dataset'}: {f.sentence}" for f in report.quality.findings]
    lines.append("\nScan: " + _say_scan(report.scan))
    if report.approval is not None:
        by = f"a {report.approval.role}" if report.approval.by else f"the rule {report.approval.rule}"
        lines.append(f"{report.approval.outcome.capitalize()} by {by}: {report.approval.reason}")
    out.print("\n".join(lines), highlight=False, markup=False)


@app.command()
def use(dataset_id: str) -> None:
    """Show which agents use a dataset, and what became of the answers that found or cited it."""
    with opened_records() as records:
        get_dataset(records.store, dataset_id)
        found = measure_use(records.store, records.metrics.turns(), dataset_id)
    out.print(f"Agents: {', '.join(found.agents) or 'none'}", highlight=False, markup=False)
    table = Table("What", "Value", "n", "Formula")
    for score in (found.retrieved, found.cited, found.supported, found.complained):
        value = "not measured" if score.value is None else f"{score.value:.0%} ({score.low:.0%} to {score.high:.0%})"
        table.add_row(score.name, value, str(score.n), score.formula)
    out.print(table)
    latest = ", ".join(map(str, found.answers[-LATEST_ANSWERS:])) or "none"
    out.print(f"Ledger entries of the latest answers that cite it: {latest}", highlight=False)


@app.command()
def export(dataset_id: str, folder: Path, user: AsUser = "admin") -> None:
    """Write a dataset with its Croissant description into a new folder."""
    with opened_records() as records:
        dataset, actor = get_dataset(records.store, dataset_id), acting(records, user)
        require(actor, "dataset.view", Resource("dataset", dataset_id))
        if dataset.tier == "restricted":
            require(actor, "dataset.use_restricted", Resource("dataset", dataset_id))
        tables = open_tables(records.settings).tables(dataset_id, dataset.active_version)
        pages = range(0, 0 if tables else dataset.chunks, PAGE)
        chunks = [each for n in pages for each in list_chunks(records.store, dataset_id, offset=n, limit=PAGE)]
        report = read_report(records.store, dataset_id)
        path = export_croissant(folder, dataset, tables=tables, chunks=chunks, columns=report.columns)
        out.print(f"Wrote {path}.", highlight=False, markup=False)


@app.command()
def retire(dataset_id: str, reason: Reason, user: AsUser = "admin") -> None:
    """Take a dataset out of use for good, and its chunks out of the indexes."""
    with opened_workbench() as workbench:
        workbench.records.datasets.retire(acting(workbench.records, user), dataset_id, reason=reason)
        workbench.datasets.remove(dataset_id)
        out.print(f"Retired {dataset_id}. Past turns keep the digests of what they cited.")


@review.command("list")
def list_waiting(user: AsUser = "admin") -> None:
    """Show the versions that wait: quarantined ones first, then oldest first; up to 1,000."""
    with opened_records() as records:
        table = Table("Id", "Title", "State", "Rule", "Why", "In use")
        for each in records.datasets.queue(acting(records, user)):
            row = (each.dataset_id, each.title, each.outcome, each.rule, each.reason)
            table.add_row(*map(escape, row), "older version" if each.in_use else "no")
        out.print(table if table.row_count else "No dataset waits for a person.")


@review.command()
def approve(dataset_ids: list[str], reason: Reason, user: AsUser = "admin") -> None:
    """Let datasets be used; they are indexed the next time that they are added."""
    with opened_records() as records:
        for dataset_id in dataset_ids:
            state = records.datasets.approve(acting(records, user), dataset_id, reason=reason)
            out.print(f"{dataset_id} is {state}.", highlight=False)


@review.command()
def refuse(dataset_ids: list[str], reason: Reason, user: AsUser = "admin") -> None:
    """Refuse what waits of datasets; those where nothing waits are taken out of use."""
    with opened_records() as records:
        for dataset_id in dataset_ids:
            state = records.datasets.quarantine(acting(records, user), dataset_id, reason=reason)
            out.print(f"{dataset_id} is {state}.", highlight=False)


def _say_scan(scan: object) -> str:
    if not isinstance(scan, dict):
        return "not scanned"
    found = [
        f"{count:,} {kind.replace('_', ' ')}"
        for group in ("personal", "secrets", "injected")
        for kind, count in sorted(scan[group].items())
    ]
    share = "" if scan["share"] in (None, 1.0) else f" in {scan['share']:.0%} of its texts"
    return f"{', '.join(found) or 'nothing found'}{share}, by {', '.join(sorted(scan['checks']))}"
