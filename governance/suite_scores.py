"""What evaluations say of an agent: the latest finished run of each suite, as scores beside those from its turns.

A suite says how an agent does on its rows. Rows that ask through the door are turns too, and counted as those.
"""

from datetime import datetime

from governance.ledger import Entry, Ledger
from governance.scorecard import Score

FINISHED = "evaluation.finished"
FORMULA = "rows of the latest finished run that came out as its suite expects / rows measured"


def read_suite_scores(
    ledger: Ledger, *, agent_id: str, since: datetime | None = None, until: datetime | None = None
) -> tuple[Score, ...]:
    """Return a score for each suite that a window's runs asked, by name; through the door and by the checks alone."""
    latest: dict[str, Entry] = {}
    for entry in ledger.entries(kinds=[FINISHED], agent_id=agent_id, since=since, until=until):
        latest[_name(entry)] = entry
    return tuple(_score(name, entry) for name, entry in sorted(latest.items()))


def _name(entry: Entry) -> str:
    alone = " (checks)" if entry.body["mode"] == "rails" else ""
    return f"{entry.body['suite']}{alone}"


def _score(name: str, entry: Entry) -> Score:
    together = entry.body["figures"][-1]
    return Score(
        name,
        together["rate"],
        together["n"],
        FORMULA,
        together["low"],
        together["high"],
        entries=(entry.index,),
        of_turns=False,
    )
