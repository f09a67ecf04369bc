"""What a turn has released so far. One piece always waits, so that an unwritable ledger always withholds something."""

from collections.abc import Iterator
from dataclasses import dataclass

from governance.schema import Released


@dataclass(slots=True)
class Answer:
    """What was released, and the one piece that waits until the next piece or the sealed record."""

    text: str = ""
    waiting: str = ""

    def offer(self, piece: str) -> Iterator[Released]:
        """Release the piece that waited, keep this one."""
        if piece:
            yield from self.release_waiting()
            self.waiting = piece

    def release_waiting(self) -> Iterator[Released]:
        """Release the piece that waited."""
        if self.waiting:
            piece, self.waiting = self.waiting, ""
            self.text += piece
            yield Released(piece)
