"""How a dataset is used: which agents it is attached to, and what became of the answers that found or cited it.

Everything comes from sealed ledger entries and from the agents as they are now. What nobody did is "not measured".
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from core.store.database import Store
from core.store.tables import Agent, AgentDataset
from governance.scorecard import Score, proportion
from governance.turns import TurnFact

OVERTURNED = "overturned"


@dataclass(frozen=True, slots=True)
class DatasetUse:
    """The use of one dataset.

    Attributes:
        agents: Names of the agents in use that it is attached to.
        retrieved: Turns that found something in it, of all turns that found something.
        cited: Answers that cite it, of the turns that found something in it.
        supported: Supported sentences of the answers that cite it.
        complained: Answers that cite it and were rated unhelpful or overturned, of those that somebody judged.
    """

    dataset_id: str
    agents: tuple[str, ...]
    retrieved: Score
    cited: Score
    supported: Score
    complained: Score

    @property
    def answers(self) -> tuple[int, ...]:
        """Return the ledger entries of the answers that cite it, oldest first."""
        others = set(self.cited.failures)
        return tuple(entry for entry in self.cited.entries if entry not in others)


def measure_use(store: Store, facts: Sequence[TurnFact], dataset_id: str) -> DatasetUse:
    """Measure how a dataset is used.

    Args:
        store: The database, for the agents.
        facts: The turns to look at, as `turn_facts` returns them.
        dataset_id: The dataset; one that was never used has no measured score.
    """
    query = (
        select(Agent.name)
        .join(AgentDataset, AgentDataset.agent_id == Agent.id)
        .where(AgentDataset.dataset_id == dataset_id, Agent.retired_at.is_(None))
        .order_by(Agent.name)
    )
    with store.read() as session:
        agents = tuple(session.scalars(query))
    found = [fact for fact in facts if fact.retrieved_datasets]
    retrieved = [fact for fact in found if dataset_id in fact.retrieved_datasets]
    cited = [fact for fact in retrieved if dataset_id in fact.cited_datasets]
    return DatasetUse(
        dataset_id,
        agents,
        retrieved=_share(
            "Retrieved", retrieved, found, "turns that found something in it / turns that found something"
        ),
        cited=_share("Cited", cited, retrieved, "answers that cite it / turns that found something in it"),
        supported=_supported(cited),
        complained=_complained(cited),
    )


def _share(name: str, part: Sequence[TurnFact], whole: Sequence[TurnFact], formula: str) -> Score:
    inside = {fact.entry for fact in part}
    others = [fact.entry for fact in whole if fact.entry not in inside]
    entries = [fact.entry for fact in whole]
    return proportion(name, len(part), len(whole), formula, entries=entries, failures=others)


def _supported(cited: Sequence[TurnFact]) -> Score:
    checked = [fact for fact in cited if fact.sentences_checked]
    return proportion(
        "Supported",
        sum(fact.sentences_supported for fact in checked),
        sum(fact.sentences_checked for fact in checked),
        "supported sentences / checked sentences, of the answers that cite it",
        entries=[fact.entry for fact in checked],
        failures=[fact.entry for fact in checked if fact.sentences_supported < fact.sentences_checked],
    )


def _complained(cited: Sequence[TurnFact]) -> Score:
    judged = [fact for fact in cited if fact.rating is not None or fact.review is not None]
    bad = [fact.entry for fact in judged if fact.rating == 0 or fact.review == OVERTURNED]
    return proportion(
        "Complained",
        len(bad),
        len(judged),
        "answers that cite it and were rated unhelpful or overturned / answers that cite it and were judged",
        entries=[fact.entry for fact in judged],
        failures=bad,
    )
