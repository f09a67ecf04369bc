"""Expands templates with word lists: `{slot}` stands for any of the slot's entries, which may hold slots themselves.

A name that no list has stays as it is written, so that braces of code and JSON survive.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from core.errors import TrainingError

_SLOT = re.compile(r"\{([A-Za-z_]\w*)\}")
_MAX_DEPTH = 8
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Phrases:
    """Word lists and the templates that use them.

    Attributes:
        slots: Entries by the slot's name.
        templates: Templates by the group's name.
    """

    slots: Mapping[str, Sequence[str]]
    templates: Mapping[str, Sequence[str]]

    def expand(self, template: str, *, random: Random, depth: int = 0) -> str:
        """Return the template with an entry drawn for each slot."""
        if depth > _MAX_DEPTH:
            raise TrainingError(f"The slots of {template!r} contain each other. Break the circle in the word lists.")

        def draw(match: re.Match[str]) -> str:
            entries = self.slots.get(match.group(1))
            return self.expand(random.choice(entries), random=random, depth=depth + 1) if entries else match.group()

        return _SLOT.sub(draw, template)

    def sample(self, group: str, *, count: int, random: Random, fold: int | None = None) -> list[str]:
        """Return up to `count` different texts of a group, each template as often as the others where it can.

        Args:
            group: A key of `templates`.
            count: How many are wanted; fewer come when the templates don't give more.
            random: Decides which.
            fold: 0 for the templates kept for calibration (every tenth), 1 for the others, None for all.
        """
        templates = pick_fold(self.templates[group], fold=fold)
        texts: dict[str, None] = {}
        for i in range(count * _TRIES if templates else 0):
            if len(texts) >= count:
                break
            texts.setdefault(tidy(self.expand(templates[i % len(templates)], random=random)))
        return list(texts)


def pick_fold(entries: Sequence[str], *, fold: int | None) -> list[str]:
    """Return every tenth entry (the last of fewer than ten) for fold 0, the others for fold 1, all for None."""
    size = min(10, len(entries))
    return [entry for i, entry in enumerate(entries) if fold is None or (i % size != size - 1) == bool(fold)]


def tidy(text: str) -> str:
    """Return the text without the double spaces that empty entries leave."""
    return re.sub(r" {2,}", " ", text).strip()


def load_phrases(path: Path, *, extra: Mapping[str, Sequence[str]] | None = None) -> Phrases:
    """Read a file of phrases.

    Args:
        path: JSON with `slots` and, where there are groups, `templates`.
        extra: Slots that the caller adds.

    Raises:
        TrainingError: It can't be read.
    """
    data = load_words(path)
    return Phrases({**data["slots"], **(extra or {})}, data.get("templates", {}))


def load_words(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        TrainingError: It can't be read.
    """
    try:
        words: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise TrainingError(f"The word lists at {path} can't be read: {exc}. Restore the file.") from exc
    return words
