"""Public texts as the model reads them to learn English: rows of about one length, from anywhere in a page or book."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from tokenizers import Tokenizer

from core.training.starter_tokenizer import Encoded

ROW_TOKENS = 512
_ROW_CHARACTERS = 2300  # give about so many tokens
_FILES = ("18f_handbook", "wikipedia_pages", "python_peps", "classic_books_sample")  # the last may be missing
_MAX_CHARACTERS = 18_000_000  # per file; of more, a training would not read everything once


@dataclass(frozen=True, slots=True)
class Reading:
    """All texts of training, none of the pages that are held out."""

    texts: tuple[str, ...]
    tokenizer: Tokenizer

    def draw(self, random: Random) -> Encoded:
        """Return a row from anywhere, long texts more often than short ones."""
        text = max((random.choice(self.texts) for _ in range(2)), key=len)
        start = random.randrange(max(len(text) - _ROW_CHARACTERS, 1))
        row = self.tokenizer.encode(text[start : start + _ROW_CHARACTERS].lstrip()).ids[:ROW_TOKENS]
        return Encoded(tuple(row), len(row), is_text=True)


def load_reading(folder: Path, *, tokenizer: Tokenizer) -> Reading:
    """Read the texts."""
    return Reading(tuple(text for name in _FILES for text in _texts(folder / f"text/{name}.jsonl.gz")), tokenizer)


def is_held_out(page: int) -> bool:
    """Say whether the page with this number in its file is kept for evaluation."""
    return page % 10 == 9


def _texts(path: Path) -> Iterator[str]:
    left = _MAX_CHARACTERS
    if not path.exists():
        return
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for number, line in enumerate(file):
            row: dict[str, Any] = json.loads(line)
            left -= len(row["text"])
            if left < 0:
                return
            if not is_held_out(number):
                yield row["text"].replace("<|", "< |")
