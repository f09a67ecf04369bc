"""`promethios eval`: measure the model and the agents in force, through the same door as every app."""

from collections.abc import Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from apps.commands.evaluate_suites import compare, run
from apps.commands.opening import err, helpful_errors, out

if TYPE_CHECKING:
    from collections.abc import Iterator

    from governance.evaluate import Bench, Figure
    from governance.evaluate.question_set import Judged

app = typer.Typer(no_args_is_help=True, help="Measure the model and the agents in force.")
app.command()(run)
app.command()(compare)
SHIPPED = Path(__file__).resolve().parents[2] / "data" / "questions"
Questions = Annotated[str, typer.Option(help="A set that ships, starter or blind, or a file of a JSON object a line.")]
Output = Annotated[Path | None, typer.Option(help="Keep the figures here as JSON.")]


@app.command()
def questions(
    source: Questions = "starter",
    limit: Annotated[int | None, typer.Option(min=1, help="Ask only the first so many.")] = None,
    failures: Annotated[bool, typer.Option(help="List every question that went wrong.")] = False,
    output: Output = None,
) -> None:
    """Ask questions about the starter datasets end to end."""
    from governance import evaluate  # keeps torch out of the commands that need no model

    with helpful_errors():
        asked = evaluate.load_questions(_file_of(source))[:limit]
    with _seeded_bench() as bench:
        with err.status("Asking…") as status:
            judged = evaluate.run_questions(
                bench, asked, progress=lambda done: status.update(f"Asked {done} of {len(asked)}")
            )
        figures = evaluate.question_figures(judged)
        _print(f"{len(judged)} questions of {source}", figures)
        if failures:
            _print_failures(judged)
        _keep(output, evaluate.figures_json(figures, model=_model(bench), questions=len(judged)))


@app.command()
def starter(
    data: Annotated[Path, typer.Argument(help="Folder of the public data; the model's card names it.")],
    samples: Annotated[int, typer.Option(min=1, help="Questions, and requests of each kind.")] = 200,
    seed: Annotated[int, typer.Option(help="Decides which are drawn.")] = 1,
    output: Output = None,
) -> None:
    """Measure on articles and requests that were held out of training."""
    from governance import evaluate  # keeps torch out of the commands that need no model

    with helpful_errors(), evaluate.opened_bench() as bench:
        with err.status("Reading…") as status:
            figures = evaluate.measure_held_out(
                bench, data, samples=samples, seed=seed, progress=lambda done: status.update(done)
            )
        _print("Held out of training", figures)
        _keep(output, evaluate.figures_json(figures, model=_model(bench), samples=samples, seed=seed))


@app.command()
def transcripts(
    count: Annotated[int, typer.Argument(min=1, help="How many.")] = 30,
    source: Questions = "starter",
    seed: Annotated[int, typer.Option(help="Decides which are drawn.")] = 1,
    output: Annotated[Path, typer.Option(help="The page to write.")] = Path("docs/transcripts.md"),
) -> None:
    """Write a page of transcripts that nobody picked, failures included."""
    from governance import evaluate  # keeps torch out of the commands that need no model

    with _seeded_bench() as bench:
        asked = evaluate.load_questions(_file_of(source))
        judged = evaluate.run_questions(bench, evaluate.draw_questions(asked, count=count, seed=seed))
        page = evaluate.render_transcripts(judged, model=bench.engine.info, asked=len(asked), seed=seed)
        _keep(output, page)


def _file_of(source: str) -> Path:
    shipped = SHIPPED / f"{source}.jsonl"
    return shipped if shipped.is_file() else Path(source)


@contextmanager
def _seeded_bench() -> "Iterator[Bench]":
    """Open a bench as a first start leaves it."""
    from governance import evaluate  # keeps torch out of the commands that need no model
    from governance.seed import seed

    with helpful_errors(), evaluate.opened_bench() as bench:
        with err.status("Reading the starter datasets…"):
            seed(bench.workbench)
        yield bench


def _print(title: str, figures: "Iterable[Figure]") -> None:
    from governance.evaluate import render_row  # keeps torch out of the commands that need no model

    table = Table("Measure", "Goal", "Figure (95 % interval)", "Held / n", title=title)
    for figure in figures:
        style = {True: "green", False: "red", None: ""}[figure.is_reached]
        table.add_row(*render_row(figure), style=style)
    out.print(table)
    out.print("[dim]Ranges of times and speeds hold nine tenths of the measurements.[/]")


def _print_failures(judged: "Iterable[Judged]") -> None:
    for each in judged:
        if not each.is_right:
            asked = " / ".join([*each.question.history, each.question.question])
            out.print(f"\n{each.question.id}: {asked}", markup=False, highlight=False)
            out.print(f"  {each.problem} ({each.turn.rule_id})", markup=False, highlight=False)
            out.print(f"  {each.turn.text}", markup=False, highlight=False)


def _model(bench: "Bench") -> dict[str, object]:
    info = bench.engine.info
    return {"profile": info.profile, "weights": info.weights_digest, "parameters": info.parameters}


def _keep(path: Path | None, text: str) -> None:
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise typer.BadParameter(f"{path} can't be written: {exc}. Choose another --output.") from exc
    out.print(f"Kept in {path}.", highlight=False)
