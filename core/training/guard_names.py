"""Sentences, tables and JSON with names, places, organisations and dates, made from lists, with their spans."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random

from core.training.guard_phrases import load_words, pick_fold
from core.training.guard_rows import Row

_SLOT = re.compile(r"\{(PERSON|LOCATION|ORGANISATION|DATE)\}")
Lists = Mapping[str, Sequence[str]]


def build_name_rows(path: Path, random: Random, *, count: int, fold: int) -> Iterator[Row]:
    """Yield rows whose spans are known, one in seven without any name.

    Args:
        path: The lists.
        random: Decides what is drawn.
        count: How many.
        fold: 0 for the templates kept for calibration (every tenth), 1 for the others.
    """
    lists: Lists = load_words(path)
    templates = pick_fold(lists["templates"], fold=fold)
    for i in range(count):
        if i % 7 == 6:
            yield _row(random.choice(lists["plain"]), ())
        else:
            yield _fill(templates[i % len(templates)], lists, random)


def _fill(template: str, lists: Lists, random: Random) -> Row:
    text, end, spans = "", 0, list[tuple[int, int, str]]()
    for match in _SLOT.finditer(template):
        text += template[end : match.start()]
        value = _draw(match.group(1), lists, random)
        spans.append((len(text), len(text) + len(value), match.group(1)))
        text, end = text + value, match.end()
    return _row(text + template[end:], tuple(spans))


def _draw(kind: str, lists: Lists, random: Random) -> str:
    if kind == "PERSON":
        return _person(lists, random)
    if kind == "ORGANISATION" and random.random() < 0.7:
        return f"{random.choice(lists['org_stem'])} {random.choice(lists['org_tail'])}"
    return random.choice(lists[{"ORGANISATION": "org", "LOCATION": "location", "DATE": "date"}[kind]])


def _person(lists: Lists, random: Random) -> str:
    first, last = random.choice(lists["first"]), random.choice(lists["last"])
    initial = random.choice("ABCDEFGHJKLMNPRSTW")
    forms = (f"{first} {last}", first, f"{random.choice(lists['title'])} {last}", f"{last}, {first}")
    more = (f"{first} {initial}. {last}", f"{initial}. {last}", last)
    return random.choices((*forms, *more), weights=(10, 4, 3, 2, 2, 1, 1))[0]


def _row(text: str, spans: tuple[tuple[int, int, str], ...]) -> Row:
    return Row(text, "own_names", {"injection": 0, "harm": 0, "toxicity": 0, "hate_speech": 0}, spans)
