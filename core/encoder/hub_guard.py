"""Any text classifier as the guard model: a local folder or a Hugging Face id, such as Llama Prompt Guard.

What its labels mean is read from their names: a label that says harmless counts for harmless, all others for an attack.
A model whose labels say neither is refused. Only safetensors are loaded, and never code.
"""

import re
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer
from transformers.utils.logging import disable_progress_bar

from core.encoder.packing import encodable
from core.errors import ModelError
from core.llm import weights
from core.llm.profiles import ModelProfile

MAX_TOKENS = 512
MAX_WINDOWS = 8
_HARMLESS = re.compile(r"benign|safe|legit|harmless|clean|negative|normal|no[_ -]?injection|not?[_ -]", re.I)
_ATTACK = re.compile(r"injection|jailbreak|malicious|attack|unsafe|harmful|positive", re.I)
_NUMBERED = re.compile(r"LABEL_\d+")


class HubGuard:
    """A classifier in memory. Safe to use from several threads."""

    def __init__(self, profile: ModelProfile, *, offline: bool) -> None:
        """Load it.

        Args:
            profile: Where it is.
            offline: Never ask a model hub.

        Raises:
            ModelError: It is missing, damaged or no classifier, or its labels don't tell what is harmless.
        """
        disable_progress_bar()  # type: ignore[no-untyped-call]
        folder = weights.locate_model(profile, offline=offline)
        weights.check_model(folder)
        self.digest = weights.digest_files(weights.weight_files(folder))
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            loaded: Any = AutoModelForSequenceClassification.from_pretrained(
                folder,
                dtype=torch.float32,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
        except Exception as exc:
            raise ModelError(f"The guard model in {folder} can't be loaded: {exc}. {weights.ADVICE}") from exc
        if missing := sorted(loaded[1]["missing_keys"]):
            raise ModelError(
                f"The guard model in {folder} lacks {', '.join(missing[:3])}: it is no trained classifier."
            )
        self._model: Any = loaded[0].eval()
        self._harmless = harmless_labels(dict(self._model.config.id2label))
        limit = min(self._tokenizer.model_max_length, self._model.config.max_position_embeddings)
        self._window = min(MAX_TOKENS, int(limit))

    @torch.inference_mode()
    def read(self, text: str) -> dict[str, float]:
        """Return the probability of an attack, of a long text the highest of its windows."""
        windows: list[list[int]] = self._tokenizer(
            encodable(text),
            truncation=True,
            max_length=self._window,
            stride=self._window // 8,
            return_overflowing_tokens=True,
        )["input_ids"]
        if len(windows) > MAX_WINDOWS:
            windows = [*windows[: MAX_WINDOWS - 1], windows[-1]]
        highest = 0.0
        for ids in filter(None, windows):
            logits = self._model(input_ids=torch.tensor([ids])).logits[0]
            highest = max(highest, 1 - float(logits.softmax(-1)[self._harmless].sum()))
        return {"injection": highest}


def harmless_labels(labels: dict[int, str]) -> list[int]:
    """Return which labels stand for a harmless text.

    Raises:
        ModelError: Their names don't tell.
    """
    found = [i for i, name in labels.items() if _HARMLESS.match(name) and not _ATTACK.match(name)]
    if not found and len(labels) == 2 and any(_ATTACK.match(name) for name in labels.values()):
        found = [i for i, name in labels.items() if not _ATTACK.match(name)]
    if not found and len(labels) == 2 and all(_NUMBERED.fullmatch(name) for name in labels.values()):
        found = [0]  # the order that binary classifiers of attacks have
    if not found or len(found) == len(labels):
        raise ModelError(
            f"The guard model's labels are {', '.join(labels.values())}; which of them means harmless can't be told. "
            f"Rename them in its config.json (id2label), for instance to benign and attack."
        )
    return found


def load_hub_guard(model: str, *, revision: str | None, offline: bool) -> HubGuard:
    """Return the guard that settings name.

    Raises:
        ModelError: See `HubGuard`; or the setting is neither a folder nor an id with a revision.
    """
    try:
        profile = ModelProfile(name="guard", model=model, revision=revision)
    except ValueError as exc:
        raise ModelError(f"guard_model is {model!r}: {exc}") from exc
    return HubGuard(profile, offline=offline)
