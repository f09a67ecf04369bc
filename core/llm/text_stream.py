"""Bytes of tokens to text, as early as possible: never half a character, never the start of a stop string."""

import codecs
from collections.abc import Sequence


class TextStream:
    """Decodes one answer.

    Attributes:
        is_stopped: Whether a stop string has come; text from it on is dropped.
    """

    def __init__(self, stop: Sequence[str], *, strips_first_space: bool = False) -> None:
        self.is_stopped = False
        self._stop = tuple(stop)
        self._strips_first_space = strips_first_space
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._held = ""

    def push(self, piece: bytes, *, is_quoted: bool = False) -> str:
        """Return the text that is certain now; a stop string inside a quotation does not count."""
        if self._strips_first_space:
            piece, self._strips_first_space = piece.removeprefix(b" "), False
        text, self._held = self._held + self._decoder.decode(piece), ""
        if is_quoted:
            return text
        ends = [text.find(stop) for stop in self._stop if stop in text]
        if ends:
            self.is_stopped = True
            return text[: min(ends)]
        keep = len(text) - self._begun_stop(text)
        text, self._held = text[:keep], text[keep:]
        return text

    def flush(self) -> str:
        """Return what was held back, at the answer's end; half a character is dropped."""
        held, self._held = self._held, ""
        return held

    def _begun_stop(self, text: str) -> int:
        longest = max((len(stop) - 1 for stop in self._stop), default=0)
        lengths = range(min(longest, len(text)), 0, -1)
        return next((n for n in lengths if any(stop.startswith(text[-n:]) for stop in self._stop)), 0)
