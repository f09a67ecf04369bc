"""`promethios models` and `promethios train`: what can run, and making it."""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from apps.commands.opening import helpful_errors, opened_workbench, out
from core.config import load_settings

app = typer.Typer(no_args_is_help=True, help="Model profiles.")
train_app = typer.Typer(no_args_is_help=True, help="Train what ships.")


@app.command("list")
def list_models() -> None:
    """Show the profiles and whether their files are here."""
    from governance.doctor import profile_states  # keeps torch out of the commands that need no model

    with helpful_errors():
        settings = load_settings()
        table = Table("Profile", "Model", "Files", "In force", title="Model profiles")
        for state in profile_states(settings):
            mark = "yes" if state.name == settings.profile else ""
            table.add_row(state.name, state.model, state.problem or "present", mark)
        out.print(table)


@app.command()
def show() -> None:
    """Load the profile in force and show what runs, with digests."""
    with opened_workbench() as workbench:
        info = workbench.native_llm.engine.info
        for name in ("profile", "name", "revision", "parameters", "dtype", "device", "context_tokens"):
            out.print(f"{name}: {getattr(info, name)}", highlight=False)
        out.print(f"weights: {info.weights_digest}\ntokenizer: {info.tokenizer_digest}", highlight=False)
        for adapter, digest in info.adapters.items():
            out.print(f"adapter {adapter}: {digest}", highlight=False)


@train_app.command()
def starter(
    source: Annotated[Path, typer.Argument(help="Folder of public training data; see the model's card.")],
    output: Annotated[Path, typer.Option(help="Where the trained model goes.")] = Path("starter-model"),
    tokens: Annotated[int, typer.Option(min=10_000, help="Training tokens.")] = 7_500_000,
    seed: Annotated[int, typer.Option(help="Seed of data and weights.")] = 0,
) -> None:
    """Train the starter model; run it again after an interruption and it goes on."""
    from core.training.starter import Recipe, train_starter  # keeps torch out of the commands that need no model

    with helpful_errors(), Progress(TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()) as progress:
        task = progress.add_task("Training", total=tokens)
        train_starter(
            source,
            output,
            recipe=Recipe(tokens=tokens, seed=seed),
            progress=lambda at: progress.update(task, completed=at.tokens, description=f"loss {at.loss:.3f}"),
        )
        out.print(f"Trained. The model is in {output}; `python -m core.training.starter_measure` writes its card.")
