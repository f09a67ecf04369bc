"""Fold look-alike characters, so that a rule written in plain ASCII sees what a reader sees.

`fold` keeps the length, so that spans need no mapping. `squeeze` also drops accents and invisible characters and joins
letters that were spaced out, and carries the way back to the original offsets. Look-alikes outside NFKC are those of
the Cyrillic and Greek alphabets only (Unicode TR 39 lists thousands more).
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

INVISIBLE = frozenset(
    "\u00ad\u034f\u061c\u115f\u180e\u200b\u200c\u200d\u200e\u200f\u2060\u2061\u2062\u2063\u2064\ufeff"
)
_LOOKALIKES = dict(
    zip(
        "авеёкмнорстухіјѕԁԛԝһӏАВЕКМНОРСТУХІЈЅαεικνορτυχΑΒΕΗΙΚΜΝΟΡΤΥΧΖ",
        "abeekmhopctyxijsdqwhlABEKMHOPCTYXIJSaeiknoptuxABEHIKMNOPTYXZ",
        strict=True,
    )
)
_SPACED_OUT = re.compile(r"(?<![A-Za-z])[A-Za-z](?:[ ._*-][A-Za-z]){2,}(?![A-Za-z])")
_LEET = str.maketrans("013457$!", "oieastsi")
_LEET_SIGNS = frozenset("013457$!")
_LEET_WORD = re.compile(r"(?<![\w$!])[a-z0-9$!]{3,40}(?![\w$!])", re.IGNORECASE)  # bounded, so that it stays linear


def fold(text: str) -> str:
    """Return the text with each character folded to one ASCII character where it has one; the length stays.

    An invisible character becomes "-", which numbers, tokens and addresses may hold.
    """
    return text if text.isascii() else "".join(map(_fold_one, text))


@lru_cache(maxsize=4096)
def _fold_one(char: str) -> str:
    if char in INVISIBLE:
        return "-"
    category = unicodedata.category(char)
    if category == "Nd":
        return str(unicodedata.decimal(char))
    if category in ("Pd", "Zs"):
        return "-" if category == "Pd" else " "
    if char in _LOOKALIKES:
        return _LOOKALIKES[char]
    plain = unicodedata.normalize("NFKC", char)
    if len(plain) == 1:
        return plain
    return char


@dataclass(frozen=True, slots=True)
class Squeezed:
    """Text without accents, invisible characters and gaps inside spaced-out words.

    Attributes:
        places: For each character of `text`, its offset in the original; one more for the end.
    """

    text: str
    places: Sequence[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the original offsets of a span of `text`."""
        return self.places[start], self.places[end - 1] + 1


@lru_cache(maxsize=4)  # one rail after the other reads the same text, and the end of it
def squeeze(text: str) -> Squeezed:
    """Return the folded text, its accents and invisible characters dropped and its spaced-out words joined."""
    if text.isascii() and not _SPACED_OUT.search(text):
        return Squeezed(text, range(len(text) + 1))
    kept = [i for i, char in enumerate(text) if char.isascii() or not _is_dropped(char)]
    plain = "".join(text[i] if text[i].isascii() else _bare(_fold_one(text[i])) for i in kept)
    gaps = {i for match in _SPACED_OUT.finditer(plain) for i in range(match.start() + 1, match.end(), 2)}
    if gaps:
        kept = [place for i, place in enumerate(kept) if i not in gaps]
        plain = "".join(char for i, char in enumerate(plain) if i not in gaps)
    return Squeezed(plain, (*kept, len(text)))


@lru_cache(maxsize=4096)
def _is_dropped(char: str) -> bool:
    """Say whether a character is invisible, or an accent on the one before it."""
    return char in INVISIBLE or "\U000e0000" <= char <= "\U000e007f" or unicodedata.category(char) == "Mn"


@lru_cache(maxsize=4096)
def _bare(char: str) -> str:
    """Return a letter without its accents, if it is an ASCII letter then."""
    base = unicodedata.normalize("NFD", char)[0]
    return base if base.isascii() else char


def read_leet(text: str) -> str:
    """Return the text with digits and signs inside words read as letters ("1gn0re"); the length stays."""
    if _LEET_SIGNS.isdisjoint(text):
        return text
    return _LEET_WORD.sub(lambda match: _read_word(match.group()), text)


def _read_word(word: str) -> str:
    is_disguised = word[-1].isalpha() and not word.isalpha() and any(char.isalpha() for char in word[:-1])
    return word.translate(_LEET) if is_disguised else word
