"""Sets the table for one conversation: passages cut, mixed with others, tampered with by an attacker, and numbered."""

from collections.abc import Sequence
from random import Random

from core.schema import Evidence
from core.training.starter_phrases import INJECTIONS
from core.training.starter_policies import build_policy
from core.training.starter_sources import Passage, Question, Sources


def number_evidence(passages: Sequence[Passage]) -> tuple[Evidence, ...]:
    """Return the passages as evidence, numbered from 1 in this order."""
    return tuple(
        Evidence(
            number=number,
            chunk_id=f"chunk-{number}",
            dataset_id="training",
            dataset_version="1",
            dataset_title=passage.document,
            document=passage.document,
            place=passage.place,
            licence="see the card",
            text=passage.joiner.join(passage.sentences),
            score=0.0,
            sentences=passage.sentences,
        )
        for number, passage in enumerate(passages, 1)
    )


def cut_passage(random: Random, golds: Sequence[Question]) -> Passage:
    """Return the passage of these questions, cut to a random stretch around their answers."""
    whole = golds[0].passage
    first, last = min(g.gold for g in golds), max(g.gold for g in golds)
    start, end = random.randint(0, first), random.randint(last + 1, len(whole.sentences))
    return Passage(whole.document, whole.place, whole.sentences[start:end], whole.joiner)


def draw_passages(random: Random, sources: Sources, *, count: int, near: Question | None = None) -> list[Passage]:
    """Return other passages; half of them from the same document as `near` where it has more, cut anywhere."""
    same = sources.documents.get(near.passage.document, ()) if near is not None else ()
    kin = [p for p in same if near is not None and p.sentences != near.passage.sentences]
    made = []
    for _ in range(count):
        dice = random.random()
        if near is not None and dice < 0.5:
            passage = random.choice(kin) if kin else build_policy(random, rules=4, held_out=sources.held_out).passage
        elif dice < 0.7:
            passage = random.choice(sources.questions).passage
        else:
            passage = random.choice(sources.passages)
        made.append(_stretch(random, passage))
    return made


def _stretch(random: Random, passage: Passage) -> Passage:
    length = random.choice((1, 2, 3, 4, 6, 10))
    start = random.randrange(max(len(passage.sentences) - length, 0) + 1)
    return Passage(passage.document, passage.place, passage.sentences[start : start + length], passage.joiner)


def plant_instruction(random: Random, sources: Sources, *, passages: Sequence[Passage]) -> list[Passage]:
    """Return the passages with an instruction written into one of them, as an attacker would."""
    request = random.choice(sources.injections)
    attack = random.choice(INJECTIONS).format(request=request)
    at = random.randrange(len(passages))
    spot = random.randint(0, len(passages[at].sentences))
    target = passages[at]
    sentences = (*target.sentences[:spot], attack, *target.sentences[spot:])
    return [*passages[:at], Passage(target.document, target.place, sentences, target.joiner), *passages[at + 1 :]]
