"""The reader: says how far each sentence of a passage answers a question, from shared words and the kind of answer.

A score comes from a logistic model over the fields of `Features`:

    score = 1 / (1 + exp(-(BIAS + sum of WEIGHTS[f] * f)))

The weights were fitted on 12 articles of SQuAD 1.1 dev (CC BY-SA 4.0), half of the questions with the article that
answers taken away; the weight of `similarity` was then raised from 3 to 7, which tells answerable questions apart
better. On 12 other articles, at 0.35, the default of `Settings.answerable_threshold`, about as many questions are
wrongly given up as are wrongly answered: 6 in 100. The reader compares words: a true paraphrase scores low, and a
sentence that merely shares the question's rare words scores high.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise

from core.rag.lexical import LexicalIndex

EARLIER_WEIGHT = 0.4  # of words that only an earlier question of the conversation holds
PREFIX = 5  # letters that two stems share to count as related, as electricity and electronics do
RELATED = 0.6


@dataclass(frozen=True, slots=True)
class Features:
    """What the reader sees in a sentence; each 0..1 but `similarity`, which is a cosine.

    Attributes:
        coverage: Share of the question's words in the sentence, weighted by rarity.
        nearby: Share found only in the sentence before or the headings.
        pairs: Share of the question's neighbouring words that are neighbours in the sentence too.
        lead: Coverage relative to the best sentence of the passage.
        lacks: 1 when the question asks for a number, date, person, place or reason and the sentence has none.
        similarity: Between question and passage, from the embedder.
    """

    coverage: float
    nearby: float
    pairs: float
    lead: float
    lacks: float
    similarity: float


LATER, LATEST = 0.15, 6  # of equals the earlier wins: texts say the general before the special
BIAS = -7.6
WEIGHTS = Features(coverage=6.1, nearby=1.4, pairs=1.6, lead=1.2, lacks=-0.8, similarity=7.0)

_NUMBER = re.compile(
    r"(?<![\w-])\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|hundred|"
    r"thousand|million|billion|half|third|quarter|dozen|once|twice|daily|weekly|monthly|yearly|every|never|none|no)\b",
    re.I,
)
_MONEY = re.compile(
    r"[$€£¥]|\b(?:[A-Z]{2}[DFKRY]|EUR|dollars?|euros?|pounds?|cents?|free|nothing|percent)\b|\b[Pp]rice\b"
)
_LENGTH_OF_TIME = re.compile(
    r"\b(?:seconds?|minutes?|hours?|days?|weeks?|months?|years?|decades?|century|centuries|permanently|always|until)\b",
    re.I,
)
_DATE = re.compile(
    r"\b(?:1\d{3}|20\d{2}|\d{1,2}:\d{2}|\d{1,2}(?:st|nd|rd|th)|january|february|march|april|may|june|july|august|"
    r"september|october|november|december|monday|tuesday|wednesday|thursday|friday|saturday|sunday|century|noon|"
    r"midnight|morning|evening|today|tomorrow|hours?|days?|weeks?|months?|years?|before|after|during|until|when)\b",
    re.I,
)
_PERSON = re.compile(
    r"(?<=[a-z,;:] )[A-Z][\w’'-]+|\b(?:manager|head|director|officer|team|desk|department|employee|staff|nurse|doctor|"
    r"physician|operator|supervisor|committee|board|company|engineer|technician|reception)s?\b"
)
_PLACE = re.compile(r"\b(?:in|at|on|to|from|near|into|inside|outside|under|above|behind|next to|through)\b", re.I)
_REASON = re.compile(r"\b(?:because|since|so that|due to|as a result|therefore|to|reason|cause[sd]?|means?)\b", re.I)
_ASKS = tuple(
    (re.compile(asks, re.I), answer)
    for asks, answer in (
        (r"\b(?:when|(?:what|which) (?:year|date|day|month|time))\b", _DATE),
        (r"\b(?:how (?:much|expensive|cheap)|what)\b.*\b(?:cost|costs|price)\b", _MONEY),
        (r"\bhow long\b", _LENGTH_OF_TIME),
        (r"\bhow (?:much|many|far|often|old|big|high|fast|heavy|large|wide|deep|thick|hot|tall)\b", _NUMBER),
        (r"\bwhat (?:percent|percentage|number|amount|temperature|speed|age)\b", _NUMBER),
        (r"\b(?:who|whom|whose)\b", _PERSON),
        (r"\bwhere\b", _PLACE),
        (r"\bwhy\b", _REASON),
    )
)


@dataclass(frozen=True, slots=True)
class _Question:
    """A question's words in order with their weights, and the pattern of the answer that it asks for."""

    weights: dict[str, float]
    pairs: frozenset[tuple[str, str]]
    answer: re.Pattern[str] | None


