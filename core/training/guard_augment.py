"""Disguises of a text, used alike on attacks and on harmless text, so that a disguise alone says nothing."""

import base64
import codecs
from collections.abc import Callable, Sequence
from random import Random

_LOOKALIKES = str.maketrans("aeopcxiAEOPCX", "аеорсхіАЕОРСХ")
_LEET = str.maketrans("aeiost", "431057")
_ZERO_WIDTH = "\u200b\u200c\u2060\ufeff"
_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
Disguise = Callable[[str, Random], str]


def disguise(text: str, *, random: Random) -> str:
    """Return the text in one disguise, the common ones more often."""
    return random.choices(_DISGUISES, weights=_WEIGHTS)[0](text, random)


def embed(inner: str, passages: Sequence[str], *, random: Random, words: int = 60) -> str:
    """Return a piece of a passage with `inner` at its start, middle or end."""
    around = random.choice(passages).split()
    start = random.randrange(max(1, len(around) - words))
    piece = around[start : start + random.randint(10, words)]
    cut = random.choice((0, len(piece) // 2, len(piece)))
    joint = random.choice((" ", "\n", "\n\n"))
    return joint.join(part for part in (" ".join(piece[:cut]), inner, " ".join(piece[cut:])) if part)


def _lower(text: str, random: Random) -> str:
    return text.lower().rstrip(".?!") if random.random() < 0.7 else text.upper()


def _typos(text: str, random: Random) -> str:
    letters = list(text)
    for _ in range(max(1, len(letters) // 40)):
        i = random.randrange(max(1, len(letters) - 1))
        kind = random.randrange(3)
        if kind == 0 and i + 1 < len(letters):
            letters[i], letters[i + 1] = letters[i + 1], letters[i]
        elif kind == 1:
            letters[i] = ""
        else:
            row = next((row for row in _KEYS if letters[i] in row and letters[i]), "")
            letters[i] = random.choice(row) if row else letters[i]
    return "".join(letters)


def _leet(text: str, random: Random) -> str:
    return " ".join(word.translate(_LEET) if random.random() < 0.5 else word for word in text.split(" "))


def _lookalikes(text: str, random: Random) -> str:
    return "".join(char.translate(_LOOKALIKES) if random.random() < 0.5 else char for char in text)


def _zero_width(text: str, random: Random) -> str:
    return "".join(char + (random.choice(_ZERO_WIDTH) if random.random() < 0.2 else "") for char in text)


def _spaced(text: str, random: Random) -> str:
    return " ".join(" ".join(word) if len(word) > 3 and random.random() < 0.5 else word for word in text.split(" "))


def _wrapped(text: str, random: Random) -> str:
    before, after = random.choice(
        (
            ("Hi, ", " Thanks!"),
            ("", "\n\nThank you very much in advance."),
            ("I have a question. ", ""),
            ('"', '"'),
            ("Text: ", ""),
            ("User: ", "\nAssistant:"),
            ("### Task\n", "\n### Answer"),
            ("<p>", "</p>"),
            ("- ", ""),
            ("Question: ", ""),
            ("Input: ", ""),
            ("Hello assistant, ", " Please be quick."),
            ("So... ", " lol"),
            ("```\n", "\n```"),
        )
    )
    return f"{before}{text}{after}"


def _encoded(text: str, random: Random) -> str:
    if random.random() < 0.5:
        return base64.b64encode(text.encode()).decode()
    return codecs.encode(text, "rot13")


_DISGUISES: tuple[Disguise, ...] = (_lower, _typos, _wrapped, _leet, _lookalikes, _zero_width, _spaced, _encoded)
_WEIGHTS = (5, 4, 6, 1, 0.5, 0.5, 0.7, 0.2)
