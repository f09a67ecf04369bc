"""`promethios policy`: lint, test, diff, replay. Each works on folders of rules; the running policy stays as it is.

`policy_versions` holds the other half: propose, review, activate, retire, list.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from apps.commands.opening import err, helpful_errors, opened_records, out
from governance.errors import InputError
from governance.policy import (
    DIRECTIONS,
    EFFECTS,
    Comparison,
    Places,
    Policy,
    Replay,
    compare_policies,
    load_policy,
    read_cases,
    replay_turns,
    review_folder,
    run_cases,
    shipped_places,
    vocabulary_of,
)

app = typer.Typer(
    no_args_is_help=True, help="Check, try and compare folders of rules; propose, review and activate versions."
)
SHIPPED = Path(__file__).resolve().parents[2] / "data" / "policies"
Folder = Annotated[Path, typer.Argument(help="Folder of *.yaml files; the one that ships when left out.")]


@app.command()
def lint(folder: Folder = SHIPPED) -> None:
    """Say what keeps a folder from loading, and what looks like a mistake in it. Exit code 1 on a problem."""
    with helpful_errors():
        review = review_folder(folder, places=read_places())
        for problem in review.problems:
            say(f"problem: {problem}")
        for warning in review.warnings:
            say(f"warning: {warning}")
        say(f"{review.rules} rules: {len(review.problems)} problems, {len(review.warnings)} warnings.")
        if review.problems:
            raise typer.Exit(1)


@app.command("test")
def run(folder: Folder = SHIPPED) -> None:
    """Run the cases beside the rules, *.cases.yaml. Exit code 1 when one comes out otherwise than expected."""
    with helpful_errors():
        cases = read_cases(folder)
        places = read_places()
        report = run_cases(_load(folder, places), cases, places=places)
        for failure in report.failures:
            say(f"failed: {failure.place} ({failure.finding}): {failure.reason}")
        say(f"{report.cases} cases: {report.cases - len(report.failures)} passed, {len(report.failures)} failed.")
        say(_without("in which they decide", report.never_firing))
        say(_without("in which they come near and do not decide (not_rule)", report.never_sparing))
        if report.failures:
            raise typer.Exit(1)


@app.command()
def diff(
    before: Annotated[Path, typer.Argument(help="The folder to compare with.")],
    after: Annotated[Path, typer.Argument(help="The changed folder.")],
    no_looser: Annotated[bool, typer.Option(help="Exit with code 1 when a situation is decided more loosely.")] = False,
) -> None:
    """Say which rules changed, and which situations are decided otherwise: the loosened ones first."""
    with helpful_errors():
        places = read_places()
        comparison = compare_policies(_load(before, places), _load(after, places), places=places)
        print_rules(comparison)
        print_shifts(comparison)
        if no_looser and comparison.count("looser"):
            raise typer.Exit(1)


@app.command()
def replay(
    folder: Annotated[Path, typer.Argument(help="The draft.")],
    since: Annotated[str | None, typer.Option(help="Only turns from this ISO time on; UTC where it says none.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the newest so many.")] = None,
) -> None:
    """Decide the recorded findings of past turns again under a draft; nothing is changed, no text is read."""
    with opened_records() as records:
        draft = _load(folder, read_places())
        print_replay(replay_turns(records.ledger, draft, since=_time(since), limit=limit))


def read_places() -> Places:
    """Return what the rails can find where; takes seconds."""
    with err.status("Reading the rails…"):
        return shipped_places()


def _load(folder: Path, places: Places) -> Policy:
    return load_policy(folder, vocabulary=vocabulary_of(places))


def say(text: str) -> None:
    """Print a text as it is."""
    out.print(text, markup=False, highlight=False, soft_wrap=True)


def _without(what: str, rules: Iterable[str]) -> str:
    names = list(rules)
    return f"Rules without a case {what}: {len(names)}{': ' if names else ''}{', '.join(names)}."


def print_rules(comparison: Comparison) -> None:
    """Print which rules changed."""
    if not (comparison.added or comparison.removed or comparison.changed):
        say("The rules are the same.")
    for rule_id in comparison.added:
        say(f"added: {rule_id}")
    for rule_id in comparison.removed:
        say(f"removed: {rule_id}")
    for change in comparison.changed:
        say(f"changed: {change.rule_id}: {change.field}\n  before: {change.before}\n  after:  {change.after}")


def print_shifts(comparison: Comparison) -> None:
    """Print which situations are decided otherwise."""
    counts = ", ".join(f"{comparison.count(each)} {each}" for each in DIRECTIONS)
    say(f"{comparison.situations} situations compared. Decided otherwise: {counts}.")
    for shift in comparison.shifts:
        say(f"{shift.direction} ({shift.count}): {shift.before} by {shift.before_rule}")
        say(f"  -> {shift.after} by {shift.after_rule}")
        for phrase in shift.where:
            say(f"     {phrase}")


def print_replay(found: Replay) -> None:
    """Print what a draft would have changed in past turns."""
    if found.turns == 0:
        say("No closed turn was found: nothing was replayed.")
        return
    _print_effects(found)
    _print_examples(found)
    for (stage, rail, category), count in sorted(found.unknown.items()):
        say(f"No rule of the draft names {rail} {category} in the {stage}, found {count} times: it is blocked.")


def _print_effects(found: Replay) -> None:
    table = Table("Recorded", "Under the draft", "Turns", title=f"{found.turns} closed turns")
    pairs = [(before, after) for before in EFFECTS for after in EFFECTS if (before, after) in found.effects]
    for before, after in sorted(pairs, key=lambda pair: pair[0] == pair[1]):
        style = "" if before != after else "dim"
        table.add_row(before, after, str(found.effects[before, after]), style=style)
    out.print(table)
    say(f"The same by another rule: {found.other_rules}. Ended before a rail looked: {found.undecided}.")
    say("What a turn never reached is not known: a refused question has no answer to check.")


def _print_examples(found: Replay) -> None:
    if not found.examples:
        say("No turn is decided otherwise.")
        return
    table = Table("Entry", "Recorded", "By", "Under the draft", "By", title="Decided otherwise, newest first")
    for each in found.examples:
        before, after = each.before, each.after
        table.add_row(str(each.entry), before.effect, before.rule_id, after.effect, after.rule_id)
    out.print(table)


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError as exc:
        raise InputError(f"--since takes an ISO time such as 2026-03-01 or 2026-03-01T12:00Z, not {text!r}.") from exc
    return time if time.tzinfo else time.replace(tzinfo=UTC)
