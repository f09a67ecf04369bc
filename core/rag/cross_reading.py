"""Joins what the reader and the cross-encoder say of sentences: the reader shortlists, the cross-encoder judges.

The reader is quick and sees single words, numbers and fields; the cross-encoder reads question and passage together and
finds answers in other words. The log-odds of a sentence are

    words * (log-odds of the reader) + cross * (score of the cross-encoder) + meaning * (cosine) + bias

The numbers are of the size that `core.training.cross_fit` fits on questions that neither was trained on. The
cross-encoder reads only the likeliest passages, up to `READ` for each part of a question; elsewhere its score is
`UNREAD`. Likeliest is where the reader's log-odds and `MEANING` times the cosine are highest together: with more weight
on meaning than in a score, a passage in other words is among them more often. One that is `BEHIND` the likeliest by
more is not read: on 200 questions of SQuAD and those about the starter datasets, that spares a third of the reading
and changes no answer.

The reader alone judges records and rows of tables, whose fields the cross-encoder would read as sentences. It also
judges alone what is about another number or code than the question names, which the cross-encoder overlooks. Where the
question asks for so much "per day", and a sentence says that, those that do not answer less.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from core.encoder.cross_encoder import CrossEncoder
from core.rag.reader import is_record, misses
from core.rag.sentences import CELLS

READ = 4
BEHIND = 5.0
MEANING = 20.0
UNREAD = -6.0
LESS = 1.0  # log-odds that a sentence loses which does not say the unit that is asked for, where another does
_SURE = 1e-9
_UNITS = (
    r"second|minute|hour|day|night|week|month|quarter|year|person|head|employee|kilomet(?:re|er)|mile|litre|kilogram"
)
_ASKED_PER = re.compile(rf"\b(?:per|each|every) ({_UNITS})\b", re.I)
_SAID_PER = re.compile(rf"\b(?:per|an?|each|every) ({_UNITS})\b", re.I)
_ADVERBS = {
    "hourly": "hour",
    "daily": "day",
    "nightly": "night",
    "weekly": "week",
    "monthly": "month",
    "yearly": "year",
}


@dataclass(frozen=True, slots=True)
class Joint:
    """Weights of both scores and of the cosine between question and sentence, and the bias."""

    words: float
    cross: float
    meaning: float
    bias: float


JOINT = Joint(words=0.22, cross=0.4, meaning=4.0, bias=-0.68)

Passage = tuple[str, Sequence[str]]
"""A heading and the sentences under it."""


class CrossReading:
    """Reads the likeliest passages of a question again."""

    def __init__(self, encoder: CrossEncoder) -> None:
        self._encoder = encoder

    def score(
        self,
        question: str,
        passages: Sequence[Passage],
        scores: Sequence[Sequence[float]],
        *,
        meanings: Sequence[Sequence[float]],
    ) -> list[list[float]]:
        """Return how far each sentence of each passage answers the question, 0..1.

        Args:
            question: Its last line is what is asked; lines before it are earlier questions.
            passages: All that were found.
            scores: What the reader says of their sentences, 0..1.
            meanings: Cosine between the question and each sentence.

        Raises:
            ModelError: The cross-encoder can't be loaded.
        """
        likely = [_likely(own, meant) for own, meant in zip(scores, meanings, strict=True)]
        judged = {at: rest for at, passage in enumerate(passages) if any(rest := may_judge(question, passage))}
        best = max((likely[at] for at in judged), default=0.0)
        order = sorted((at for at in judged if likely[at] >= best - BEHIND), key=lambda at: -likely[at])[:READ]
        read = dict(zip(order, self._encoder.score(question, [passages[at] for at in order]), strict=True))
        asked = asked_units(question)
        unsaid = [[not says_unit(asked, sentence) for sentence in sentences] for _, sentences in passages]
        less = LESS if any(not each for own in unsaid for each in own) else 0.0
        joined = []
        for at, own in enumerate(scores):
            crossed = read.get(at, [UNREAD] * len(own))
            may = judged.get(at, [False] * len(own))
            joined.append(
                [
                    _join(score, crossed[n], meanings[at][n], less=less * unsaid[at][n]) if may[n] else score
                    for n, score in enumerate(own)
                ]
            )
        return joined


def asked_units(question: str) -> set[str]:
    """Return the units that a question's last line asks for so much of each: "day" for "per day"."""
    return _units(_ASKED_PER, question.rsplit("\n", 1)[-1])


def says_unit(asked: set[str], sentence: str) -> bool:
    """Say whether a sentence says "a day" where "per day" is asked for, and so on; any does where nothing is."""
    return not asked or asked <= _units(_SAID_PER, sentence)


def _units(pattern: re.Pattern[str], text: str) -> set[str]:
    said = {each.lower().replace("meter", "metre") for each in pattern.findall(text)}
    return said | {unit for adverb, unit in _ADVERBS.items() if adverb in text.lower().split()}


def may_judge(question: str, passage: Passage) -> list[bool]:
    """Say of each sentence of a passage whether the cross-encoder has a say on it."""
    heading, sentences = passage
    if is_record(sentences) or any(CELLS in sentence for sentence in sentences):
        return [False] * len(sentences)
    return [not elsewhere for elsewhere in misses(question, heading, sentences)]


def _likely(scores: Sequence[float], meanings: Sequence[float]) -> float:
    return max((_odds(s) + MEANING * m for s, m in zip(scores, meanings, strict=True)), default=0.0)


def _join(score: float, crossed: float, meaning: float, *, less: float) -> float:
    odds = JOINT.words * _odds(score) + JOINT.cross * crossed + JOINT.meaning * meaning + JOINT.bias - less
    return 1 / (1 + math.exp(-odds))


def _odds(score: float) -> float:
    return math.log(max(score, _SURE) / max(1 - score, _SURE))
