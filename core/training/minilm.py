"""Loads MiniLM for training."""

from pathlib import Path
from typing import Any

import torch
from transformers import BertModel
from transformers.utils.logging import disable_progress_bar, set_verbosity_error


def load_minilm(folder: Path) -> Any:
    """Return the encoder of a MiniLM folder, in full precision."""
    disable_progress_bar()  # type: ignore[no-untyped-call]
    set_verbosity_error()  # type: ignore[no-untyped-call] # the embedder's own pooling is left out on purpose
    return BertModel.from_pretrained(str(folder), add_pooling_layer=False, dtype=torch.float32)
