"""Datasets: the catalog with its facets, what is known of each, the chunks that answers may cite, and reviews."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from apps.api.dependencies import Acting, Bench
from apps.api.errors import DOCUMENTED, not_found_if_unknown
from core.datasets.catalog import DatasetView, get_dataset, list_chunks
from core.datasets.report import NOTHING, DatasetReport, read_report
from core.datasets.search import CatalogPage, Facet, Sort, search_catalog
from core.datasets.states import State
from core.schema import Chunk
from governance.datasets import MAX_REASON_CHARS, WaitingDataset
from governance.identity import authorize, require
from governance.schema import Actor, Resource

router = APIRouter(prefix="/datasets", tags=["datasets"], responses=DOCUMENTED)
reviews = APIRouter(prefix="/review/datasets", tags=["review"], responses=DOCUMENTED)
Reason = Annotated[str, Field(min_length=1, max_length=MAX_REASON_CHARS)]
Chosen = Annotated[list[str], Query(max_length=50)]


class ChunkPage(BaseModel):
    """A page of a dataset's chunks, in order, of the version that queries see."""

    chunks: list[Chunk]
    total: int
    offset: int


class DatasetDetail(BaseModel):
    """A dataset, and what was found in the version that queries see.

    Attributes:
        may_read: Whether you may see what it says; without that, `report` is empty.
    """

    dataset: DatasetView
    report: DatasetReport
    may_read: bool


class DatasetDecision(BaseModel):
    """What a person decides on a dataset; it goes on record with their name and role."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    decision: Literal["approve", "refuse"]
    reason: Reason


class DatasetState(BaseModel):
    """The state that a dataset has after a decision."""

    state: State


@router.get("")
def get_datasets(
    actor: Acting,
    bench: Bench,
    search: Annotated[str, Query(max_length=200)] = "",
    category: Chosen = [],  # noqa: B006 - FastAPI copies it
    tier: Chosen = [],  # noqa: B006
    licence: Chosen = [],  # noqa: B006
    owner: Chosen = [],  # noqa: B006
    purposes: Chosen = [],  # noqa: B006
    labels: Chosen = [],  # noqa: B006
    sort: Sort = "best",
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> CatalogPage:
    """Return a page of the datasets that hold every word of `search`, or most, and have a value chosen in each facet.

    `counts` says how many datasets each value of a facet would leave. What waits for a reviewer is not in it.
    """
    require(actor, "dataset.view", Resource("dataset"))
    facets: dict[Facet, list[str]] = {
        "category": category,
        "tier": tier,
        "licence": licence,
        "owner": owner,
        "purposes": purposes,
        "labels": labels,
    }
    return search_catalog(bench.records.store, search, facets=facets, sort=sort, offset=offset, limit=limit)


@router.get("/{dataset_id}")
def get_one_dataset(dataset_id: str, actor: Acting, bench: Bench) -> DatasetDetail:
    """Read a dataset's card and figures, the profile of its columns, its quality, and what the scan found."""
    dataset = _find(dataset_id, actor, bench)
    allowed = may_read(actor, dataset)
    return DatasetDetail(
        dataset=dataset,
        report=read_report(bench.records.store, dataset_id) if allowed else NOTHING,
        may_read=allowed,
    )


@router.get("/{dataset_id}/chunks")
def get_chunks(
    dataset_id: str,
    actor: Acting,
    bench: Bench,
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> ChunkPage:
    """Read a page of chunks; those of a restricted dataset need the right to use it."""
    dataset = _find(dataset_id, actor, bench)
    if dataset.tier == "restricted":
        require(actor, "dataset.use_restricted", Resource("dataset", dataset_id))
    chunks = list_chunks(bench.records.store, dataset_id, offset=offset, limit=limit)
    return ChunkPage(chunks=chunks, total=dataset.chunks, offset=offset)


@router.patch("/{dataset_id}")
def decide_on_dataset(dataset_id: str, decision: DatasetDecision, actor: Acting, bench: Bench) -> DatasetState:
    """Approve what waits of a dataset, or refuse it; where nothing waits, refusing takes it out of use.

    What is approved is indexed within seconds; a newer version that waits leaves the older one in use.
    """
    decide = bench.records.datasets.approve if decision.decision == "approve" else bench.records.datasets.quarantine
    return DatasetState(state=decide(actor, dataset_id, reason=decision.reason))


@router.delete("/{dataset_id}", status_code=204)
def retire_dataset(
    dataset_id: str,
    reason: Annotated[str, Query(min_length=1, max_length=MAX_REASON_CHARS)],
    actor: Acting,
    bench: Bench,
) -> None:
    """Take a dataset out of use for good and delete its chunks; the records of past answers stay."""
    bench.records.datasets.retire(actor, dataset_id, reason=reason)
    bench.datasets.remove(dataset_id)


@reviews.get("")
def list_waiting(actor: Acting, bench: Bench) -> list[WaitingDataset]:
    """List up to 1,000 datasets that wait for a reviewer or were quarantined, with what was found in them."""
    return bench.records.datasets.queue(actor)


def may_read(actor: Actor, dataset: DatasetView) -> bool:
    """Say whether an actor may see what a dataset says, beside that it exists."""
    right = authorize(actor, "dataset.use_restricted", Resource("dataset", dataset.id))
    return dataset.tier != "restricted" or right.allowed


def _find(dataset_id: str, actor: Actor, bench: Bench) -> DatasetView:
    require(actor, "dataset.view", Resource("dataset", dataset_id))
    with not_found_if_unknown():
        return get_dataset(bench.records.store, dataset_id)
