"""The reader: says how far each sentence of a passage answers a question, from words, meaning and the kind of answer.

A score comes from a logistic model over the fields of `Features`:

    score = 1 / (1 + exp(-(bias + sum of weight[f] * f)))

The weights of words were fitted on 12 articles of SQuAD 1.1 dev (CC BY-SA 4.0), half of the questions with the article
that answers taken away. The weight of `unknown` is a log-likelihood ratio: where a question names a number, 13 % of the
passages that answer are without it (n 799) and 79 % of the others; where it says a name, 11 % (n 253) and 69 %. How
much `meaning` counts beside them, and what that brings, is measured by `core.training.reader_fit`.

Meaning finds a true paraphrase and is less sure of what is missing; words tell a near miss apart. A question in other
words about something that no passage holds is still answered wrongly more often than any other.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise

from core.rag.lexical import LexicalIndex
from core.rag.sentences import CELLS

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
        unknown: 1 when the question names a number or a code ("2031", "LC-500") that neither passage nor headings hold,
            or the sentence says another number in its place, only repeats the question, or is a row of what belongs to
            the thing that is asked about; else the share of the names in the question ("Tesla") that they don't hold.
        meaning: Cosine between question and sentence, from the sentence encoder.
        late: Sentences before it in the passage, up to LATEST.
    """

    coverage: float
    nearby: float
    pairs: float
    lead: float
    lacks: float
    similarity: float
    unknown: float
    meaning: float
    late: float


@dataclass(frozen=True, slots=True)
class Weights:
    """Of a logistic model over features."""

    bias: float
    of: Features


LATEST = 6
BY_WORDS = Weights(
    -7.6,
    Features(
        coverage=6.1, nearby=1.4, pairs=1.6, lead=1.2, lacks=-0.8, similarity=7.0, unknown=-3.2, meaning=0.0, late=-0.15
    ),
)
BY_MEANING = Weights(
    -6.5,
    Features(
        coverage=6.1, nearby=1.4, pairs=1.6, lead=1.2, lacks=-0.8, similarity=1.5, unknown=-3.2, meaning=7.0, late=-0.15
    ),
)

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


