"""The rail of the guard model: attacks on the assistant, known by meaning rather than by pattern.

It reports one `injection` for a text, on the whole of it, from 0.5 on. Its limits are those of the model, named with
figures in `data/models/guard`: English; harmless texts with an attack's words are taken for one in one of eight at 0.5,
in one of ten at 0.97. An assistant's refusal reads like an attack to it, so it is for what users write. The head for
harm is not used: it takes 3 of 100 office questions for harmful. It costs about 10 ms for 100 words, nothing for a text
that it saw lately.
"""

from collections import OrderedDict
from collections.abc import Mapping
from hashlib import sha256
from threading import Lock
from typing import Protocol

from governance.rails.fold import fold
from governance.schema import Finding

INJECTION = "injection"
LEAST = 0.5
KEPT = 4096  # texts whose scores are remembered, by digest


class Classifier(Protocol):
    """Says how likely a text is each of some things; `core.encoder.guard_reader.GuardReader` does."""

    @property
    def digest(self) -> str:
        """Return what identifies the weights."""

    def read(self, text: str) -> Mapping[str, float]:
        """Return a probability for each label, `INJECTION` among them."""


class GuardRail:
    """A rail over a classifier. Not fit for streams."""

    name = "guard"
    categories = frozenset({INJECTION})

    def __init__(self, classifier: Classifier) -> None:
        self.version = classifier.digest
        self._classifier = classifier
        self._seen: OrderedDict[bytes, float] = OrderedDict()
        self._lock = Lock()

    def inspect(self, text: str) -> list[Finding]:
        """Return a finding when an attack is more likely than not."""
        if not text.strip() or (score := self._score(fold(text))) < LEAST:
            return []
        return [Finding(self.name, INJECTION, round(score, 4), 0, len(text), f"{len(text)} characters")]

    def _score(self, text: str) -> float:
        key = sha256(text.encode("utf-8", "surrogatepass")).digest()
        with self._lock:
            if key in self._seen:
                self._seen.move_to_end(key)
                return self._seen[key]
        score = self._classifier.read(text)[INJECTION]
        with self._lock:
            self._seen[key] = score
            if len(self._seen) > KEPT:
                self._seen.popitem(last=False)
        return score
