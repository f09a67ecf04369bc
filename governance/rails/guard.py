"""The rail of the guard model: attacks on the assistant and harmful requests, known by meaning rather than by pattern.

It reports at most one finding of each on the whole of a text, from 0.5 on; a request to harm oneself is told apart, by
model and words together, so that it can be met with help. Its limits are those of the model, named with figures in
`data/models/guard`: English; of harmless texts with an attack's words it takes one in eight for an attack at 0.5, one
in ten at 0.97. An assistant's refusal reads like an attack to it, so it is for what users write. It costs about 10 ms
for 100 words, nothing for a text that it saw lately.
"""

import re
from collections import OrderedDict
from collections.abc import Mapping
from hashlib import sha256
from threading import Lock
from typing import Protocol

from governance.rails.fold import fold
from governance.schema import Finding

INJECTION = "injection"
HARM = "harm"
SELF_HARM = "self_harm"
LEAST = 0.5
# The head for self-harm takes other harm for it, too, so the words have to speak of it as well.
_OF_ONESELF = re.compile(
    r"\b(?:(?:my|your|him|her|them|one)sel(?:f|ves)|suicid\w*|self[- ]?(?:harm|injur|mutilat)\w*|"
    r"(?:my|your|their) (?:own )?(?:life|body|wrists?|arms?|skin|veins?|weight)|starv\w*|purg(?:e|ing)|bing(?:e|ing)|"
    r"anorexi\w*|bulimi\w*|thinspo\w*|pro-?ana|overdos\w*|laxatives?|sleeping pills|noose|hang(?:ing)?|die|dying|death|"
    r"dead|eating disorder|not eat(?:ing)?|stop eating)\b",
    re.IGNORECASE,
)
KEPT = 4096  # texts whose scores are remembered, by digest


class Classifier(Protocol):
    """Says how likely a text is each of some things; `core.encoder.guard_reader.GuardReader` does."""

    @property
    def digest(self) -> str:
        """Return what identifies the weights."""

    def read(self, text: str) -> Mapping[str, float]:
        """Return a probability for each label: `INJECTION`, and where the model tells them, `HARM` and `SELF_HARM`."""


class GuardRail:
    """A rail over a classifier. Not fit for streams."""

    name = "guard"
    categories = frozenset({INJECTION, HARM, SELF_HARM})

    def __init__(self, classifier: Classifier) -> None:
        self.version = classifier.digest
        self._classifier = classifier
        self._seen: OrderedDict[bytes, tuple[tuple[str, float], ...]] = OrderedDict()
        self._lock = Lock()

    def inspect(self, text: str) -> list[Finding]:
        """Return a finding for what is more likely than not."""
        if not text.strip():
            return []
        shown = f"{len(text)} characters"
        return [
            Finding(self.name, category, round(score, 4), 0, len(text), shown)
            for category, score in self._scores(fold(text))
            if score >= LEAST
        ]

    def _scores(self, text: str) -> tuple[tuple[str, float], ...]:
        key = sha256(text.encode("utf-8", "surrogatepass")).digest()
        with self._lock:
            if key in self._seen:
                self._seen.move_to_end(key)
                return self._seen[key]
        read = self._classifier.read(text)
        is_self_harm = read.get(SELF_HARM, 0.0) >= LEAST and _OF_ONESELF.search(text)
        kind = SELF_HARM if is_self_harm else HARM
        scores = (INJECTION, read[INJECTION]), (kind, read.get(HARM, 0.0))
        with self._lock:
            self._seen[key] = scores
            if len(self._seen) > KEPT:
                self._seen.popitem(last=False)
        return scores
