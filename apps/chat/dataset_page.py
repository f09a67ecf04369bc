"""One dataset: what it is, what it holds, what was found in it, and who uses it."""

from dataclasses import dataclass

from core.datasets.catalog import DatasetView, get_dataset, list_chunks
from core.schema import Chunk
from governance.identity import authorize, require
from governance.records import Records
from governance.schema import Actor, Resource

CHUNKS = 10


@dataclass(frozen=True, slots=True)
class DatasetPage:
    """What the page of a dataset shows.

    Attributes:
        may_read: Whether the actor may see what it says, beside that it exists.
        chunks: A page of its passages; empty where they may not be seen.
        first: Number of the first of them, from 1.
        more: Addresses of the passages before and after; empty where there are none.
        agents: Names of the agents that use it.
    """

    dataset: DatasetView
    may_read: bool
    chunks: tuple[Chunk, ...]
    first: int
    more: tuple[str, str]
    agents: tuple[str, ...]


def read_dataset_page(records: Records, actor: Actor, dataset_id: str, *, page: int) -> DatasetPage:
    """Return what an actor sees of a dataset.

    Raises:
        DatasetError: There is none with this id.
        AccessDenied: The actor may not see datasets.
    """
    require(actor, "dataset.view", Resource("dataset", dataset_id))
    dataset = get_dataset(records.store, dataset_id)
    may_read = dataset.tier != "restricted" or _may_use_restricted(actor)
    start = (page - 1) * CHUNKS
    chunks = list_chunks(records.store, dataset_id, offset=start, limit=CHUNKS) if may_read else []
    return DatasetPage(
        dataset=dataset,
        may_read=may_read,
        chunks=tuple(chunks),
        first=start + 1,
        more=(
            f"#dataset/{dataset_id}?page={page - 1}" if page > 1 else "",
            f"#dataset/{dataset_id}?page={page + 1}" if may_read and start + CHUNKS < dataset.chunks else "",
        ),
        agents=tuple(agent.name for agent in records.agents.list() if dataset_id in agent.dataset_ids),
    )


def _may_use_restricted(actor: Actor) -> bool:
    return authorize(actor, "dataset.use_restricted", Resource("dataset")).allowed
