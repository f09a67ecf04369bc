"""What a sentence shares with passages, in numbers: words, pairs of them, numbers, names, negations. English.

Words are compared by stem and, where no stem is shared, by the word vectors of MiniLM. What a sentence means as a
whole, and what it leaves out, isn't seen.
"""

import itertools
import re
import unicodedata
from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from core.encoder.minilm import load_words
from core.encoder.packing import tokenize
from core.rag.sentences import split_sentences
from core.rag.support_words import (
    ANTONYMS,
    FUNCTION_WORDS,
    NEGATIONS,
    NUMBER_WORDS,
    PERSONAL,
    normal_number,
    stem,
)

FEATURES = (
    "words_in_passages",
    "words_in_best_sentence",
    "words_alike",
    "least_alike",
    "missing_words",
    "pairs_kept",
    "numbers_missing",
    "names_missing",
    "negation_differs",
    "antonym",
    "personal",
)
_WORD = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)?")
_FIRST_WORD_ID = 1996  # from here on the vocabulary of MiniLM is ordered by frequency
_KEPT = 20_000
_MOST = 0.6  # share of the nearest sentence from which its negation is the sentence's own, not another clause's

Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Words:
    """A sentence, read once.

    Attributes:
        stems: Of all words, in order.
        content: Of the words that carry meaning, in order, numbers among them.
        spelled: The lower-case words behind `content`.
        figures: The numbers that are written in digits.
        names: Stems of words with a capital inside the sentence.
    """

    stems: tuple[str, ...]
    content: tuple[str, ...]
    spelled: tuple[str, ...]
    numbers: frozenset[str]
    figures: frozenset[str]
    names: frozenset[str]
    negated: bool
    personal: int


@dataclass(frozen=True, slots=True)
class Passages:
    """The sentences of one or more passages, read once."""

    sentences: tuple[Words, ...]
    stems: frozenset[str]
    numbers: frozenset[str]
    pairs: frozenset[tuple[str, str]]
    vectors: Vector


@dataclass(frozen=True, slots=True)
class Shared:
    """What a sentence shares with passages: the features, and by name what the passages lack or say otherwise."""

    features: Vector
    in_best: float
    numbers_missing: tuple[str, ...]
    names_missing: tuple[str, ...]
    flipped: bool


class WordVectors:
    """Unit vectors and weights of words, 0 for the commonest to 1 for rare ones. Safe to share between threads."""

    def __init__(self) -> None:
        self._tokenizer, vectors = load_words()
        self._vectors = vectors
        self._mean = vectors[_FIRST_WORD_ID:].mean(axis=0)
        self._known: OrderedDict[str, tuple[Vector, float]] = OrderedDict()
        self._lock = Lock()

    def look_up(self, words: Sequence[str]) -> tuple[Vector, Vector]:
        """Return the words' vectors, one per row, and their weights."""
        with self._lock:
            unknown = sorted({word for word in words if word not in self._known})
            for word, ids in zip(unknown, tokenize(self._tokenizer, unknown) if unknown else (), strict=True):
                self._known[word] = self._read(ids)
            found = [self._known[word] for word in words]
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        if not found:
            return np.zeros((0, self._mean.size), dtype=np.float32), np.zeros(0, dtype=np.float32)
        return np.stack([vector for vector, _ in found]), np.array([weight for _, weight in found], dtype=np.float32)

    def _read(self, ids: Sequence[int]) -> tuple[Vector, float]:
        if not ids:
            return np.zeros_like(self._mean), 1.0
        vector = self._vectors[list(ids)].mean(axis=0) - self._mean
        rank = max(2, ids[0] - _FIRST_WORD_ID)
        weight = float(np.log(rank) / np.log(28_526)) if len(ids) == 1 else 1.0
        return vector / max(float(np.linalg.norm(vector)), 1e-6), max(0.2, min(1.0, weight))


