"""Loads a checked model directory into memory: tokenizer, model, device. Nothing is downloaded here, no code is run."""

import importlib.util
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils.logging import disable_progress_bar

from core.errors import ModelError
from core.llm.profiles import ModelProfile
from core.llm.weights import ADVICE


def pick_device(name: str) -> torch.device:
    """Return the device of a setting's name; `auto` is the first GPU where there is one.

    Raises:
        ModelError: The name is none, or this machine has no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as exc:
        raise ModelError(f"The device {name!r} can't be used: {exc}. Set device to auto, cpu, cuda or cuda:N.") from exc
    return device


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """Return a model's tokenizer.

    Raises:
        ModelError: It can't be loaded, or has no chat template.
    """
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    except Exception as exc:
        raise ModelError(f"The tokenizer in {folder} can't be loaded: {exc}. {ADVICE}") from exc
    if not tokenizer.chat_template:
        raise ModelError(f"The model in {folder} has no chat template (chat_template.jinja); choose an instruct model.")
    return tokenizer


def load_model(folder: Path, *, profile: ModelProfile, device: torch.device) -> PreTrainedModel:
    """Return a model, ready to compute.

    Raises:
        ModelError: It can't be loaded, or the weights don't fit the architecture.
    """
    disable_progress_bar()  # type: ignore[no-untyped-call]
    options: dict[str, Any] = {"device_map": profile.device_map or {"": device}}
    if profile.quantization != "none":
        options["quantization_config"] = _quantization(profile)
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=profile.dtype,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
            **options,
        )
    except Exception as exc:
        raise ModelError(f"The model in {folder} can't be loaded: {exc}. {ADVICE}") from exc
    model: PreTrainedModel = loaded[0].eval()
    # transformers fills up missing tensors with random numbers and goes on
    if missing := sorted(loaded[1]["missing_keys"]):
        raise ModelError(f"The weights in {folder} lack {', '.join(missing[:3])}, which config.json asks for. {ADVICE}")
    return model


def _quantization(profile: ModelProfile) -> Any:
    if importlib.util.find_spec("bitsandbytes") is None:
        raise ModelError(f"Profile {profile.name} asks for {profile.quantization}: install bitsandbytes first.")
    if profile.quantization == "int8":
        options: dict[str, Any] = {"load_in_8bit": True}
    else:
        options = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": torch.bfloat16}
    return BitsAndBytesConfig(**options)  # type: ignore[no-untyped-call]
