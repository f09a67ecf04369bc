"""Makes what the reader learns from: questions, each with passages that answer it or only look as if.

Hard passages come from the same document, nearest to the question by the embedder; a share of the questions has no
passage that answers. Public questions stand beside made-up policies and tables, so that everyday wording is learnt too.
Of public passages only the one asked about is known to answer; that no other does is assumed, not checked.

From the command line: `python -m core.training.reader_data -h`.
"""

import argparse
import gzip
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import numpy as np

from core.rag.embedding import Embedder
from core.training.console import say
from core.training.starter_evidence import draw_passages
from core.training.starter_policies import ROW, FactKey, Sheet, build_policy, build_table
from core.training.starter_sources import Passage, Question, Sources, load_sources

PASSAGES = 4  # of one question
HARD = 12  # nearest passages of the same document that hard ones are drawn from
UNANSWERED = 0.2  # of the questions see no passage that answers
FOLLOW_UPS = 0.12  # of the made-up questions need the question before them
ROUNDS = 2  # public questions are drawn so often, each time with other passages
MADE_UP = 9_000
KEYWORDS = 6_000
STRANGERS = 4_000  # requests that no passage answers
TRAIN, QUESTIONS_TEST, FACTS_TEST = "train", "q_test", "facts_test"
_TRIES = 20


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


def main(arguments: Sequence[str] | None = None) -> None:
    """Build the groups and write them."""
    parser = argparse.ArgumentParser(description="Make what readers learn from.")
    parser.add_argument("data", type=Path, metavar="DATA_FOLDER", help="gets the groups")
    parser.add_argument("--source", type=Path, required=True, help="folder of the public data")
    parser.add_argument("--scale", type=float, default=1.0, help="made-up groups, as a share of the usual number")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    counts = write_data(options.source, options.data, embedder=Embedder(), seed=options.seed, scale=options.scale)
    say("  ".join(f"{name} {count}" for name, count in counts.items()))


def write_data(source: Path, folder: Path, *, embedder: Embedder, seed: int, scale: float = 1.0) -> dict[str, int]:
    """Build all groups and write them, those to learn from last; return how many each file holds.

    Args:
        source: Folder of the public data.
        folder: Gets `train.jsonl.gz`, `q_test.jsonl.gz` and `facts_test.jsonl.gz`.
        embedder: Finds the hard passages.
        seed: Decides what is drawn.
        scale: How many made-up groups there are, as a share of the usual number.

    Raises:
        TrainingError: The public data is missing or not in the form that was published.
    """
    learnt, kept = load_sources(source, held_out=False), load_sources(source, held_out=True)
    made = {
        QUESTIONS_TEST: build_question_groups(kept, embedder=embedder, seed=seed),
        FACTS_TEST: build_fact_groups(kept, count=round(MADE_UP * scale / 12), seed=seed),
        TRAIN: build_groups(learnt, embedder=embedder, seed=seed, scale=scale),
    }
    return {name: write_groups(groups, data_file(folder, name)) for name, groups in made.items()}


def data_file(folder: Path, name: str) -> Path:
    """Return where `write_data` puts the groups of this name."""
    return folder / f"{name}.jsonl.gz"


def build_groups(sources: Sources, *, embedder: Embedder, seed: int, scale: float = 1.0) -> Iterator[Group]:
    """Yield every group to learn from, in an order that is not yet mixed; the arguments are those of `write_data`."""
    random = Random(f"reader/{seed}")  # noqa: S311 - training data, not secrets
    yield from build_question_groups(sources, embedder=embedder, seed=seed, rounds=ROUNDS)
    yield from build_fact_groups(sources, count=round(MADE_UP * scale), seed=seed)
    for _ in range(round(KEYWORDS * scale)):
        yield _keywords(random, sources)
    for _ in range(round(STRANGERS * scale)):
        passages = draw_passages(random, sources, count=PASSAGES)
        yield Group(random.choice(sources.requests), tuple(_reading(p) for p in passages))


def build_question_groups(sources: Sources, *, embedder: Embedder, seed: int, rounds: int = 1) -> Iterator[Group]:
    """Yield a group for every public question, as often as there are rounds."""
    random = Random(f"reader/questions/{seed}")  # noqa: S311 - training data, not secrets
    near = _nearest(sources.questions, embedder)
    for _ in range(rounds):
        for question, hard in zip(sources.questions, near, strict=True):
            yield _asked(random, question, hard=hard, sources=sources)


def build_fact_groups(sources: Sources, *, count: int, seed: int) -> Iterator[Group]:
    """Yield groups about made-up policies and tables; where the sources are held out, about facts that are too."""
    random = Random(f"reader/facts/{seed}")  # noqa: S311 - training data, not secrets
    for _ in range(count):
        yield _made_up(random, sources)


