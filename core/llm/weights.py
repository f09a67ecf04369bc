"""A model's files before they are loaded: where they are, that they are whole and safe, and their digests.

Only safetensors are accepted, and never a model that brings code. What the numbers are worth is not checked.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from transformers.utils.hub import hf_api

from core.errors import ModelError
from core.llm.profiles import ModelProfile

ADVICE = "Run `promethios doctor`, or fetch the model again."
INDEX_FILE = "model.safetensors.index.json"
WEIGHTS_FILE = "model.safetensors"
TOKENIZER_FILES = ("chat_template.jinja", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json")
_UNSAFE_SUFFIXES = (".bin", ".pt", ".pth", ".pkl", ".ckpt")
_FETCHED = ["*.safetensors", "*.json", "*.jinja", "LICENSE*", "README.md"]


def locate_model(profile: ModelProfile, *, offline: bool) -> Path:
    """Return the directory of a profile's files, fetching them first where that is allowed.

    Raises:
        ModelError: The files are not here and can't or may not be fetched.
    """
    if profile.is_local:
        return Path(profile.model).expanduser()
    try:
        return Path(
            hf_api().snapshot_download(
                profile.model, revision=profile.revision, local_files_only=offline, allow_patterns=_FETCHED
            )
        )
    except Exception as exc:
        hint = "Settings say offline: set offline to false once to fetch it." if offline else "Is the hub reachable?"
        raise ModelError(f"{profile.model} at {profile.revision} is not on this machine. {hint} ({exc})") from exc


def check_model(folder: Path) -> None:
    """Look that a model's files are complete, readable and free of code.

    Raises:
        ModelError: Names the file, what is wrong with it and what to do.
    """
    if not folder.is_dir():
        raise ModelError(f"The model directory {folder} does not exist. {ADVICE}")
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        _refuse_code(folder / name, read_json(folder / name))
    for path in weight_files(folder):
        tensor_names(path)


def weight_files(folder: Path) -> list[Path]:
    """Return the safetensors files of a model in name order.

    Raises:
        ModelError: There are none, or the index names one that is missing.
    """
    if not (folder / INDEX_FILE).exists():
        if not (folder / WEIGHTS_FILE).exists():
            raise ModelError(_no_weights(folder))
        return [folder / WEIGHTS_FILE]
    shards = read_json(folder / INDEX_FILE).get("weight_map")
    if not isinstance(shards, dict) or not shards:
        raise ModelError(f"{folder / INDEX_FILE} holds no weight_map. {ADVICE}")
    paths = [folder / name for name in sorted(set(shards.values()))]
    for path in paths:
        if path.parent != folder or not path.is_file():
            raise ModelError(f"The weights {path}, named in {INDEX_FILE}, are missing. {ADVICE}")
    return paths


def tensor_names(path: Path) -> frozenset[str]:
    """Return the names in a safetensors file whose header is sound and whose data is all there.

    Raises:
        ModelError: It is corrupt or truncated.
    """
    try:
        with safe_open(path, framework="np") as tensors:
            names = frozenset(tensors.keys())
    except (SafetensorError, OSError) as exc:
        raise ModelError(f"The weights {path} are missing, corrupt or truncated: {exc}. {ADVICE}") from exc
    if not names:
        raise ModelError(f"The weights {path} hold no tensor. {ADVICE}")
    return names


def digest_files(paths: Iterable[Path]) -> str:
    """Return `sha256:<hex>` of the files' bytes, one after the other in name order."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return "sha256:" + digest.hexdigest()


def tokenizer_files(folder: Path) -> list[Path]:
    """Return the files that decide how text becomes tokens."""
    return [folder / name for name in TOKENIZER_FILES if (folder / name).exists()]


def read_json(path: Path) -> dict[str, Any]:
    """Return a JSON file's object.

    Raises:
        ModelError: It is missing, not JSON, or not an object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as exc:
        raise ModelError(f"{path} is missing. {ADVICE}") from exc
    except (OSError, ValueError) as exc:
        raise ModelError(f"{path} is not readable JSON: {exc}. {ADVICE}") from exc
    if not isinstance(value, dict):
        raise ModelError(f"{path} holds a {type(value).__name__} where an object was expected. {ADVICE}")
    return value


def _refuse_code(path: Path, value: dict[str, Any]) -> None:
    if "auto_map" in value:
        raise ModelError(f"{path} asks to run the model's own code (auto_map). Such models are never loaded.")


def _no_weights(folder: Path) -> str:
    unsafe = sorted(path.name for path in folder.iterdir() if path.suffix in _UNSAFE_SUFFIXES)
    if unsafe:
        return (
            f"{folder} holds {', '.join(unsafe)} but no safetensors; such files can run code when they are loaded. "
            "Convert the weights to safetensors."
        )
    return f"{folder / WEIGHTS_FILE} is missing. {ADVICE}"
