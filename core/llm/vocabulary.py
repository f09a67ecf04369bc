"""What every token of a tokenizer writes, as bytes: for decoding piece by piece and for the quoting constraint.

Knows byte-level BPE and SentencePiece-like tokenizers (`▁` for a space, `<0x0A>` for a byte); any other is refused.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from transformers import PreTrainedTokenizerBase
from transformers.convert_slow_tokenizer import bytes_to_unicode

from core.errors import ModelError

SPACE_MARK = "▁"
_BYTES_OF: dict[str, int] = {char: byte for byte, char in bytes_to_unicode().items()}  # type: ignore[no-untyped-call]


class Vocabulary:
    """The bytes of each token, and the tokens of given bytes.

    Attributes:
        pieces: Token id -> its bytes; None for control tokens, which write nothing.
        strips_first_space: Whether the tokenizer drops a space at the very start of a text.
        covers_all_bytes: Whether any bytes at all can be written, if need be one by one.
    """

    def __init__(self, pieces: Sequence[bytes | None], *, strips_first_space: bool = False) -> None:
        self.pieces = tuple(piece or None for piece in pieces)
        self.strips_first_space = strips_first_space
        self._ids: dict[bytes, list[int]] = {}
        self._starting: dict[int, list[int]] = {}
        self._containing: dict[tuple[bytes, ...], tuple[int, ...]] = {}
        for token, piece in enumerate(self.pieces):
            if piece is not None:
                self._ids.setdefault(piece, []).append(token)
                self._starting.setdefault(piece[0], []).append(token)
        self._longest = max(map(len, self._ids), default=0)
        self.covers_all_bytes = all(bytes([byte]) in self._ids for byte in range(256))

    def containing(self, *parts: bytes) -> tuple[int, ...]:
        """Return the tokens whose bytes hold one of these; looked for once."""
        if parts not in self._containing:
            self._containing[parts] = tuple(
                token for token, piece in enumerate(self.pieces) if piece and any(part in piece for part in parts)
            )
        return self._containing[parts]

    def writing(self, data: bytes) -> list[int]:
        """Return the tokens that write exactly these bytes."""
        return self._ids.get(data, [])

    def starting(self, first_bytes: bytes) -> list[int]:
        """Return the tokens whose first byte is one of these."""
        return [token for byte in first_bytes for token in self._starting.get(byte, ())]

    def can_write(self, data: bytes) -> bool:
        """Say whether some sequence of tokens writes exactly these bytes."""
        return self.covers_all_bytes or 0 in self.writable_from(data)

    def matches(self, data: bytes, start: int) -> Iterator[tuple[int, int]]:
        """Yield (token, its length in bytes) for the tokens that write what stands at `start` of `data`."""
        for end in range(start + 1, min(len(data), start + self._longest) + 1):
            for token in self._ids.get(data[start:end], ()):
                yield token, end - start

    def writable_from(self, data: bytes) -> frozenset[int]:
        """Return the positions of `data` from which its rest can be written to the end."""
        if self.covers_all_bytes:
            return frozenset(range(len(data) + 1))
        good = {len(data)}
        for start in range(len(data) - 1, -1, -1):
            if any(start + length in good for _, length in self.matches(data, start)):
                good.add(start)
        return frozenset(good)


def read_vocabulary(tokenizer: PreTrainedTokenizerBase, *, size: int) -> Vocabulary:
    """Return a tokenizer's vocabulary, filled up with silent tokens to the model's `size`.

    Raises:
        ModelError: The tokenizer is of an unknown kind, or has more tokens than the model.
    """
    if len(tokenizer) > size:
        raise ModelError(
            f"The tokenizer has {len(tokenizer)} tokens, the model only {size}: they don't belong together."
        )
    decoders = _decoders(tokenizer)
    kinds = {decoder["type"] for decoder in decoders}
    pieces: list[bytes | None] = [None] * size
    for text, token in tokenizer.get_vocab().items():
        pieces[token] = _byte_level(text) if "ByteLevel" in kinds else _sentence_piece(text, kinds)
    for token, added in tokenizer.added_tokens_decoder.items():
        pieces[token] = None if added.special else added.content.encode()
    for token in tokenizer.all_special_ids:
        pieces[token] = None
    return Vocabulary(pieces, strips_first_space=any(map(_strips_first_space, decoders)))


def _decoders(tokenizer: PreTrainedTokenizerBase) -> list[dict[str, Any]]:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise ModelError("The tokenizer has no tokenizer.json; only such tokenizers are supported.")
    decoder = json.loads(backend.to_str())["decoder"] or {"type": "none"}
    decoders: list[dict[str, Any]] = decoder["decoders"] if decoder["type"] == "Sequence" else [decoder]
    kinds = {decoder["type"] for decoder in decoders}
    if kinds == {"ByteLevel"} or kinds <= {"Replace", "ByteFallback", "Fuse", "Strip", "Metaspace"}:
        return decoders
    raise ModelError(
        f"The tokenizer decodes by {', '.join(sorted(kinds))}; byte-level and SentencePiece are supported."
    )


def _byte_level(text: str) -> bytes:
    return bytes(_BYTES_OF[char] for char in text) if _BYTES_OF.keys() >= set(text) else text.encode()


def _sentence_piece(text: str, kinds: set[str]) -> bytes:
    if "ByteFallback" in kinds and len(text) == len("<0x0A>") and text.startswith("<0x"):
        return bytes([int(text[3:5], 16)])
    return text.replace(SPACE_MARK, " ").encode()


def _strips_first_space(decoder: dict[str, Any]) -> bool:
    if decoder["type"] == "Metaspace":
        return bool(decoder.get("prepend_scheme", "always") != "never")
    return bool(decoder["type"] == "Strip" and decoder["content"] == " " and decoder["start"] > 0)
