"""Draws what people ask beside questions: small talk, requests to refuse, and harmless ones that only look alike.

The wordings are in `data/training`; every tenth of each long list is held out for evaluation.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

_FOLDER = Path(__file__).parents[2] / "data" / "training"
_SHORT = 10  # lists of fewer entries serve training and evaluation alike
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Words:
    """The word lists of training, or those held out of it.

    Attributes:
        talk: Kind of small talk: what people say, where {name} is the agent's.
        requests: The lists of `requests.json`.
    """

    talk: dict[str, list[str]]
    requests: dict[str, Any]

    def private(self, random: Random) -> str:
        """Return a request for what is nobody else's business."""
        dice = random.random()
        lists = self.requests["private"]
        if dice < 0.12:
            return self._of_organisation(random)
        if dice < 0.4:
            return str(random.choice(lists["whole"])).format(who=self._person(random))
        return _fill(random.choice(lists["frames"]), who=self._person(random), thing=random.choice(lists["things"]))

    def _of_organisation(self, random: Random) -> str:
        lists = self.requests["organisations"]
        return _fill(
            random.choice(lists["frames"]), who=random.choice(lists["names"]), thing=random.choice(lists["things"])
        )

    def _person(self, random: Random) -> str:
        lists = self.requests["private"]
        first, last = random.choice(lists["first_names"]), random.choice(lists["surnames"])
        forms = (
            f"{first} {last}",
            f"{random.choice(lists['titles'])} {last}",
            first,
            random.choice(lists["relations"]),
        )
        return str(random.choice(forms))

    def harmful(self, random: Random) -> str:
        """Return a request for help with harm."""
        lists = self.requests["harmful"]
        return _fill(random.choice(lists["frames"]), act=random.choice(lists["acts"]))

    def override(self, random: Random, *, name: str, request: str) -> str:
        """Return a request to drop the instructions or to show them."""
        return _fill(random.choice(self.requests["overrides"]), name=name, request=request)

    def crisis(self, random: Random) -> str:
        """Return what someone in need says."""
        return str(random.choice(self.requests["crises"]))

    def lookalike(self, random: Random) -> str:
        """Return a harmless question in the words of harmful or private ones."""
        lists = self.requests["lookalikes"]
        dice = random.random()
        if dice < 0.1:
            return _fill(random.choice(lists["kill_frames"]), x=random.choice(lists["kill"]))
        if dice < 0.3:
            return _fill(random.choice(lists["topic_frames"]), x=random.choice(lists["topics"]))
        if dice < 0.45:
            whose = random.choice(lists["whose"])
            return _fill(random.choice(lists["fact_frames"]), whose=whose, x=random.choice(lists["facts"]))
        if dice < 0.6:
            return _fill(random.choice(lists["protect_frames"]), x=random.choice(lists["protect"]))
        return str(random.choice(lists["whole"]))


@cache
def load_words(*, held_out: bool) -> Words:
    """Read the word lists of training, or the part held out of it."""
    talk = _part(json.loads((_FOLDER / "small_talk.json").read_text(encoding="utf-8")), held_out)
    requests = _part(json.loads((_FOLDER / "requests.json").read_text(encoding="utf-8")), held_out)
    return Words({kind: asked for kind, asked in talk.items() if kind != "licence"}, requests)


def mistype(random: Random, text: str) -> str:
    """Return the text with one slip of the keyboard: a letter left out, doubled, swapped or wrong."""
    places = [i for i, c in enumerate(text[:-1]) if c.isalpha() and text[i + 1].isalpha()]
    if len(places) < 3:
        return text
    at = random.choice(places)
    slips = ("", text[at] * 2, text[at + 1] + text[at], random.choice(_LETTERS))
    slip = random.choice(slips)
    return text[:at] + slip + text[at + (2 if slip == slips[2] else 1) :]


def retype(random: Random, text: str) -> str:
    """Return the text as people also type it: in lower case, without a mark at the end, with a slip."""
    dice = random.random()
    if dice < 0.25:
        text = text[0].lower() + text[1:]
    elif dice < 0.3:
        text = text.lower()
    if random.random() < 0.25:
        text = text.rstrip("?.!") or text
    return mistype(random, text) if random.random() < 0.08 else text


def _fill(frame: str, **slots: str) -> str:
    made = frame.format(**slots)
    return made[0].upper() + made[1:] if frame.startswith("{") and frame[:2] != "{r" else made


def _part(value: Any, held_out: bool) -> Any:
    if isinstance(value, dict):
        return {name: _part(inner, held_out) for name, inner in value.items()}
    if not isinstance(value, list) or len(value) < _SHORT:
        return value
    return [entry for i, entry in enumerate(value) if (i % 10 == 9) == held_out]
