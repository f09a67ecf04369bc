"""The use of datasets as rows: pure functions of the turns that a page shows. "Not measured" is None, never 0."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from apps.dashboard.words import interval_text
from core.store.database import Store
from governance.dataset_use import DatasetUse, measure_use
from governance.scorecard import Score
from governance.turns import TurnFact

MOST_USED = 100


def used_datasets(store: Store, facts: Sequence[TurnFact]) -> list[DatasetUse]:
    """Return the use of the datasets that turns found something in, the most often found first."""
    found = Counter(each for fact in facts for each in fact.retrieved_datasets)
    return [measure_use(store, facts, dataset_id) for dataset_id, _ in found.most_common(MOST_USED)]


def use_row(use: DatasetUse) -> dict[str, Any]:
    """Return a dataset's row; None is what was not measured."""
    return {
        "Dataset": use.dataset_id,
        "Agents": ", ".join(use.agents) or None,
        "Found by": use.cited.n,
        "Cited": _percent(use.cited),
        "95% interval": interval_text(use.cited),
        "Supported": _percent(use.supported),
        "Sentences": use.supported.n,
        "Complained": _percent(use.complained),
        "Judged": use.complained.n,
    }


def _percent(score: Score) -> float | None:
    return None if score.value is None else score.value * 100
