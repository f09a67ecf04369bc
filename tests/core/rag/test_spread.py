from hypothesis import given
from hypothesis import strategies as st

from core.rag.embedding import Embedder
from core.rag.lexical import LexicalIndex
from core.rag.search import ChunkSearch
from core.rag.spread import MOST, READ, spread
from core.rag.vectors import VectorIndex
from core.schema import Chunk


def test_answer_in_other_words_is_read_beside_near_duplicates(
    vectors: VectorIndex, lexical: LexicalIndex, embedder: Embedder
) -> None:
    crowd = [
        Chunk(f"crowd-{n}", "crowd", "v1", "Hotel rooms", "", n, f"What is refunded for a hotel room: see page {n}.")
        for n in range(30)
    ]
    chunks = [*crowd, Chunk("answer", "lodging", "v2", "Lodging", "", 0, "We pay back 180 USD a night.")]
    vectors.add(chunks, vectors=embedder.embed([f"{chunk.document}\n{chunk.text}" for chunk in chunks]))
    with lexical.writing() as writer:
        writer.add(chunks)
        writer.commit()
    search = ChunkSearch(vectors, lexical, embedder)
    found = search.search("How much is refunded for a hotel room?", {"crowd": "v1", "lodging": "v2"})
    assert {i.split("-")[0] for i, _ in found[:READ]} == {"crowd"}
    assert "answer" in dict(spread(found, {chunk.id: chunk.dataset_id for chunk in chunks}))


def test_crowding_dataset_leaves_room_to_others() -> None:
    found = [(f"crowd-{n}", 1.0) for n in range(40)] + [(f"other-{n}", 0.5) for n in range(6)]
    read = [i for i, _ in spread(found, {i: i.split("-")[0] for i, _ in found})]
    assert read == [f"crowd-{n}" for n in range(MOST)] + [f"other-{n}" for n in range(READ - MOST)]


def test_dataset_alone_is_read_to_the_full() -> None:
    found = [(f"c{n}", 1.0) for n in range(40)]
    assert spread(found, {i: "data" for i, _ in found}) == found[:READ]


@given(st.lists(st.sampled_from("abc"), max_size=50))
def test_order_stays_and_no_place_is_wasted(owners: list[str]) -> None:
    found = [(f"c{n}", -float(n)) for n in range(len(owners))]
    read = spread(found, {f"c{n}": owner for n, owner in enumerate(owners)})
    assert len(read) == min(READ, len(found))
    assert read == sorted(read, key=lambda each: -each[1])
    assert read[:MOST] == found[:MOST]
