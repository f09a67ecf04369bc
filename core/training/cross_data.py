"""Passages that questions were written about, of three kinds, for the cross-encoder.

A written passage comes with questions in its own words, with questions in other words, and with questions that look as
if it answered and that it does not. One passage in ten is kept out, whole, to test on.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from core.errors import TrainingError
from core.training.reader_data import Labelled

WRITTEN = Path(__file__).resolve().parents[2] / "data" / "training"
FILES = "passages_*.jsonl"  # of written passages
KEPT_OUT = 0.1


@dataclass(frozen=True, slots=True)
class Asked:
    """A question in several wordings, the passage's own first, and the sentences that answer it."""

    answers: tuple[int, ...]
    wordings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WrittenPassage:
    """A passage with what it answers, and what it only seems to."""

    id: str
    domain: str
    heading: str
    sentences: tuple[str, ...]
    questions: tuple[Asked, ...]
    unanswered: tuple[str, ...]

    def labelled(self, answers: Sequence[int] = ()) -> Labelled:
        """Return it as a reading, with the sentences that answer."""
        return Labelled(self.heading, self.sentences, tuple(answers))

    @property
    def is_kept_out(self) -> bool:
        """Say whether it is for tests alone; its id decides."""
        return sha256(self.id.encode()).digest()[0] < 256 * KEPT_OUT


def load_written(folder: Path) -> list[WrittenPassage]:
    """Return the written passages of a folder.

    Raises:
        TrainingError: A line is not in the form that is described above.
    """
    passages = []
    for path in sorted(folder.glob(FILES)):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if line.strip():
                passages.append(_parse(line, where=f"{path.name}, line {number}"))
    return passages


def _parse(line: str, *, where: str) -> WrittenPassage:
    try:
        row = json.loads(line)
        sentences = tuple(row["sentences"])
        asked = tuple(
            Asked(
                tuple(each["answers"]) if isinstance(each["answers"], list) else (each["answers"],),
                (each["direct"], *each["other_words"]),
            )
            for each in row["questions"]
        )
        if not all(0 <= at < len(sentences) for each in asked for at in each.answers):
            raise TrainingError(f"{where}: an answer is no sentence of the passage.")
        return WrittenPassage(row["id"], row["domain"], row["heading"], sentences, asked, tuple(row["unanswered"]))
    except (ValueError, KeyError, TypeError) as exc:
        raise TrainingError(f"{where} is no written passage: {exc!r}.") from exc
