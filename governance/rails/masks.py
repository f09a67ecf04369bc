"""Masks: what stands in a text where personal data or a secret stood.

A value is known again by its letters and digits, whatever their case: two that differ in signs only share a label.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from governance.rails.fold import fold
from governance.schema import Finding

_LABEL = re.compile(r"\[([A-Z][A-Z_]*)_([0-9]+)\]")
_OF_NAMES = "safe_harbour"  # the rail


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a text that is masked as one.

    Attributes:
        category: The category of its highest-scored finding.
    """

    start: int
    end: int
    category: str


def merge_spans(findings: Iterable[Finding]) -> list[Span]:
    """Return the stretches that these findings cover, overlapping ones joined."""
    clusters: list[list[Finding]] = []
    for finding in sorted(findings, key=lambda f: (f.start, -f.end)):
        if clusters and finding.start < max(f.end for f in clusters[-1]):
            clusters[-1].append(finding)
        else:
            clusters.append([finding])
    return [Span(c[0].start, max(f.end for f in c), _category(c)) for c in clusters]


def _category(cluster: Sequence[Finding]) -> str:
    """Return what stands for all of them: what has a form goes before a name, which a model only takes for one."""
    return max(cluster, key=lambda f: (f.rail != _OF_NAMES, f.score, f.end - f.start, f.category)).category


@dataclass(slots=True)
class Masker:
    """Gives the same label to the same value: one for all texts of a conversation."""

    _labels: dict[tuple[str, str], str] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)
    _values: dict[str, str] = field(default_factory=dict)

    def reserve(self, texts: Iterable[str]) -> None:
        """Leave out the labels that stand in these texts already, so that none gets a second meaning."""
        for name, number in (match.groups() for text in texts for match in _LABEL.finditer(text)):
            self._counts[name] = max(self._counts.get(name, 0), int(number))

    def label(self, category: str, value: str) -> str:
        """Return the label of a value, such as `[EMAIL_1]`; spaces, signs and case of the value don't matter."""
        name, plain = category.upper(), _plain(value)
        if (name, plain) not in self._labels:
            self._counts[name] = self._counts.get(name, 0) + 1
            label = f"[{name}_{self._counts[name]}]"
            self._labels[name, plain], self._values[label] = label, value
        return self._labels[name, plain]

    def values(self) -> dict[str, str]:
        """Return label -> the value that it stands for, as it was first written."""
        return dict(self._values)

    def know(self, values: Mapping[str, str]) -> None:
        """Take over the labels of an earlier turn, so that its values keep them."""
        for label, value in values.items():
            if match := _LABEL.fullmatch(label):
                self._labels.setdefault((match[1], _plain(value)), label)
                self._values.setdefault(label, value)
                self._counts[match[1]] = max(self._counts.get(match[1], 0), int(match[2]))

    def mask(self, text: str, spans: Sequence[Span]) -> str:
        """Return the text with each span replaced by its label."""
        pieces, done = [], 0
        for span in spans:
            pieces += [text[done : span.start], self.label(span.category, text[span.start : span.end])]
            done = span.end
        return "".join(pieces) + text[done:]


def _plain(value: str) -> str:
    return "".join(char for char in fold(value).casefold() if char.isalnum())
