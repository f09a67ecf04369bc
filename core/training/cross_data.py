"""What the cross-encoder learns from: the reader's groups, and passages written for it with questions of three kinds.

A written passage comes with questions in its own words, with questions in other words, and with questions that look as
if it answered and that it does not. One passage in ten is kept out, whole, to test on.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray

from core.errors import TrainingError
from core.rag.embedding import Embedder
from core.training.reader_baselines import embed_once, text_of
from core.training.reader_data import Group, Labelled

FILES = "passages_*.jsonl"  # of written passages
OTHERS = (1, 2)  # passages read beside the one that was asked about
KEPT_OUT = 0.1
NEAREST = 10  # passages that the others are drawn from
_NEAR = 0.75
_TAKEN_AWAY, _CUT, _FOLLOWING, _TYPED = 0.15, 0.1, 0.1, 0.2


@dataclass(frozen=True, slots=True)
class Asked:
    """A question in several wordings, the passage's own first, and the sentences that answer it."""

    answers: tuple[int, ...]
    wordings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WrittenPassage:
    """A passage with what it answers, and what it only seems to."""

    id: str
    domain: str
    heading: str
    sentences: tuple[str, ...]
    questions: tuple[Asked, ...]
    unanswered: tuple[str, ...]

    def labelled(self, answers: Sequence[int] = ()) -> Labelled:
        """Return it as a reading, with the sentences that answer."""
        return Labelled(self.heading, self.sentences, tuple(answers))

    @property
    def is_kept_out(self) -> bool:
        """Say whether it is for tests alone; its id decides."""
        return sha256(self.id.encode()).digest()[0] < 256 * KEPT_OUT


def load_written(folder: Path) -> list[WrittenPassage]:
    """Return the written passages of a folder.

    Raises:
        TrainingError: A line is not in the form that is described above.
    """
    passages = []
    for path in sorted(folder.glob(FILES)):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if line.strip():
                passages.append(_parse(line, where=f"{path.name}, line {number}"))
    return passages


def _parse(line: str, *, where: str) -> WrittenPassage:
    try:
        row = json.loads(line)
        sentences = tuple(row["sentences"])
        asked = tuple(
            Asked(
                tuple(each["answers"]) if isinstance(each["answers"], list) else (each["answers"],),
                (each["direct"], *each["other_words"]),
            )
            for each in row["questions"]
        )
        if not all(0 <= at < len(sentences) for each in asked for at in each.answers):
            raise TrainingError(f"{where}: an answer is no sentence of the passage.")
        return WrittenPassage(row["id"], row["domain"], row["heading"], sentences, asked, tuple(row["unanswered"]))
    except (ValueError, KeyError, TypeError) as exc:
        raise TrainingError(f"{where} is no written passage: {exc!r}.") from exc


class WrittenGroups:
    """Draws groups from written passages, each passage among others that are near it."""

    def __init__(self, passages: Sequence[WrittenPassage], near: Sequence[Sequence[int]]) -> None:
        """Take the passages, and for each the places of those that are nearest to it."""
        self._passages, self._near = passages, near
        self._asked = [(at, question) for at, p in enumerate(passages) for question in (*p.questions, None)]

    def __len__(self) -> int:
        return sum(len(each.wordings) for passage in self._passages for each in passage.questions)

    def draw(self, random: Random) -> Group:
        """Return a question with its passage, or without it or its answer, among others."""
        at, question = random.choice(self._asked)
        passage = self._passages[at]
        others = [self._other(random, at).labelled() for _ in range(random.choice(OTHERS))]
        if question is None and passage.unanswered:
            asked, own = random.choice(passage.unanswered), [passage.labelled()]
        else:
            question = question or random.choice(passage.questions)
            asked, own = random.choice(question.wordings), _own(random, passage, question)
        if random.random() < _FOLLOWING:
            asked = f"{random.choice(random.choice(passage.questions).wordings)}\n{asked}"
        if random.random() < _TYPED:
            asked = asked.lower().rstrip("?")
        readings = [*own, *others]
        random.shuffle(readings)
        return Group(asked, tuple(readings))

    def _other(self, random: Random, at: int) -> WrittenPassage:
        """Return a passage near this one, or any other."""
        if self._near[at] and random.random() < _NEAR:
            return self._passages[random.choice(self._near[at])]
        others = [n for n in (random.randrange(len(self._passages)) for _ in range(4)) if n != at]
        return self._passages[others[0] if others else at - 1]


class Written:
    """The written passages of a folder that are learnt from; those that came meanwhile join at the next reading."""

    def __init__(self, folder: Path, embedder: Embedder) -> None:
        self._folder, self._embedder = folder, embedder
        self._vectors: dict[str, NDArray[np.float32]] = {}

    def read(self) -> WrittenGroups:
        """Return what the folder holds now."""
        passages = [passage for passage in load_written(self._folder) if not passage.is_kept_out]
        texts = [text_of(passage.labelled()) for passage in passages]
        self._vectors |= embed_once(self._embedder, (text for text in texts if text not in self._vectors))
        if not texts:
            return WrittenGroups([], [])
        matrix = np.stack([self._vectors[text] for text in texts])
        order = np.argsort(-(matrix @ matrix.T), axis=1)[:, 1 : NEAREST + 1]
        return WrittenGroups(passages, order.tolist())


def _own(random: Random, passage: WrittenPassage, question: Asked) -> list[Labelled]:
    """Return the passage that was asked about: whole, without what answers, or not at all."""
    drawn = random.random()
    if drawn < _TAKEN_AWAY:
        return []
    if drawn < _TAKEN_AWAY + _CUT:
        left = tuple(s for at, s in enumerate(passage.sentences) if at not in question.answers)
        return [Labelled(passage.heading, left)] if left else []
    return [passage.labelled(question.answers)]


def drop_some(random: Random, group: Group) -> Group:
    """Return a group with fewer passages: those that answer, and a few others."""
    others = [reading for reading in group.readings if not reading.gold]
    kept = random.sample(others, min(random.choice(OTHERS), len(others)))
    return replace(group, readings=(*(reading for reading in group.readings if reading.gold), *kept))
