"""Makes what the reader learns from: questions, each with passages that answer it or only look as if.

Hard passages come from the same document, nearest to the question by the embedder; a share of the questions has no
passage that answers. Public questions stand beside made-up policies and tables, so that everyday wording is learnt too.
"""

import gzip
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import numpy as np

from core.rag.embedding import Embedder
from core.training.starter_evidence import draw_passages
from core.training.starter_policies import Sheet, build_policy, build_table
from core.training.starter_sources import Passage, Question, Sources

PASSAGES = 4  # of one question
HARD = 12  # nearest passages of the same document that hard ones are drawn from
UNANSWERED = 0.2  # of the questions see no passage that answers
MADE_UP = 9_000
KEYWORDS = 6_000
STRANGERS = 4_000  # requests that no passage answers


@dataclass(frozen=True, slots=True)
class Labelled:
    """A passage as the reader sees it: its heading, its sentences, and which of them answer."""

    heading: str
    sentences: tuple[str, ...]
    gold: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """A question with its passages."""

    question: str
    readings: tuple[Labelled, ...]


def build_groups(sources: Sources, *, embedder: Embedder, seed: int, held_out: bool = False) -> Iterator[Group]:
    """Yield every group, in an order that is not yet mixed.

    Args:
        sources: Public questions and passages.
        embedder: Finds the hard passages.
        seed: Decides what is drawn.
        held_out: Use the made-up facts that are kept for evaluation, and fewer of them.
    """
    random = Random(f"reader/{seed}")  # noqa: S311 - training data, not secrets
    yield from _from_questions(random, sources, embedder)
    scale = 10 if held_out else 1
    for _ in range(MADE_UP // scale):
        yield _made_up(random, sources, held_out=held_out)
    for _ in range(KEYWORDS // scale):
        yield _keywords(random, sources)
    for _ in range(STRANGERS // scale):
        passages = draw_passages(random, sources, count=PASSAGES)
        yield Group(random.choice(sources.requests), tuple(_reading(p) for p in passages))


def write_groups(groups: Iterable[Group], path: Path) -> int:
    """Write groups as gzipped JSON lines, each passage once; return how many groups."""
    path.parent.mkdir(parents=True, exist_ok=True)
    known: dict[tuple[str, tuple[str, ...]], int] = {}
    count = 0
    with gzip.open(path, "wt", encoding="utf-8") as file:
        for group in groups:
            row = []
            for reading in group.readings:
                key = (reading.heading, reading.sentences)
                if key not in known:
                    known[key] = len(known)
                    file.write(json.dumps({"heading": key[0], "sentences": key[1]}) + "\n")
                row.append([known[key], reading.gold])
            file.write(json.dumps({"question": group.question, "readings": row}) + "\n")
            count += 1
    return count


def read_groups(path: Path) -> list[Group]:
    """Return the groups that `write_groups` wrote."""
    passages: list[Labelled] = []
    groups = []
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            if "heading" in row:
                passages.append(Labelled(row["heading"], tuple(row["sentences"])))
                continue
            readings = tuple(replace(passages[number], gold=tuple(gold)) for number, gold in row["readings"])
            groups.append(Group(row["question"], readings))
    return groups


def _reading(passage: Passage, *, gold: Sequence[int] = ()) -> Labelled:
    return Labelled(f"{passage.document} > {passage.place}", passage.sentences, tuple(gold))


def _from_questions(random: Random, sources: Sources, embedder: Embedder) -> Iterator[Group]:
    near = _nearest(sources.questions, embedder)
    for question, hard in zip(sources.questions, near, strict=True):
        others = random.sample(hard, min(len(hard), random.choice((1, 2, 3))))
        while len(others) < PASSAGES - 1:
            others.append(random.choice(sources.questions).passage)
        readings = [_reading(p) for p in others if p != question.passage]
        if random.random() >= UNANSWERED:
            readings.append(_reading(question.passage, gold=[question.gold]))
        random.shuffle(readings)
        yield Group(_as_typed(random, question.text), tuple(readings))


def _nearest(questions: Sequence[Question], embedder: Embedder) -> list[list[Passage]]:
    """Return for each question the nearest other passages of its document."""
    passages = list(dict.fromkeys(q.passage for q in questions))
    place = {passage: number for number, passage in enumerate(passages)}
    of_document: dict[str, list[int]] = {}
    for number, passage in enumerate(passages):
        of_document.setdefault(passage.document, []).append(number)
    held = embedder.embed([f"{p.document} > {p.place}\n{p.joiner.join(p.sentences)}" for p in passages])
    asked = embedder.embed([q.text for q in questions])
    nearest = []
    for question, vector in zip(questions, asked, strict=True):
        among = [n for n in of_document[question.passage.document] if n != place[question.passage]]
        order: list[int] = np.argsort(-(held[among] @ vector))[:HARD].tolist() if among else []
        nearest.append([passages[among[n]] for n in order])
    return nearest


def _made_up(random: Random, sources: Sources, *, held_out: bool) -> Group:
    is_table = random.random() < 0.3
    if is_table:
        sheet = build_table(random, rows=random.randint(3, 9))
    else:
        sheet = build_policy(random, rules=random.randint(2, 9), held_out=held_out)
    question = random.choice(sheet.questions)
    gold = [question.gold]
    asked = _as_typed(random, question.text)
    if sheet.follow_ups and random.random() < 0.12:
        earlier = random.choice(sheet.questions)
        asked = f"{earlier.text} {sheet.follow_ups[question.gold]}" if earlier is not question else asked
    others = _distractors(random, sheet, sources, held_out=held_out)
    answered = random.random() >= UNANSWERED
    readings = [_reading(p) for p in others]
    readings += [_reading(question.passage, gold=gold)] if answered else []
    random.shuffle(readings)
    return Group(asked, tuple(readings))


def _distractors(random: Random, sheet: Sheet, sources: Sources, *, held_out: bool) -> list[Passage]:
    near = list(sheet.near)
    others = random.sample(near, min(len(near), random.randint(1, 3)))
    while len(others) < PASSAGES - 1:
        drawn = build_policy(random, rules=random.randint(2, 7), held_out=held_out).passage
        others.append(drawn if random.random() < 0.6 else draw_passages(random, sources, count=1)[0])
    return others


def _keywords(random: Random, sources: Sources) -> Group:
    """A question of a few words that one sentence holds, against passages that don't hold them all."""
    passage = random.choice(sources.passages)
    gold = random.randrange(len(passage.sentences))
    words = [w.strip(".,;:()'\"?!") for w in passage.sentences[gold].split()]
    words = list(dict.fromkeys(w for w in words if len(w) > 4 and w.isalpha()))
    if len(words) < 3:
        return Group("What is this about?", (_reading(passage),))
    picked = random.sample(words, min(len(words), random.choice((2, 3, 3, 4))))
    asked = " ".join(picked) if random.random() < 0.5 else f"What is said about {' and '.join(picked[:2])}?"
    holds = [i for i, s in enumerate(passage.sentences) if all(w in s for w in picked[:2])]
    others = [p for p in draw_passages(random, sources, count=PASSAGES - 1) if p.sentences != passage.sentences]
    return Group(asked, (_reading(passage, gold=holds), *(_reading(p) for p in others)))


def _as_typed(random: Random, text: str) -> str:
    return text.lower().rstrip("?") if random.random() < 0.25 else text