class Reader:
    """Scores sentences. Uses the lexical index for stems and for how rare each is."""

    def __init__(self, lexical: LexicalIndex) -> None:
        self._lexical = lexical

    def score(
        self, question: str, sentences: Sequence[str], *, context: str = "", similarity: float = 0.0
    ) -> list[float]:
        """Return how far each sentence answers the question, 0..1.

        Args:
            question: Its last line is what is asked; lines before it are earlier questions.
            sentences: Of one passage, in order.
            context: The passage's headings.
            similarity: Cosine between question and passage; 0 when unknown.
        """
        seen = self.features(question, sentences, context=context, similarity=similarity)
        return [_probability(each, less=LATER * min(place, LATEST)) for place, each in enumerate(seen)]

    def features(
        self, question: str, sentences: Sequence[str], *, context: str = "", similarity: float = 0.0
    ) -> list[Features]:
        """Return what `score` sees in each sentence; for fitting and for explaining a score."""
        asked = self._question(question)
        words = [self._lexical.terms(sentence) for sentence in sentences]
        found = [_overlap(asked.weights, frozenset(terms)) for terms in words]
        headings = _overlap(asked.weights, frozenset(self._lexical.terms(context)))
        total = sum(asked.weights.values()) or 1.0
        best = max((_mass(asked, overlap) for overlap in found), default=0.0) or 1.0
        scored = []
        for sentence, terms, own, before in zip(sentences, words, found, [{}, *found], strict=False):
            mass = _mass(asked, own)
            scored.append(
                Features(
                    coverage=mass / total,
                    nearby=(_mass(asked, _best_of(own, headings, before)) - mass) / total,
                    pairs=_pair_share(asked, terms),
                    lead=mass / best,
                    lacks=float(asked.answer is not None and not asked.answer.search(sentence)),
                    similarity=similarity,
                )
            )
        return scored

    def _question(self, question: str) -> _Question:
        *earlier, last = question.strip().split("\n")
        terms = self._lexical.terms(last)
        weights = {term: self._lexical.rarity(term) for term in terms}
        for term in self._lexical.terms("\n".join(earlier)):
            weights.setdefault(term, EARLIER_WEIGHT * self._lexical.rarity(term))
        answer = next((pattern for asks, pattern in _ASKS if asks.search(last)), None)
        return _Question(weights, frozenset(pairwise(terms)), answer)


def _probability(features: Features, *, less: float) -> float:
    total = BIAS - less + sum(getattr(WEIGHTS, f.name) * getattr(features, f.name) for f in fields(Features))
    return 1 / (1 + math.exp(-total))


def _overlap(weights: dict[str, float], terms: frozenset[str]) -> dict[str, float]:
    """Return for each word of the question that is there, 1 when it is the same stem, RELATED when it is akin."""
    found = {term: 1.0 for term in weights if term in terms}
    starts = {term[:PREFIX] for term in terms if len(term) >= PREFIX}
    for term in weights:
        if term not in found and term[:PREFIX] in starts:
            found[term] = RELATED
    return found


def _best_of(*overlaps: dict[str, float]) -> dict[str, float]:
    best: dict[str, float] = {}
    for overlap in overlaps:
        for term, share in overlap.items():
            best[term] = max(share, best.get(term, 0.0))
    return best


def _mass(asked: _Question, overlap: dict[str, float]) -> float:
    return sum(asked.weights[term] * share for term, share in overlap.items())


def _pair_share(asked: _Question, terms: Sequence[str]) -> float:
    if not asked.pairs:
        return 0.0
    return len(asked.pairs & set(pairwise(terms))) / len(asked.pairs)
