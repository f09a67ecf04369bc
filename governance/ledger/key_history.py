"""The keys of a ledger in their order: each one signs the next one in, so that one trusted key leads to all.

A rotation is a signed note by both keys, old and new, and is sealed in the entry at whose index the old key stops.
Whoever stole an old key can sign another successor for it: that shows against a newer key, or a kept checkpoint.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from governance.errors import VerificationError
from governance.ledger.notes import (
    MAX_SIZE,
    Checkpoint,
    Signer,
    Verifier,
    is_signed_by,
    open_checkpoint,
    open_note,
    parse_size,
    parse_vkey,
)

ROTATED = "ledger.key_rotated"
MAX_ROTATIONS = 200
_TITLE = "promethios-ledger key rotation v1"


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation says.

    Attributes:
        size: Entries up to which the old key signs; the entry at this index is the rotation's own.
        note: The signed note.
    """

    old: Verifier
    new: Verifier
    size: int
    note: str


@dataclass(frozen=True, slots=True)
class Term:
    """A key, and over how many entries it may sign: from `begin` to `end`."""

    verifier: Verifier
    begin: int
    end: int


class KeyHistory:
    """All keys of a ledger, one of which is trusted."""

    def __init__(self, terms: Sequence[Term], rotations: Sequence[Rotation]) -> None:
        self._terms = tuple(terms)
        self.rotations = tuple(rotations)

    @property
    def newest(self) -> Verifier:
        """Return the key that signs now."""
        return self._terms[-1].verifier

    @property
    def notes(self) -> list[str]:
        """Return the rotations as signed notes, oldest first."""
        return [rotation.note for rotation in self.rotations]

    def open_checkpoint(self, note: str) -> Checkpoint:
        """Return what a checkpoint says, once the key whose turn it was has signed it.

        Raises:
            VerificationError: None of the keys signed it, or one did that may not sign over so many entries.
        """
        term = next((each for each in self._terms if is_signed_by(note, verifier=each.verifier)), self._terms[-1])
        checkpoint = open_checkpoint(note, verifier=term.verifier)
        if not term.begin <= checkpoint.size <= term.end:
            raise VerificationError(
                f"The checkpoint over {checkpoint.size} entries is signed by a key that signs from {term.begin} to "
                f"{term.end}: it was made before its time, or with a key that was retired."
            )
        return checkpoint


def sign_rotation(old: Signer, new: Signer, *, size: int) -> str:
    """Return the note by which the old key hands over to the new one after `size` entries."""
    text = f"{_TITLE}\n{old.verifier.name}\n{old.verifier.vkey()}\n{new.verifier.vkey()}\n{size}\n"
    return old.sign(text) + new.signature_line(text)


def parse_rotations(text: str) -> list[str]:
    """Read rotations from a JSON list of notes, as an export and `promethios ledger history` hold them.

    Raises:
        VerificationError: It is something else.
    """
    try:
        notes = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise VerificationError("The key rotations are not JSON.") from exc
    if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
        raise VerificationError("The key rotations are not a JSON list of signed notes.")
    return notes


def load_history(trusted: str, notes: Iterable[str]) -> KeyHistory:
    """Return the history that the rotations tell, checked from the first to the last.

    Args:
        trusted: The text form of any key of the ledger, from a source that is trusted.
        notes: The rotations, oldest first.

    Raises:
        VerificationError: A rotation is malformed, not signed by both keys, or does not follow the one before; or the
            trusted key is none of theirs.
    """
    verifier = parse_vkey(trusted)
    rotations: list[Rotation] = []
    for note in notes:
        if len(rotations) == MAX_ROTATIONS:
            raise VerificationError(f"A ledger has at most {MAX_ROTATIONS} key rotations; this one has more.")
        rotation = _open_rotation(note)
        _verify_follows(rotation, rotations)
        rotations.append(rotation)
    if not rotations:
        return KeyHistory([Term(verifier, 0, MAX_SIZE)], [])
    keys = [rotations[0].old, *[rotation.new for rotation in rotations]]
    if trusted not in [key.vkey() for key in keys]:
        raise VerificationError(
            f"The key {trusted[:90]} is none of the {len(keys)} keys of this ledger: the key was swapped, or this is "
            "another ledger."
        )
    ends = [rotation.size for rotation in rotations]
    begins = [0, *[end + 1 for end in ends]]
    terms = [Term(*each) for each in zip(keys, begins, [*ends, MAX_SIZE], strict=True)]
    return KeyHistory(terms, rotations)


def _open_rotation(note: str) -> Rotation:
    lines = note.split("\n")[:5] if isinstance(note, str) else []
    if len(lines) < 5 or lines[0] != _TITLE:
        raise VerificationError(
            "A key rotation has a title, the ledger's name, two keys and a size; this note has not."
        )
    _, origin, old_key, new_key, size = lines
    old, new = parse_vkey(old_key), parse_vkey(new_key)
    for key in (old, new):
        if open_note(note, verifier=key) != "\n".join(lines) + "\n":
            raise VerificationError("A key rotation says more than it may.")
        if key.name != origin:
            raise VerificationError(f"The key rotation of {origin!r:.80} names a key of another ledger.")
    return Rotation(old, new, parse_size(size), note)


def _verify_follows(rotation: Rotation, before: Sequence[Rotation]) -> None:
    seen = {key.vkey() for each in before for key in (each.old, each.new)}
    if rotation.new.vkey() in seen | {rotation.old.vkey()}:
        raise VerificationError("A key rotation goes back to a key that was used before.")
    if before and rotation.old.vkey() != before[-1].new.vkey():
        raise VerificationError("A key rotation is not signed by the key before it: the chain of keys is broken.")
    if before and rotation.size <= before[-1].size:
        raise VerificationError("A key rotation stands before the one that it follows.")
