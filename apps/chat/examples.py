"""Example questions for an agent, made from the headings of its own datasets.

Most are answerable, not all: whether one is found is for the retriever to say when it is asked.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import islice, zip_longest

from core.datasets.catalog import list_chunks
from core.errors import DatasetError
from core.schema import Chunk
from core.store.database import Store

SAMPLE = 40
DATASETS = 8
_NO_TOPIC = re.compile(r"(?i)(rows?|pages?|lines?|part|about|introduction|overview|validity|notes?|L-)\b|\S*\d\S*$")


def example_questions(store: Store, dataset_ids: Sequence[str], *, limit: int = 4) -> list[str]:
    """Return a few questions about headings of these datasets, one dataset after the other."""
    topics = [_questions(store, dataset_id) for dataset_id in dataset_ids[:DATASETS]]
    by_turns = (question for row in zip_longest(*topics) for question in row if question is not None)
    return list(islice(dict.fromkeys(by_turns), limit))


def question_about(chunk: Chunk) -> str | None:
    """Return a question about a chunk's heading; None when its place is no heading."""
    topic = chunk.place.rpartition(" > ")[2].strip()
    if topic.endswith("?"):
        return topic
    if len(topic) < 4 or len(topic) > 60 or _NO_TOPIC.match(topic) or topic == chunk.document:
        return None
    return f"Tell me about “{topic}”."


def _questions(store: Store, dataset_id: str) -> Iterator[str]:
    try:
        chunks = list_chunks(store, dataset_id, limit=SAMPLE)
    except DatasetError:  # retired since the agent was made
        return
    middle_first = sorted(chunks, key=lambda chunk: abs(chunk.position - len(chunks) // 2))
    for chunk in middle_first:
        question = question_about(chunk)
        if question is not None:
            yield question
