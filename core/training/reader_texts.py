"""What is embedded and indexed of the groups that a reader learns from."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.rag.embedding import Embedder
from core.rag.lexical import LexicalIndex
from core.schema import Chunk
from core.training.reader_data import Group, Labelled


def index_groups(folder: Path, groups: Sequence[Group]) -> LexicalIndex:
    """Return a lexical index of the groups' passages."""
    lexical = LexicalIndex(folder)
    texts = dict.fromkeys((r.heading, " ".join(r.sentences)) for r in readings_of(groups))
    chunks = [Chunk(f"c{n}", "groups", "1", heading, "", n, text) for n, (heading, text) in enumerate(texts)]
    with lexical.writing() as writer:
        writer.add(chunks)
        writer.commit()
    return lexical


def embed_once(embedder: Embedder, texts: Iterable[str]) -> dict[str, NDArray[np.float32]]:
    """Return the vector of each text."""
    once = list(dict.fromkeys(texts))
    return dict(zip(once, embedder.embed(once), strict=True))


def readings_of(groups: Sequence[Group]) -> Iterable[Labelled]:
    """Return the readings of all groups."""
    return (reading for group in groups for reading in group.readings)


def text_of(reading: Labelled) -> str:
    """Return what is embedded of a reading."""
    return f"{reading.heading}\n{' '.join(reading.sentences)}"