_KIND = re.compile(r"\b(?:cost|costs|price|prices|priced|expensive|cheap)\b", re.I)  # said by the amount itself
_NAMED = re.compile(r"[^\W_](?:[\w.,:/-]*\w)?")
_MARKS = re.compile(r"[,._:/-]")
_WORDS = re.compile(r"[^\W\d_]+")
_NAME = re.compile(r"(?<=[^.?!:\s] )[\"“‘'(]?([A-ZÀ-ÖØ-Þ][^\W\d_]+)")
_CODE = re.compile(r"\b(?=[\w-]*\d)[A-Z][\w]*(?:-\w+)*\b")
_COUNTED = re.compile(
    r"\b(?!(?:about|after|and|around|before|during|every|for|from|least|most|only|over|since|than|under|until|with|within)\b)"
    r"([^\W\d_]{3,})\s+(\d[\d.,:/-]*)"
)
_LABEL = re.compile(r"([A-Z][\w /-]{0,30}):\s")  # of a record's field, as in "Resolution: ..."
_ASKS_REMEDY = re.compile(
    r"\b(?:solv|fix|repair|resolv|mend|cure|remed|caus|why\b|what (?:was|is|went) wrong|what happened|"
    r"help(?:s|ed)? against)",
    re.I,
)
_REMEDY = re.compile(r"(?:resolution|solution|answer|fix|cause|reason|outcome|remedy|action|result|root cause)\b", re.I)


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked.

    Attributes:
        weights: Of its words.
        pairs: Its neighbouring words.
        answer: Pattern of the kind of answer, when it asks for one.
        asks_remedy: Whether it asks why something happened or what helped.
    """

    weights: dict[str, float]
    pairs: frozenset[tuple[str, str]]
    answer: re.Pattern[str] | None
    asks_remedy: bool


class Reader:
    """Scores sentences. Uses the lexical index for stems and for how rare each is."""

    def __init__(self, lexical: LexicalIndex) -> None:
        self._lexical = lexical

    def score(
        self,
        question: str,
        sentences: Sequence[str],
        *,
        context: str = "",
        similarity: float = 0.0,
        meanings: Sequence[float] | None = None,
    ) -> list[float]:
        """Return how far each sentence answers the question, 0..1.

        Args:
            question: Its last line is what is asked; lines before it are earlier questions.
            sentences: Of one passage, in order.
            context: The passage's headings.
            similarity: Cosine between question and passage; 0 when unknown.
            meanings: Cosine between question and each sentence; None to read by words alone.
        """
        weights = BY_WORDS if meanings is None else BY_MEANING
        seen = self.features(question, sentences, context=context, similarity=similarity, meanings=meanings)
        return [_probability(each, weights) for each in seen]

    def features(
        self,
        question: str,
        sentences: Sequence[str],
        *,
        context: str = "",
        similarity: float = 0.0,
        meanings: Sequence[float] | None = None,
    ) -> list[Features]:
        """Return what `score` sees in each sentence; for fitting and for explaining a score."""
        asked = self._question(question)
        words = [self._lexical.terms(sentence) for sentence in sentences]
        found = [_overlap(asked.weights, frozenset(terms)) for terms in words]
        pairs = [_pair_share(asked, terms) for terms in words]
        lacks = [float(asked.answer is not None and not asked.answer.search(sentence)) for sentence in sentences]
        nearness = [0.0] * len(sentences) if meanings is None else list(meanings)
        fields_asked = self._fields_asked_for(asked, sentences)
        if any(fields_asked):  # the fields of a record speak of one thing, so one stands for all
            whole = _best_of(*found)
            found = [
                _best_of(own, whole) if is_asked else own for own, is_asked in zip(found, fields_asked, strict=True)
            ]
            pairs = [max(pairs) if is_asked else own for own, is_asked in zip(pairs, fields_asked, strict=True)]
            nearness = [
                max(nearness) if is_asked else own for own, is_asked in zip(nearness, fields_asked, strict=True)
            ]
            lacks = [float(not is_asked) for is_asked in fields_asked]
        unknown = [
            elsewhere or self._repeats(asked, sentence) or is_beside(question, sentence)
            for elsewhere, sentence in zip(misses(question, context, sentences), sentences, strict=True)
        ]
        unnamed = names_missed(question, f"{context} {' '.join(sentences)}")
        headings = _overlap(asked.weights, frozenset(self._lexical.terms(context)))
        total = sum(asked.weights.values()) or 1.0
        best = max((_mass(asked, overlap) for overlap in found), default=0.0) or 1.0
        return [
            Features(
                coverage=_mass(asked, own) / total,
                nearby=(_mass(asked, _best_of(own, headings, before)) - _mass(asked, own)) / total,
                pairs=paired,
                lead=_mass(asked, own) / best,
                lacks=lacking,
                similarity=similarity,
                unknown=1.0 if elsewhere else unnamed,
                meaning=meaning,
                late=min(place, LATEST),
            )
            for place, (own, before, paired, lacking, meaning, elsewhere) in enumerate(
                zip(found, [{}, *found], pairs, lacks, nearness, unknown, strict=False)
            )
        ]

    def _fields_asked_for(self, asked: _Question, sentences: Sequence[str]) -> list[bool]:
        """Say of each line whether it is the field of a record that the question asks for."""
        labels = [_LABEL.match(sentence) for sentence in sentences]
        if not is_record(sentences):
            return [False] * len(sentences)
        asked_for: list[bool] = []
        for label, sentence in zip(labels, sentences, strict=True):
            if label is None:  # goes on with the field before
                asked_for.append(bool(asked_for) and asked_for[-1])
            else:
                asked_for.append(self._is_asked_for(asked, label[1], sentence[label.end() :]))
        return asked_for

    def _repeats(self, asked: _Question, sentence: str) -> bool:
        """Say whether a field's value says only what the question says, as "Product: LC-150" does of its price."""
        label = _LABEL.match(sentence)
        if label is None or CELLS in sentence:
            return False
        value = self._lexical.terms(sentence[label.end() :])
        return bool(value) and all(term in asked.weights for term in value)

    def _is_asked_for(self, asked: _Question, label: str, value: str) -> bool:
        """Say whether a field answers: its label is asked for, and its value says what the question does not."""
        if asked.asks_remedy:
            return _REMEDY.match(label) is not None
        names = any(term in asked.weights for term in self._lexical.terms(label))
        return names and any(term not in asked.weights for term in self._lexical.terms(value))

    def _question(self, question: str) -> _Question:
        *earlier, last = question.strip().split("\n")
        answer = next((pattern for asks, pattern in _ASKS if asks.search(last)), None)
        terms = self._lexical.terms(_KIND.sub(" ", last) if answer is _MONEY else last)
        weights = {term: self._lexical.rarity(term) for term in terms}
        for term in self._lexical.terms("\n".join(earlier)):
            weights.setdefault(term, EARLIER_WEIGHT * self._lexical.rarity(term))
        return _Question(weights, frozenset(pairwise(terms)), answer, bool(_ASKS_REMEDY.search(last)))


