"""Runs a small encoder that this project trained: int8 layers in an ONNX file on the word vectors of MiniLM.

The file holds no word vectors: they come from the bundled embedder, and its digest is checked before.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from core.encoder.minilm import load_words
from core.encoder.packing import PAD, tokenize
from core.errors import ModelError
from core.schema import digest_of

CARD = "model.json"
ADVICE = "Restore the file from the project's release."


class OnnxEncoder:
    """An encoder in memory. Safe to use from several threads."""

    def __init__(self, folder: Path, *, threads: int = 2) -> None:
        """Load it.

        Args:
            folder: Holds `model.json`, which names the weights' file and its digest, and that file.
            threads: Cores that one call may use.

        Raises:
            ModelError: A file is missing or not the expected one.
        """
        self.card = read_card(folder)
        self.digest: str = self.card["digest"]
        self.tokenizer: Tokenizer
        self.tokenizer, self._vectors = load_words()
        self._session = open_session(verified(folder / self.card["weights"], self.digest), threads=threads)

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the tokens of each text, without special ones."""
        return tokenize(self.tokenizer, texts)

    def run(self, rows: Sequence[Sequence[int]], *, first_parts: Sequence[int] | None = None) -> list[NDArray[Any]]:
        """Return the model's outputs for rows of token ids, padded to the longest.

        Args:
            rows: Token ids.
            first_parts: How many tokens of each row belong to the first of two texts; all when None.
        """
        length = max(map(len, rows))
        ids = np.full((len(rows), length), PAD, dtype=np.int64)
        mask, types = np.zeros_like(ids), np.zeros_like(ids)
        for at, row in enumerate(rows):
            ids[at, : len(row)] = row
            mask[at, : len(row)] = 1
            if first_parts is not None:
                types[at, first_parts[at] : len(row)] = 1
        outputs: list[NDArray[Any]] = self._session.run(
            None, {"embeds": self._vectors[ids], "mask": mask, "types": types}
        )
        return outputs


def open_session(model: bytes, *, threads: int) -> Any:
    """Return a session of the ONNX runtime; it leaves cores that it waits on to others.

    Raises:
        ModelError: The runtime can't load the model.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as exc:  # the runtime has no root error class
        raise ModelError(f"An encoder can't be loaded: {exc}. {ADVICE}") from exc


def read_card(folder: Path) -> dict[str, Any]:
    """Return a model's card.

    Raises:
        ModelError: It can't be read, or does not name the weights and their digest.
    """
    try:
        card: dict[str, Any] = json.loads((folder / CARD).read_text(encoding="utf-8"))
        return card | {"weights": str(card["weights"]), "digest": str(card["digest"])}
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise ModelError(f"The encoder's card {folder / CARD} can't be read: {exc}. {ADVICE}") from exc


def verified(path: Path, digest: str) -> bytes:
    """Return a file of this digest.

    Raises:
        ModelError: It can't be read, or is another.
    """
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise ModelError(f"The encoder's weights can't be read at {path}: {exc}. {ADVICE}") from exc
    if (found := digest_of(data)) != digest:
        raise ModelError(f"The encoder's weights at {path} have the digest {found}, expected {digest}. {ADVICE}")
    return data