def read_words(text: str) -> Words:
    """Read a sentence."""
    stems, content, spelled, numbers, figures, names = [], [], [], set(), set(), set()
    negated, personal = False, 0
    for at, match in enumerate(_WORD.finditer(unicodedata.normalize("NFKC", text))):
        word = match.group().replace("’", "'")
        lowered = word.lower()
        plain = NUMBER_WORDS.get(lowered, lowered)
        if plain[0].isdigit():
            number = normal_number(plain)
            numbers.add(number)
            figures |= {number} if lowered == plain else set()
            stems.append(number)
            content.append(number)
            spelled.append(number)
            continue
        stemmed = stem(lowered)
        stems.append(stemmed)
        negated ^= lowered in NEGATIONS or lowered.endswith("n't")
        personal += lowered in PERSONAL
        if lowered not in FUNCTION_WORDS and len(stemmed) > 1 and not lowered.endswith("n't"):
            content.append(stemmed)
            spelled.append(lowered)
            if at and word[0].isupper():
                names.add(stemmed)
    return Words(
        tuple(stems),
        tuple(content),
        tuple(spelled),
        frozenset(numbers),
        frozenset(figures),
        frozenset(names),
        negated,
        personal,
    )


def read_passages(texts: Iterable[str], vectors: WordVectors) -> Passages:
    """Read passages."""
    sentences = tuple(words for text in texts for each in split_sentences(text) if (words := read_words(each)).stems)
    spelled = list(dict.fromkeys(word for each in sentences for word in each.spelled))
    return Passages(
        sentences,
        frozenset(stemmed for each in sentences for stemmed in each.stems),
        frozenset(number for each in sentences for number in each.numbers),
        frozenset(pair for each in sentences for pair in itertools.pairwise(each.content)),
        vectors.look_up(spelled)[0],
    )


def compare(sentence: str, passages: Passages, vectors: WordVectors) -> Shared:
    """Return what a sentence shares with passages."""
    claim = read_words(sentence)
    own, weights = vectors.look_up(claim.spelled)
    total = float(weights.sum())
    is_there = np.array([stemmed in passages.stems for stemmed in claim.content], dtype=bool)
    alike = np.where(is_there, 1.0, _nearest(own, passages.vectors)) if claim.content else np.ones(1)
    covers = [_covered(claim.content, weights, each.content) for each in passages.sentences]
    best = int(np.argmax([cover.sum() for cover in covers])) if covers else -1
    top = covers[best] if covers else np.zeros_like(weights)
    nearest = passages.sentences[best] if covers else read_words("")
    numbers = claim.numbers - passages.numbers
    names = tuple(sorted(claim.names - passages.stems))
    antonym = _opposes(claim, nearest)
    negation = claim.negated != nearest.negated
    pairs = tuple(itertools.pairwise(claim.content))
    features = (
        _share(float(weights[is_there].sum()) if claim.content else 0.0, total),
        _share(float(top.sum()), total),
        float(np.average(alike, weights=weights)) if claim.content else 1.0,
        float(np.sort(alike)[: max(1, len(alike) // 4)].mean()),
        float(np.log1p((weights * (1 - alike)).sum())) if claim.content else 0.0,
        _share(sum(pair in passages.pairs for pair in pairs), len(pairs)),
        min(2.0, len(numbers)),
        min(2.0, len(names)),
        float(negation),
        float(antonym),
        _share(claim.personal - min(claim.personal, nearest.personal), len(claim.stems), empty=0.0),
    )
    figures = tuple(sorted(numbers & claim.figures))
    is_whole = len(set(claim.content) & set(nearest.content)) >= _MOST * len(set(nearest.content))
    flipped = (negation or antonym) and is_whole
    return Shared(np.array(features, dtype=np.float32), features[1], figures, names, flipped)


def _covered(content: Sequence[str], weights: Vector, held: Collection[str]) -> Vector:
    there = set(held)
    return np.array(
        [weight if stemmed in there else 0.0 for stemmed, weight in zip(content, weights, strict=True)],
        dtype=np.float32,
    )


def _nearest(own: Vector, others: Vector) -> Vector:
    if not len(others):
        return np.zeros(len(own), dtype=np.float32)
    nearest: Vector = np.clip((own @ others.T).max(axis=1), 0.0, 1.0)
    return nearest


def _opposes(claim: Words, nearest: Words) -> bool:
    """Say whether the sentence uses the opposite of a word of the nearest one, and not the word itself."""
    mine, theirs = set(claim.stems), set(nearest.stems)
    return any(ANTONYMS.get(stemmed, frozenset()) & (theirs - mine) for stemmed in mine - theirs)


def _share(part: float, whole: float, *, empty: float = 1.0) -> float:
    return part / whole if whole else empty
