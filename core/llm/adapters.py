"""LoRA adapters on a loaded model: checked, attached at start by name, chosen per answer.

A model without a chosen adapter computes exactly what the bare model computes.
"""

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from peft import PeftModel, get_peft_model_state_dict
from transformers import PreTrainedModel

from core.errors import ModelError
from core.llm.weights import ADVICE, read_json, tensor_names

CONFIG_FILE = "adapter_config.json"
CARD_FILE = "README.md"
WEIGHTS_FILE = "adapter_model.safetensors"


def check_adapter(folder: Path) -> None:
    """Look that an adapter's files are there, readable and of the supported kind.

    Raises:
        ModelError: Names the file, what is wrong with it and what to do.
    """
    config = read_json(folder / CONFIG_FILE)
    if config.get("peft_type") != "LORA":
        raise ModelError(f"{folder / CONFIG_FILE} is of type {config.get('peft_type')!r}; only LORA is supported.")
    tensor_names(folder / WEIGHTS_FILE)


def read_note(folder: Path) -> str:
    """Return what an adapter does: the first sentence of its card, empty where there is none."""
    try:
        card = (folder / CARD_FILE).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
    found = re.search(r"^# .*\n+(?P<note>[^#\n][^\n]*?\.)(?:\s|$)", card, re.MULTILINE)
    return found["note"] if found else ""


class AdapterSwitch:
    """Runs a model with one of its adapters or none. Its caller sees to it that only one thread switches at a time."""

    def __init__(self, model: PreTrainedModel, adapters: Mapping[str, Path]) -> None:
        """Attach adapters.

        Raises:
            ModelError: One can't be read or does not fit the model.
        """
        self.names = tuple(adapters)
        self.model: Any = model
        self._peft: PeftModel | None = None
        self._active: str | None = None
        for name, folder in adapters.items():
            check_adapter(folder)
            self._attach(name, folder)
        if self._peft is not None:
            self._tuner().disable_adapter_layers()
            self._peft.eval()

    def check_name(self, name: str | None) -> None:
        """Look that an adapter is attached; None is the bare model.

        Raises:
            ModelError: It is unknown.
        """
        if name is not None and name not in self.names:
            known = ", ".join(self.names) or "none"
            raise ModelError(f"There is no adapter {name!r} on this model; there are: {known}.")

    def choose(self, name: str | None) -> None:
        """Make the model compute with this adapter, or bare with None."""
        if self._peft is None or name == self._active:
            return
        if name is None:
            self._tuner().disable_adapter_layers()
        else:
            self._tuner().enable_adapter_layers()
            self._peft.set_adapter(name)
        self._active = name

    def _tuner(self) -> Any:
        return self.model.base_model

    def _attach(self, name: str, folder: Path) -> None:
        try:
            if self._peft is None:
                with warnings.catch_warnings():  # PEFT still reads a property that transformers is about to rename
                    warnings.filterwarnings("ignore", message=".is_gradient_checkpointing", category=FutureWarning)
                    self._peft = PeftModel.from_pretrained(self.model, str(folder), adapter_name=name)
                self.model = self._peft
            else:
                self._peft.load_adapter(str(folder), adapter_name=name)
            attached = get_peft_model_state_dict(self._peft, adapter_name=name, save_embedding_layers=False)
        except Exception as exc:
            raise ModelError(f"The adapter {name} in {folder} does not fit this model: {exc}. {ADVICE}") from exc
        # PEFT only warns of weights that are missing or left over
        if strangers := attached.keys() ^ tensor_names(folder / WEIGHTS_FILE):
            raise ModelError(
                f"The adapter {name} in {folder} does not fit this model: {min(strangers)} has no partner."
            )
