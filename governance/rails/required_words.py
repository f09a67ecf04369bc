"""Says which words a pattern can't match without, so that a quick look for them saves most texts the slow search.

It follows a pattern's parts in their order: what must stand next to each other becomes one word, and of all words
found those count whose shortest is longest. Words with letters of other alphabets than Latin are not taken.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import product
from re import _constants, _parser  # type: ignore[attr-defined]  # no public module says how a pattern is made up
from typing import Any

SHORTEST = 2
MOST = 64  # different words that a part may stand for
_REPEATS = (_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT)

Words = frozenset[str]
Part = tuple[Any, Any]  # an operation, and what it works on
_NOTHING: Words = frozenset({""})


def required_words(pattern: re.Pattern[str]) -> tuple[str, ...]:
    """Return words of which at least one stands in `lower_case` of any text that matches; none when that can't be said.

    A word that another one contains stands for both.
    """
    best = _best(_found(list(_parser.parse(pattern.pattern, pattern.flags))))
    words = sorted(best, key=len)
    return tuple(word for n, word in enumerate(words) if not any(shorter in word for shorter in words[:n]))


def lower_case(text: str) -> str:
    """Return a text in lower case, with the two letters i that `re.IGNORECASE` takes for a plain one made plain."""
    return text.lower() if text.isascii() else text.lower().replace("i̇", "i").replace("ı", "i")


def may_match(words: Sequence[str], lowered: str) -> bool:
    """Say whether a text in `lower_case` holds one of the words that a pattern requires, or it requires none."""
    return not words or any(word in lowered for word in words)


def _best(found: Iterable[Words]) -> Words:
    enough = [words for words in found if min(map(len, words)) >= SHORTEST and len(words) <= MOST]
    return max(enough, key=lambda words: (min(map(len, words)), -len(words)), default=frozenset())


def _found(parts: Sequence[Part]) -> list[Words]:
    """Return sets of words; of each, one has to be in what the parts match."""
    found: list[Words] = []
    run = _NOTHING
    for part in parts:
        texts = _texts(part)
        joined = None if texts is None else _join(run, texts)
        if joined is None:
            found.append(run)
            run = texts or _NOTHING
            found += _inside(part) if texts is None else []
        else:
            run = joined
    return [words for words in (*found, run) if "" not in words]


def _inside(part: Part) -> list[Words]:
    """Return sets of words that must be in what a part matches that is more than a few texts."""
    operation, given = part
    if operation is _constants.SUBPATTERN:
        return _found(list(given[3]))
    if operation is _constants.ASSERT and given[0] > 0:
        return _found(list(given[1]))
    if operation in _REPEATS and given[0] >= 1:
        return _found(list(given[2]))
    if operation is _constants.BRANCH:
        each = [_best(_found(list(branch))) for branch in given[1]]
        return [frozenset().union(*each)] if all(each) else []
    return []


def _texts(part: Part) -> Words | None:
    """Return all texts that a part can be, in lower case; None when they are too many or not known."""
    operation, given = part
    if operation is _constants.LITERAL:
        return _letters([given])
    if operation is _constants.IN and all(kind is _constants.LITERAL for kind, _ in given):
        return _letters([code for _, code in given])
    if operation is _constants.SUBPATTERN:
        return _texts_of(list(given[3]))
    if operation is _constants.BRANCH:
        each = [_texts_of(list(branch)) for branch in given[1]]
        return _few(frozenset().union(*(texts for texts in each if texts is not None))) if None not in each else None
    if operation in _REPEATS and given[1] <= 1:
        texts = _texts_of(list(given[2]))
        return None if texts is None else texts | _NOTHING if given[0] == 0 else texts
    is_behind = operation is _constants.ASSERT and given[0] < 0
    return _NOTHING if is_behind or operation in (_constants.AT, _constants.ASSERT_NOT) else None


def _texts_of(parts: Sequence[Part]) -> Words | None:
    run: Words | None = _NOTHING
    for part in parts:
        texts = _texts(part)
        run = None if run is None or texts is None else _join(run, texts)
    return run


def _join(first: Words, second: Words) -> Words | None:
    return _few(frozenset(a + b for a, b in product(first, second)))


def _few(words: Words) -> Words | None:
    return words if len(words) <= MOST else None


def _letters(codes: Sequence[int]) -> Words | None:
    letters = [chr(code) for code in codes]
    known = all(each < "\u0130" for each in letters) and "µ" not in letters
    return frozenset(map(str.lower, letters)) if known else None
