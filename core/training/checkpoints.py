"""Checkpoints that survive a kill at any moment: written beside, flushed to disk, then renamed over the old one."""

import os
import pickle
from pathlib import Path
from typing import Any

import torch

from core.errors import TrainingError


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Replace the checkpoint by this state, or leave the old one whole."""
    beside = path.with_name(path.name + ".new")
    with beside.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def load_checkpoint(path: Path, *, recipe: dict[str, Any]) -> dict[str, Any] | None:
    """Return the saved state, or None when there is none.

    Raises:
        TrainingError: The file is damaged, or belongs to another recipe.
    """
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
        found = state["recipe"]
    except (OSError, RuntimeError, EOFError, KeyError, TypeError, pickle.UnpicklingError) as exc:
        raise TrainingError(f"The checkpoint {path} can't be read: {exc}. Delete it to start over.") from exc
    if found != recipe:
        raise TrainingError(
            f"The checkpoint {path} belongs to another recipe: {found}, and this one is {recipe}. "
            "Go on with the same arguments, or delete the checkpoint to start over."
        )
    return state