def is_record(sentences: Sequence[str]) -> bool:
    """Say whether sentences are the labelled fields of a record."""
    return sum(_LABEL.match(sentence) is not None for sentence in sentences) >= 2


def _probability(features: Features, weights: Weights) -> float:
    total = weights.bias + sum(getattr(weights.of, f.name) * getattr(features, f.name) for f in fields(Features))
    return 1 / (1 + math.exp(-total))


def _named(text: str) -> frozenset[str]:
    """Return the numbers and codes of a text, without the marks that people leave out."""
    words = (_MARKS.sub("", each).lower() for each in _NAMED.findall(text))
    return frozenset(word for word in words if any(char.isdigit() for char in word))


def misses(question: str, context: str, sentences: Sequence[str]) -> list[bool]:
    """Say of each sentence of a passage whether it is about another number or code than the question names.

    It is where neither passage nor headings hold what the question's last line names, where a table's row does not, or
    where the sentence says another number behind the same word: "Alarm 6" for "Alarm 4".
    """
    asked = question.strip().rsplit("\n", 1)[-1]
    named = _named(asked)
    if not _holds_all(f"{context} {' '.join(sentences)}", named):
        return [True] * len(sentences)
    counted = _COUNTED.findall(asked.lower())
    return [
        (CELLS in sentence and not _holds_all(f"{context} {sentence}", named))
        or any(_counts_otherwise(sentence.lower(), *each) for each in counted)
        for sentence in sentences
    ]


def is_beside(question: str, row: str) -> bool:
    """Say whether a table's row is about something that belongs to what the question names by a code.

    "Laser tube for LC-80" and "Service, LC-80 and LC-150" are, where "the LC-80" is asked about; unless the question
    says another word of that cell, such as "tube".
    """
    if CELLS not in row:
        return False
    words = {each.lower() for each in _WORDS.findall(question)}
    for code in _CODE.findall(question):
        said = re.compile(rf"(?<![\w-]){re.escape(code)}(?![\w-])", re.I)
        cell = next((cell.partition(": ")[2] for cell in row.split(CELLS) if said.search(cell)), None)
        if cell is None:
            continue
        others = {each.lower() for each in _WORDS.findall(said.sub(" ", cell)) if len(each) > 2}
        is_for = re.search(rf"\bfor (?:the )?{re.escape(code)}(?![\w-])", cell, re.I) is not None
        has_others = any(each.lower() != code.lower() for each in _CODE.findall(cell))
        if (is_for or has_others) and not others & words - {"and", "for", "the"}:
            return True
    return False


def names_missed(question: str, passage: str) -> float:
    """Return the share of the names in the question's last line that a passage does not hold, 0..1.

    A name begins with a capital letter within a sentence. One that goes on otherwise, as "Canadian" for "Canada" does,
    counts as held.
    """
    asked = question.strip().rsplit("\n", 1)[-1]
    names = {each.lower() for each in _NAME.findall(asked)}
    words = {each.lower() for each in _WORDS.findall(passage)}
    starts = {each[:PREFIX] for each in words if len(each) >= PREFIX}
    missed = [each for each in names if each not in words and each[:PREFIX] not in starts]
    return len(missed) / max(len(names), 1)


def _counts_otherwise(sentence: str, word: str, number: str) -> bool:
    said = any(each == word for each, _ in _COUNTED.findall(sentence))
    return said and not _holds_all(sentence, _named(number))


def _holds_all(text: str, named: frozenset[str]) -> bool:
    if not named:
        return True
    plain = _MARKS.sub("", text.lower())
    squeezed = "".join(plain.split())
    return all(
        re.search(rf"(?<!\d){re.escape(each)}(?!\d)", plain) or (not each.isdigit() and each in squeezed)
        for each in named
    )


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