def write_groups(groups: Iterable[Group], path: Path) -> int:
    """Write groups as gzipped JSON lines, each passage once; return how many groups. The file is there when whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    known: dict[tuple[str, tuple[str, ...]], int] = {}
    count = 0
    with gzip.open(part, "wt", encoding="utf-8") as file:
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
    part.replace(path)
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


def _asked(random: Random, question: Question, *, hard: Sequence[Passage], sources: Sources) -> Group:
    others = random.sample(hard, min(len(hard), random.choice((1, 2, 3))))
    for _ in range(_TRIES):
        if len(others) >= PASSAGES - 1:
            break
        drawn = random.choice(sources.questions).passage
        if drawn.sentences != question.passage.sentences:
            others.append(drawn)
    readings = [_reading(p) for p in others]
    if random.random() >= UNANSWERED or not readings:
        readings.append(_reading(question.passage, gold=[question.gold]))
    random.shuffle(readings)
    return Group(_as_typed(random, question.text), tuple(readings))


def _nearest(questions: Sequence[Question], embedder: Embedder) -> list[list[Passage]]:
    """Return for each question the nearest other passages of its document; of all, where that has no other."""
    passages = list({q.passage.sentences: q.passage for q in questions}.values())
    place = {passage.sentences: number for number, passage in enumerate(passages)}
    of_document: dict[str, list[int]] = {}
    for number, passage in enumerate(passages):
        of_document.setdefault(passage.document, []).append(number)
    held = embedder.embed([f"{p.document} > {p.place}\n{p.joiner.join(p.sentences)}" for p in passages])
    asked = embedder.embed([q.text for q in questions])
    nearest = []
    for question, vector in zip(questions, asked, strict=True):
        own = place[question.passage.sentences]
        kin = of_document[passages[own].document]
        among = [n for n in (kin if len(kin) > 1 else range(len(passages))) if n != own]
        order: list[int] = np.argsort(-(held[among] @ vector))[:HARD].tolist() if among else []
        nearest.append([passages[among[n]] for n in order])
    return nearest


def _made_up(random: Random, sources: Sources) -> Group:
    sheet = _sheet(random, sources, tables=0.3)
    question = random.choice(sheet.questions)
    asked = _as_typed(random, question.text)
    if random.random() < FOLLOW_UPS:
        asked = f"{sheet.earlier[question.gold]}\n{sheet.follow_ups[question.gold]}"
    readings = [_reading(p) for p in _distractors(random, sheet, sources, asked=sheet.keys[question.gold])]
    if random.random() >= UNANSWERED:
        readings.append(_reading(question.passage, gold=[question.gold]))
    elif random.random() < 0.5:
        readings.append(_reading(_without(question)))
    random.shuffle(readings)
    return Group(asked, tuple(readings))


def _sheet(random: Random, sources: Sources, *, tables: float) -> Sheet:
    if random.random() < tables:
        return build_table(random, rows=random.randint(3, 9))
    return build_policy(random, rules=random.randint(2, 9), held_out=sources.held_out)


def _distractors(random: Random, sheet: Sheet, sources: Sources, *, asked: FactKey) -> list[Passage]:
    """Return passages that do not tell the fact that was asked for, about the same thing."""
    near = list(sheet.near)
    others = random.sample(near, min(len(near), random.randint(1, 3)))
    while len(others) < PASSAGES - 1:
        if random.random() < 0.6:
            others.append(_other_sheet(random, sources, asked=asked).passage)
        else:
            others += draw_passages(random, sources, count=1)
    return others


def _other_sheet(random: Random, sources: Sources, *, asked: FactKey) -> Sheet:
    tables = 0.5 if asked[0] == ROW else 0.1
    while asked in (sheet := _sheet(random, sources, tables=tables)).keys:
        pass
    return sheet


def _without(question: Question) -> Passage:
    """Return the passage of a question without the sentence that answers."""
    whole = question.passage
    kept = tuple(s for i, s in enumerate(whole.sentences) if i != question.gold)
    return Passage(whole.document, whole.place, kept, whole.joiner)


def _keywords(random: Random, sources: Sources) -> Group:
    """A question of a few words that one sentence holds, against passages that don't hold them all."""
    for _ in range(_TRIES):
        passage = random.choice(sources.passages)
        gold = random.randrange(len(passage.sentences))
        words = _long_words(passage.sentences[gold])
        if len(words) >= 3:
            break
    else:
        return Group("What is this about?", (_reading(passage),))
    is_sentence = random.random() < 0.5
    picked = random.sample(words, 2 if is_sentence else random.choice((2, 3, 3, min(4, len(words)))))
    asked = f"What is said about {' and '.join(picked)}?" if is_sentence else " ".join(picked)
    drawn = draw_passages(random, sources, count=PASSAGES - 1)
    others = [_reading(p) for p in drawn if not _holding(p, picked)]
    return Group(asked, (_reading(passage, gold=_holding(passage, picked)), *others))


def _long_words(sentence: str) -> list[str]:
    words = [w.strip(".,;:()'\"?!") for w in sentence.split()]
    return list(dict.fromkeys(w for w in words if len(w) > 4 and w.isalpha()))


def _holding(passage: Passage, words: Sequence[str]) -> list[int]:
    return [i for i, s in enumerate(passage.sentences) if all(w in s for w in words)]


def _as_typed(random: Random, text: str) -> str:
    return text.lower().rstrip("?") if random.random() < 0.25 else text


if __name__ == "__main__":
    main(sys.argv[1:])
