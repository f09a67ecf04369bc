"""Lets contact details pass that are public where an agent works, such as a helpdesk's address.

Only the very characters that were listed pass, and only as contact details: a card or identity number that somebody
lists is still found.
"""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

from governance.rails.rail_set import NamingRail, RailSet, StreamRail
from governance.schema import Finding

PUBLIC = frozenset({"email", "phone"})
LONGEST = 60  # characters: a longer text could end in one piece of a stream and go on in the next


def allow_contacts(rails: RailSet, allow: Collection[str]) -> RailSet:
    """Return rails that let these contact details pass."""
    if not allow:
        return rails
    texts = frozenset(allow)

    def wrap(rail: NamingRail) -> NamingRail:
        return _Allowing(rail, texts) if rail.name == "pii" and isinstance(rail, StreamRail) else rail

    stages: dict[str, Any] = {
        stage: tuple(map(wrap, getattr(rails, stage))) for stage in ("input", "retrieval", "output")
    }
    return replace(rails, **stages)


class _Allowing:
    """A rail without its findings of what is allowed."""

    def __init__(self, rail: Any, texts: frozenset[str]) -> None:
        self.name: str = rail.name
        self.version: str = rail.version
        self.categories: frozenset[str] = rail.categories
        self.undecided_from: Callable[[str], int] = rail.undecided_from
        self._rail, self._texts = rail, texts

    def inspect(self, text: str) -> list[Finding]:
        """Return findings with spans into `text`, sorted by start."""
        return self.inspect_from(text, 0)

    def inspect_from(self, text: str, start: int) -> list[Finding]:
        """Return the findings whose spans begin at `start` or later; what stands before is context alone."""
        return [each for each in self._rail.inspect_from(text, start) if not self._passes(each, text)]

    def _passes(self, finding: Finding, text: str) -> bool:
        return finding.category in PUBLIC and text[finding.start : finding.end] in self._texts
