"""How far an ingest is, and what came of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from core.datasets.schema import Problem

Stage = Literal["read", "stored", "carded", "embedded", "indexed", "published", "done"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an ingest is.

    Attributes:
        dataset_id: The dataset that was worked on last.
        stage: "read", "stored" and "carded" (its card can be found) count datasets, those that need no work left out;
            "embedded" and later ones count chunks.
        done: How many reached this stage.
        total: How many there are.
    """

    dataset_id: str
    stage: Stage
    done: int
    total: int


Report = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A dataset that was not taken in, and why."""

    dataset_id: str
    reason: str


@dataclass(slots=True)
class Outcome:
    """What came of an ingest, as ids of datasets.

    Attributes:
        added: Datasets with a new version that queries see.
        unchanged: Datasets whose content was there already.
        waiting: Datasets that were read and wait for a reviewer.
        refused: Datasets that can't be used; what they had before stays.
        retired: Datasets that vanished from the collection.
        problems: Rows, pages and files that were left out, by dataset.
        chunks: Chunks of the datasets that were added.
    """

    added: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    retired: list[str] = field(default_factory=list)
    problems: dict[str, tuple[Problem, ...]] = field(default_factory=dict)
    chunks: int = 0
