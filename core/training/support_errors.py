"""Makes a true sentence wrong in one place: another number or name, a negation, an opposite, a part from elsewhere."""

import calendar
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from core.rag.support_words import FUNCTION_WORDS, OPPOSITES

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][\w'-]+(?: [A-Z][\w'-]+)*")
_NOT = re.compile(r"\b(?:not|never|no)\b ?|n't\b")
_HELPER = re.compile(r"\b(?:is|was|are|were|has|have|had|can|could|may|must|should|will|would|did|does|do)\b")
_TERM = re.compile(r"\b[a-z]{5,}\b")
_MONTHS = tuple(calendar.month_name)[1:]


@dataclass(frozen=True, slots=True)
class Pool:
    """Where wrong parts come from: sentences of the passages at hand, and of others."""

    here: tuple[str, ...]
    elsewhere: tuple[str, ...]


Error = Callable[[str, Pool, Random], str | None]


def is_number(text: str) -> bool:
    """Say whether a text holds a digit."""
    return any(char.isdigit() for char in text)


def change_number(sentence: str, pool: Pool, random: Random) -> str | None:
    """Put another number in the place of one."""
    found = list(_NUMBER.finditer(sentence))
    if not found:
        return change_name(sentence, pool, random)
    match = random.choice(found)
    digits = match.group()
    known = " ".join(pool.here)
    for _ in range(8):
        place = random.randrange(len(digits))
        wrong = (
            digits[:place] + str(random.randrange(1, 10)) + digits[place + 1 :] if digits[place].isdigit() else digits
        )
        if wrong != digits and wrong not in known:
            return sentence[: match.start()] + wrong + sentence[match.end() :]
    return None


def change_name(sentence: str, pool: Pool, random: Random) -> str | None:
    """Put another name in the place of one, from elsewhere if there is one."""
    found = list(_NAME.finditer(sentence))
    if not found:
        return change_term(sentence, pool, random)
    match = random.choice(found)
    if match.group() in _MONTHS:
        return _replaced(sentence, match, random.choice([each for each in _MONTHS if each != match.group()]))
    names = {name for text in (*pool.elsewhere, *pool.here) for name in _NAME.findall(text)} - {match.group()}
    return _replaced(sentence, match, random.choice(sorted(names))) if names else None


def negate(sentence: str, pool: Pool, random: Random) -> str | None:
    """Take a negation away, or put one in."""
    if _NOT.search(sentence):
        return _NOT.sub("", sentence, count=1)
    match = _HELPER.search(sentence)
    return _replaced(sentence, match, f"{match.group()} not") if match else None


def oppose(sentence: str, pool: Pool, random: Random) -> str | None:
    """Put the opposite in the place of a word that has one."""
    words = [match for match in re.finditer(r"\b[a-z]+\b", sentence) if match.group() in OPPOSITES]
    if not words:
        return negate(sentence, pool, random)
    match = random.choice(words)
    return _replaced(sentence, match, random.choice(OPPOSITES[match.group()]))


def change_term(sentence: str, pool: Pool, random: Random) -> str | None:
    """Put other words of meaning in the place of one or two."""
    terms = sorted({t for text in pool.elsewhere or pool.here for t in _TERM.findall(text)} - FUNCTION_WORDS)
    for _ in range(random.choice((1, 1, 2))):
        found = [match for match in _TERM.finditer(sentence) if match.group() not in FUNCTION_WORDS]
        if not found or not terms:
            return None
        sentence = _replaced(sentence, random.choice(found), random.choice(terms))
    return sentence


def add_part(sentence: str, pool: Pool, random: Random) -> str | None:
    """Go on with what stands elsewhere."""
    parts = [" ".join(text.split()[-random.randrange(4, 12) :]) for text in _some(pool.elsewhere, random)]
    known = " ".join(pool.here)
    parts = [part for part in parts if part not in known and len(part.split()) >= 4]
    return f"{sentence.rstrip('.')}, and {parts[0]}" if parts else None


def change_end(sentence: str, pool: Pool, random: Random) -> str | None:
    """Begin as the sentence does and go on as another one does."""
    words = sentence.split()
    parts = [text.split() for text in _some(pool.elsewhere or pool.here, random)]
    ends = [part[len(part) // 2 :] for part in parts if " ".join(part) != sentence and len(part) >= 6]
    return " ".join([*words[: max(3, len(words) // 2)], *ends[0]]) if ends else None


def _some(texts: Sequence[str], random: Random) -> list[str]:
    return random.sample(list(texts), min(6, len(texts)))


def _replaced(sentence: str, match: re.Match[str], instead: str) -> str:
    return sentence[: match.start()] + instead + sentence[match.end() :]


ERRORS: tuple[Error, ...] = (change_number, change_name, negate, oppose, change_term, change_term, add_part, change_end)
