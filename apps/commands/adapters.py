"""`promethios train adapters`: make and measure the adapters that ship with the starter model."""

import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from apps.commands.opening import helpful_errors, out
from core.config import load_settings

_COLUMNS = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())


def train(
    source: Annotated[Path, typer.Argument(help="Folder of public training data; see the model's card.")],
    output: Annotated[Path, typer.Option(help="Where the adapters go, a folder for each.")] = Path("starter-adapters"),
    examples: Annotated[int, typer.Option(min=8, help="Conversations that each learns from.")] = 1000,
    samples: Annotated[int, typer.Option(min=1, help="Held-out conversations of each kind to measure on.")] = 60,
    seed: Annotated[int, typer.Option(help="Decides which conversations.")] = 1,
) -> None:
    """Train the adapters brief, bullets and plain-language for the starter model, and write their cards."""
    # keeps torch out of the commands that need no model
    from core.llm.profiles import load_profile
    from core.training.starter_adapter_card import write_adapter_card
    from core.training.starter_adapter_evaluation import measure_adapters
    from core.training.starter_adapters import CONFIG, FORMS, train_form
    from core.training.starter_sources import load_sources

    with helpful_errors(), _fresh_folder(output) as fresh, Progress(*_COLUMNS, console=out) as progress:
        bare = load_profile("starter", load_settings()).model_copy(update={"adapters": {}})
        sources = load_sources(source, held_out=False)
        for form in FORMS:
            show = _reporter(progress, progress.add_task(form, total=-(-examples // CONFIG.rows_per_step)), form=form)
            train_form(form, bare, sources, Path(fresh) / form, examples=examples, seed=seed, progress=show)
        progress.add_task("measuring", total=None)
        measured = measure_adapters(Path(fresh), bare, load_sources(source, held_out=True), samples=samples)
        for form in FORMS:
            write_adapter_card(Path(fresh) / form, form=form, measured=measured)
            _replace(output / form, by=Path(fresh) / form)
    out.print(f"Trained. The adapters and their cards are in {output}.")


def _fresh_folder(output: Path) -> TemporaryDirectory[str]:
    """Return a folder beside the output, so that what is there stays until all is trained and measured."""
    output.mkdir(parents=True, exist_ok=True)
    return TemporaryDirectory(dir=output, prefix=".new-")


def _replace(folder: Path, *, by: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    by.rename(folder)


def _reporter(progress: Progress, task: TaskID, *, form: str) -> Callable[[int, float], None]:
    def show(step: int, loss: float) -> None:
        progress.update(task, completed=step, description=f"{form}: loss {loss:.3f}")

    return show
