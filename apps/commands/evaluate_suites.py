"""`promethios eval run` and `promethios eval compare`: suites against an agent of this installation, and two runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from apps.commands.opening import acting, err, helpful_errors, opened_records, opened_workbench, out
from core.config import load_settings

if TYPE_CHECKING:
    from governance.evaluate.suites_asking import Evaluator
    from governance.evaluate.suites_judging import CategoryFigure, PairedFigure
    from governance.records import Records


def run(
    suite: Annotated[str, typer.Argument(help="Name of a suite that ships, or a .jsonl or .csv file.")],
    agent: Annotated[str, typer.Option(help="Name or id of the agent.")],
    rails_only: Annotated[bool, typer.Option(help="Ask only the input check; no model is loaded.")] = False,
    resume: Annotated[str | None, typer.Option(help="Id of a run to go on with.")] = None,
    at_once: Annotated[
        int | None, typer.Option(min=1, max=64, help="Rows asked at the same time; as many as the engine has slots.")
    ] = None,
    user: Annotated[str, typer.Option("--as", help="The user who asks.")] = "admin",
) -> None:
    """Ask an agent every row of a suite, judge what comes, and keep the run."""
    from governance.evaluate import (
        suites,
        suites_judging,
        suites_runner,
        suites_runs,
    )  # keeps torch out of the other commands
    from governance.records import new_id, utc_now

    with helpful_errors():
        asked = suites.load_suite(suite)
        with _evaluator(agent, user=user, rails_only=rails_only) as (records, evaluator):
            folder = records.settings.data_folder / suites_runs.FOLDER
            run_id = suites_runs.find_run(folder, resume).stem if resume else f"{asked.name}-{new_id()[:8]}"
            err.print(f"Run {run_id}. If it is interrupted, add --resume {run_id}", highlight=False)
            with err.status("Asking…") as status:
                finished = suites_runner.run_suite(
                    asked,
                    evaluator,
                    folder=folder,
                    ledger=records.ledger,
                    clock=utc_now,
                    run_id=run_id,
                    resume=resume is not None,
                    at_once=at_once or (1 if rails_only else records.settings.engine_slots),
                    progress=lambda done: status.update(f"Asked {done} of {len(asked.rows)}"),
                )
            how = "the input check alone" if rails_only else "through the door"
            title = f"{asked.name}: {evaluator.agent.name}, {how}"
            out.print(_figures_table(title, suites_judging.summarise(finished.rows)))
            out.print(f"Kept in {folder / run_id}.jsonl, figures in {run_id}.json.", highlight=False, soft_wrap=True)


def compare(
    first: Annotated[str, typer.Argument(metavar="RUN1", help="Id or file of a run.")],
    second: Annotated[str, typer.Argument(metavar="RUN2", help="Id or file of another run of the same suite.")],
) -> None:
    """Compare two runs of one suite row by row."""
    from governance.evaluate import suites_runs  # keeps torch out of the other commands

    with helpful_errors():
        folder = load_settings().data_folder / suites_runs.FOLDER
        runs = [suites_runs.read_run(suites_runs.find_run(folder, name)) for name in (first, second)]
        figures = suites_runs.compare_runs(*runs)
        for number, each in enumerate(runs, start=1):
            header = each.header
            about = f"RUN{number} {header.run_id}: agent {header.agent_id}, {header.mode}, {header.started_at}"
            out.print(about, highlight=False, soft_wrap=True)
        out.print(_paired_table(f"{runs[0].header.suite}: rows that only one run got right", figures))


@contextmanager
def _evaluator(agent: str, *, user: str, rails_only: bool) -> "Iterator[tuple[Records, Evaluator]]":
    from governance.evaluate import suites_asking  # keeps torch out of the other commands
    from governance.wiring import build_governance

    if rails_only:
        with opened_records() as records:
            view, actor = suites_asking.find_agent(records.agents, agent), acting(records, user)
            governance = build_governance(records.settings)
            yield records, suites_asking.build_rails_evaluator(governance, actor=actor, agent=view)
        return
    with opened_workbench() as workbench:
        records = workbench.records
        view, actor = suites_asking.find_agent(records.agents, agent), acting(records, user)
        yield (
            records,
            suites_asking.build_door_evaluator(workbench.native_llm, workbench.governance, actor=actor, agent=view),
        )


def _figures_table(title: str, figures: "list[CategoryFigure]") -> Table:
    table = Table("Category", "Right (95 % interval)", "Right / n", "Not measured", "Outcomes", title=title)
    for each in figures:
        share = "not measured"
        if each.rate is not None and each.low is not None and each.high is not None:
            share = f"{100 * each.rate:.1f} % ({100 * each.low:.1f} to {100 * each.high:.1f})"
        outcomes = ", ".join(f"{count} {name}" for name, count in sorted(each.outcomes.items()))
        table.add_row(each.category, share, f"{each.right} / {each.n}", str(each.unscored), outcomes)
    return table


def _paired_table(title: str, figures: "list[PairedFigure]") -> Table:
    table = Table("Category", "n", "Only RUN1", "Only RUN2", "p (McNemar, exact)", title=title)
    for each in figures:
        p_value = "not measured" if each.p_value is None else f"{each.p_value:.4f}"
        table.add_row(each.category, str(each.n), str(each.only_first), str(each.only_second), p_value)
    return table
