"""`promethios policy` propose, review, activate, retire, list: the life of a version of a policy document."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from apps.commands.opening import acting, opened_records, out
from apps.commands.policy import print_replay, print_rules, print_shifts, read_places, say
from governance.errors import InputError
from governance.policy import DraftCheck, PolicyVersion, replay_turns
from governance.policy.document import CASES, read_text
from governance.records import Records

app = typer.Typer()
REPLAYED = 1_000  # of the newest turns
Why = Annotated[str, typer.Option(help="The reason; the ledger keeps it.")]
AsUser = Annotated[str, typer.Option("--as", help="The administrator or reviewer who acts.")]
Version = Annotated[str, typer.Argument(help="A version's id, such as house@2.")]


@app.command("list")
def list_versions() -> None:
    """Show every version of a policy document, newest first, and how it stands."""
    with opened_records() as records:
        names = _names(records)
        table = Table("Version", "State", "Since (UTC)", "Proposed by", "Reviewed by", "Last reason")
        for version in records.policies.all():
            last = version.history[-1]
            table.add_row(
                version.id,
                version.state,
                f"{last.at:%Y-%m-%d %H:%M}",
                names.get(version.author_id, version.author_id),
                _reviewer(version, names),
                last.why,
            )
        if not table.row_count:
            say("No version yet: only the rules that ship are in force.")
            say("Write rules in a file such as house.yaml, then: promethios policy propose house.yaml --why REASON")
            return
        out.print(table)


@app.command()
def propose(
    file: Annotated[Path, typer.Argument(help="Rules; their cases stand beside it, in <id>.cases.yaml.")],
    why: Why,
    user: AsUser = "admin",
) -> None:
    """Record a draft of a document of rules, and say what keeps it from being reviewed."""
    with opened_records() as records:
        rules, cases = _read(file)
        version = records.policies.propose(acting(records, user), rules=rules, cases=cases, why=why)
        say(f"Proposed {version.id}.")
        check = records.policies.check(version.id, places=read_places())
        _print_check(check)
        say(
            f"Not fit to be reviewed yet: correct {file.name} and propose it again."
            if check.problems
            else f"Next, somebody other than {user}: promethios policy review {version.id}"
        )


@app.command()
def review(
    version: Version,
    why: Annotated[str | None, typer.Option(help="Agree, for this reason. Left out: only look.")] = None,
    user: AsUser = "admin",
) -> None:
    """Show what a draft would change, in decisions and in past turns; with --why, agree to it."""
    with opened_records() as records:
        places = read_places()
        found = records.policies.get(version)
        author = _names(records).get(found.author_id, found.author_id)
        say(f"{found.id}, {found.state}. Proposed by {author}: {found.history[0].why}")
        check = records.policies.check(version, places=places)
        if check.policy is not None and check.comparison is not None:
            print_rules(check.comparison)
            print_shifts(check.comparison)
            print_replay(replay_turns(records.ledger, check.policy, limit=REPLAYED))
        _print_check(check)
        if why is None:
            if found.state == "draft" and not check.problems:
                say(f"To agree: promethios policy review {version} --why REASON --as NAME (not {author})")
            return
        records.policies.review(acting(records, user), version, why=why, places=places)
        say(f"Reviewed {version}. Next: promethios policy activate {version} --why REASON")


@app.command()
def activate(version: Version, why: Why, user: AsUser = "admin") -> None:
    """Put a reviewed version in force, in place of the active one of the same document."""
    with opened_records() as records:
        before = [each.id for each in records.policies.active()]
        moved = records.policies.activate(acting(records, user), version, why=why, places=read_places())
        say(f"{version} is in force: a running workbench takes it up with the next turn.")
        gone = [each for each in before if each.startswith(f"{moved.policy}@")]
        if gone:
            say(f"{gone[0]} is retired.")


@app.command()
def retire(version: Version, why: Why, user: AsUser = "admin") -> None:
    """Take a version out of force, or a draft back. The rules that ship always stay."""
    with opened_records() as records:
        records.policies.retire(acting(records, user), version, why=why)
        say(f"{version} is retired: a running workbench does without it from the next turn on.")


@app.command()
def show(version: Version) -> None:
    """Print a version's rules, and who did what when and why."""
    with opened_records() as records:
        found, names = records.policies.get(version), _names(records)
        for step in found.history:
            who = names.get(step.actor_id, step.actor_id)
            say(f"{step.at:%Y-%m-%d %H:%M} UTC  {step.state}  by {who} ({step.role}), entry {step.entry}: {step.why}")
        say(f"\n{found.text.rules}")


def _read(file: Path) -> tuple[str, str]:
    if not file.is_file():
        raise InputError(f"{file} is not a file. Name one file of rules, such as house.yaml.")
    cases = file.with_name(file.stem + CASES)
    return read_text(file), read_text(cases) if cases.is_file() else ""


def _print_check(check: DraftCheck) -> None:
    for problem in check.problems:
        say(f"problem: {problem}")
    if check.policy is not None:
        say(f"{check.cases} cases pass; {len(check.problems)} problems.")


def _names(records: Records) -> dict[str, str]:
    return {user.id: user.name for user in records.identity.list_users()}


def _reviewer(version: PolicyVersion, names: Mapping[str, str]) -> str:
    step = next((step for step in version.history if step.state == "reviewed"), None)
    return names.get(step.actor_id, step.actor_id) if step else "–"
