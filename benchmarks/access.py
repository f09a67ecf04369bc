"""What it costs to say which datasets a turn may search: `python -m benchmarks.access`.

An agent has all of a catalog's datasets. Each line is processor time of one question, in one run on one store: the rows
read and judged each time, and as the door asks, while nothing changed and after a card did.
"""

import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import insert, update

from benchmarks.machine import describe_machine
from core.config import Settings
from core.store.database import Store
from core.store.migrate import open_store
from core.store.tables import Dataset
from governance.dataset_access import DatasetAccess
from governance.dataset_rules import DatasetRulesFile
from governance.schema import Actor, AgentView

DATASETS = (100, 1_000, 5_000)
RUNS = 40
NOW = datetime(2026, 3, 1, tzinfo=UTC)
ACTOR = Actor("asks", "asks", "builder")
RULES = DatasetRulesFile()
LICENCES = ("CC0-1.0", "MIT", "CC BY-SA 4.0", "ODbL-1.0")


def main() -> None:
    """Fill a store for each size, ask, print the table."""
    print(describe_machine() + "\n")
    print(f"{'datasets':>8}{'n':>6}{'rows each time':>18}{'unchanged':>14}{'after a change':>18}   ms of a core")
    for count in DATASETS:
        with tempfile.TemporaryDirectory() as home:
            store = open_store(Settings(home=Path(home)).sqlalchemy_url())
            measure(store, count)
            store.close()


def measure(store: Store, count: int) -> None:
    """Print a line."""
    ids = fill(store, count)
    agent = AgentView("a", "asks", "A", "p", "starter", None, "standard", "balanced", ids, NOW, NOW)
    access = open_access(store)

    def ask_after_change() -> None:
        with store.write() as session:
            changed = update(Dataset).where(Dataset.id == ids[0])
            session.execute(changed.values(valid_until=f"2027-01-{next(days) % 28 + 1:02}"))
        access.of(ACTOR, agent)

    days = iter(range(1_000))
    anew = cost(lambda: open_access(store).of(ACTOR, agent))
    unchanged = cost(lambda: access.of(ACTOR, agent))
    print(f"{count:>8,}{RUNS:>6}{anew:>18.1f}{unchanged:>14.1f}{cost(ask_after_change):>18.1f}")


def fill(store: Store, count: int) -> tuple[str, ...]:
    """Put datasets into the catalog, with cards of the usual length; return their ids."""
    rows = [
        {
            "id": f"data-{n:05}", "title": f"Table {n}", "description": "words of a description " * 20,
            "category": "Education", "licence": LICENCES[n % len(LICENCES)], "source": "made", "tier": "public",
            "labels": [], "purposes": ["research"] if n % 50 == 0 else [],
            "columns": {f"c{c}": "meant" for c in range(9)}, "state": "indexed",
            "active_version": f"sha256:{n:064x}", "created_at": NOW, "updated_at": NOW,
        }
        for n in range(count)
    ]  # fmt: skip
    with store.write() as session:
        session.execute(insert(Dataset), rows)
    return tuple(str(row["id"]) for row in rows)


def open_access(store: Store) -> DatasetAccess:
    """Return one that has judged nothing yet."""
    return DatasetAccess(store, rules=RULES, clock=lambda: NOW)


def cost(ask: Callable[[], object]) -> float:
    """Return the milliseconds of processor time that one takes, after one that is not counted."""
    ask()
    begun = time.process_time()
    for _ in range(RUNS):
        ask()
    return (time.process_time() - begun) / RUNS * 1000


if __name__ == "__main__":
    main()
