"""Datasets: the catalog, and the chunks that answers may cite."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from apps.api.dependencies import Acting, Bench
from apps.api.errors import DOCUMENTED, not_found_if_unknown
from core.datasets.catalog import DatasetView, get_dataset, list_chunks, list_datasets, search_datasets
from core.schema import Chunk
from governance.identity import require
from governance.schema import Resource

router = APIRouter(prefix="/datasets", tags=["datasets"], responses=DOCUMENTED)


class ChunkPage(BaseModel):
    """A page of a dataset's chunks, in order, of the version that queries see."""

    chunks: list[Chunk]
    total: int
    offset: int


@router.get("")
def get_datasets(actor: Acting, bench: Bench, search: Annotated[str, Query(max_length=200)] = "") -> list[DatasetView]:
    """List the datasets, or those whose id, title, description or category holds every word of `search`."""
    require(actor, "dataset.view", Resource("dataset"))
    store = bench.records.store
    return search_datasets(store, search) if search.strip() else list_datasets(store)


@router.get("/{dataset_id}")
def get_one_dataset(dataset_id: str, actor: Acting, bench: Bench) -> DatasetView:
    """Read one dataset's card and figures."""
    require(actor, "dataset.view", Resource("dataset", dataset_id))
    with not_found_if_unknown():
        return get_dataset(bench.records.store, dataset_id)


@router.get("/{dataset_id}/chunks")
def get_chunks(
    dataset_id: str,
    actor: Acting,
    bench: Bench,
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> ChunkPage:
    """Read a page of chunks; those of a restricted dataset need the right to use it."""
    dataset = get_one_dataset(dataset_id, actor, bench)
    if dataset.tier == "restricted":
        require(actor, "dataset.use_restricted", Resource("dataset", dataset_id))
    chunks = list_chunks(bench.records.store, dataset_id, offset=offset, limit=limit)
    return ChunkPage(chunks=chunks, total=dataset.chunks, offset=offset)
