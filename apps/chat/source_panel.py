"""The source behind a citation: the very chunk that the model saw, with the quoted words marked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from apps.chat.answer_text import find_quotations
from apps.chat.places import Place, read_place, text_alone
from apps.chat.thread import evidence_places, evidence_texts
from core.datasets.catalog import DatasetView, get_chunk, get_dataset
from core.errors import DatasetError
from core.schema import Chunk
from governance.errors import InputError
from governance.records import Records
from governance.schema import Actor
from governance.turns import TurnDetail, read_turn


@dataclass(frozen=True, slots=True)
class Source:
    """A piece of evidence of a sealed turn.

    Attributes:
        entry: What the sealed record says of it: dataset, version, digest, score.
        place: Where it stands; of turns from before places were kept, where its chunk stands now.
        pieces: The text in order, each with whether the answer quotes it.
        dataset: None when the dataset is no longer in the catalog.
        chunk: None when a newer version of the dataset replaced it; the text above is still what the model saw.
    """

    turn_id: str
    number: int
    entry: dict[str, object]
    place: Place
    pieces: tuple[tuple[str, bool], ...]
    dataset: DatasetView | None
    chunk: Chunk | None


def read_source(records: Records, actor: Actor, turn_id: str, number: int) -> Source:
    """Return evidence `number` of a turn.

    Raises:
        InputError: The turn has no such evidence, or its content is hidden or erased.
        AccessDenied: The actor may not see the turn.
    """
    detail = read_turn(records.ledger, records.vault, actor, turn_id)
    if detail.content is None:
        raise InputError(f"The text of this source can't be shown: {detail.hidden}.")
    entry = next((each for each in detail.record["evidence"] if each["number"] == number), None)
    if entry is None:
        raise InputError(f"This answer has no source [{number}].")
    chunk = _chunk(records, entry["chunk_id"])
    document, place = evidence_places(detail).get(number) or ((chunk.document, chunk.place) if chunk else ("", ""))
    text = text_alone(evidence_texts(detail)[number], place)
    return Source(
        turn_id=turn_id,
        number=number,
        entry=entry,
        place=read_place(document, place),
        pieces=tuple(mark_quoted(text, quoted_from(detail, number))),
        dataset=_dataset(records, entry["dataset_id"]),
        chunk=chunk,
    )


def quoted_from(detail: TurnDetail, number: int) -> list[str]:
    """Return what the answer of a turn quotes verbatim from evidence `number`."""
    answer = detail.content["answer"] if detail.content else ""
    quotations = find_quotations(answer, evidence_texts(detail))
    return [each.text for each in quotations if each.number == number and each.verbatim]


def mark_quoted(text: str, quoted: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """Cut a text into pieces that are quoted and pieces that are not; together they are the text."""
    spans = sorted((text.find(each), text.find(each) + len(each)) for each in quoted if each and each in text)
    at = 0
    for start, end in spans:
        if end <= at:
            continue
        if start > at:
            yield text[at:start], False
        yield text[max(start, at) : end], True
        at = end
    if at < len(text):
        yield text[at:], False


def _dataset(records: Records, dataset_id: str) -> DatasetView | None:
    try:
        return get_dataset(records.store, dataset_id)
    except DatasetError:
        return None


def _chunk(records: Records, chunk_id: str) -> Chunk | None:
    try:
        return get_chunk(records.store, chunk_id)
    except DatasetError:
        return None
