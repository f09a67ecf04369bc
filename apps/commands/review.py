"""`promethios review`: list, release, refuse, uphold, overturn. People decide on waiting turns and judge past ones."""

from typing import Annotated

import typer
from rich.table import Table

from apps.commands.opening import acting, opened_records, out
from governance.holds import Judgement

app = typer.Typer(no_args_is_help=True, help="Turns that wait for a person, and judgements on past ones.")
Turn = Annotated[str, typer.Argument(help="A turn's id, as `promethios review list` or its receipt names it.")]
Reason = Annotated[str, typer.Option(help="Why; the person who asked reads it.")]
AsUser = Annotated[str, typer.Option("--as", help="The administrator or reviewer who acts.")]
DONE: dict[Judgement, str] = {
    "released": "Released. The person gets the answer at the next look at the conversation.",
    "refused": "Refused for good. The person sees it with your reason.",
    "upheld": "Upheld: the decision counts as right in the policy adherence.",
    "overturned": "Overturned: the decision counts as wrong. No answer is sent; only another policy lets such pass.",
}


@app.command("list")
def list_held(
    every: Annotated[bool, typer.Option("--all", help="Also those that were decided or expired.")] = False,
    user: AsUser = "admin",
) -> None:
    """Show the turns that wait for a person, the oldest first."""
    with opened_records() as records:
        actor, now = acting(records, user), records.reviews.now()
        holds = records.reviews.holds(actor) if every else records.reviews.queue(actor)
        agents = {each.id: each.name for retired in (False, True) for each in records.agents.list(retired=retired)}
        table = Table("Turn", "State", "Asked (UTC)", "Waits until", "Agent", "Rule", "What it saw")
        for hold in holds:
            table.add_row(
                hold.turn_id,
                hold.state(now),
                f"{hold.at:%Y-%m-%d %H:%M}",
                f"{hold.until:%Y-%m-%d %H:%M}",
                agents.get(hold.agent_id, "not saved"),
                hold.rule_id,
                hold.reason,
            )
        out.print(table if table.row_count else "Nothing waits for a person.")


@app.command()
def release(turn: Turn, reason: Reason, user: AsUser = "admin") -> None:
    """Let a waiting turn go on."""
    _decide(turn, "released", reason, user)


@app.command()
def refuse(turn: Turn, reason: Reason, user: AsUser = "admin") -> None:
    """Confirm that a waiting turn is not answered."""
    _decide(turn, "refused", reason, user)


@app.command()
def uphold(turn: Turn, reason: Reason, user: AsUser = "admin") -> None:
    """Judge that a past decision was right."""
    _decide(turn, "upheld", reason, user)


@app.command()
def overturn(turn: Turn, reason: Reason, user: AsUser = "admin") -> None:
    """Judge that a past decision was wrong."""
    _decide(turn, "overturned", reason, user)


def _decide(turn: str, judgement: Judgement, reason: str, user: str) -> None:
    with opened_records() as records:
        review = records.reviews.decide(acting(records, user), turn, judgement, reason=reason)
        out.print(f"{DONE[judgement]} Ledger entry {review.entry}.", highlight=False)
