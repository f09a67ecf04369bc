"""Remembers what was worked out for a list of ids, since the same thousands are asked for again with each question."""

from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

Kept = TypeVar("Kept")


class Scopes(Generic[Kept]):
    """What was worked out for each of a few lists; the lists' order counts. Safe to use from several threads."""

    def __init__(self, most: int) -> None:
        """Take how many lists are remembered; with one more, all are forgotten."""
        self._most = most
        self._kept: dict[tuple[tuple[str, ...], Hashable], Kept] = {}

    def of(self, ids: Sequence[str], make: Callable[[], Kept], *, beside: Hashable = None) -> Kept:
        """Return what was made for these ids and what counts `beside` them, the same each time; made when it is new."""
        key = tuple(ids), beside
        found = self._kept.get(key)
        if found is None:
            found = make()
            if len(self._kept) >= self._most:
                self._kept.clear()
            self._kept[key] = found
        return found
