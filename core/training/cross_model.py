"""The network of the reader of plans: MiniLM's lower layers read question and passage apart, its upper ones together.

Read apart, a table's lower half can be kept for the next question. The upper layers start from those of the trained
sentence encoder, and a sentence's score from the cosine between the question's and the sentence's own mean, so that it
begins as good as that encoder.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from safetensors.torch import load_file, save_file
from torch.nn.utils.rnn import pad_sequence

from core.encoder.cross_encoder import SHARED
from core.encoder.minilm import minilm_folder
from core.encoder.onnx_encoder import CARD
from core.encoder.sentence_encoder import BUNDLED, Row
from core.schema import digest_of
from core.training.distil_model import NOTHING, SHARPNESS
from core.training.sentence_vectors import SentenceModel, alike, load_sentence_base

_DENSE = "_quant"


class CrossModel(torch.nn.Module):
    """Scores the sentences of a passage for a question; a score is the log-odds of answering against "nothing"."""

    def __init__(self, base: SentenceModel) -> None:
        super().__init__()
        width = base.encoder.config.hidden_size
        self.base = base
        self.side = torch.nn.Parameter(torch.zeros(width))
        self.head = torch.nn.Linear(2 * width, 1)
        torch.nn.init.zeros_(self.head.weight)
        torch.nn.init.zeros_(self.head.bias)
        self.sharpness = torch.nn.Parameter(torch.tensor(SHARPNESS))
        self.nothing = torch.nn.Parameter(torch.tensor(NOTHING))
        for module in base.modules():  # most questions are seen once; dropout would double the time
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0

    def scores(self, pairs: Sequence[tuple[Row, Row]]) -> list[torch.Tensor]:
        """Return the scores of the spans of each pair of a question's and a passage's row."""
        lower = self.base.lower([row.ids for pair in pairs for row in pair])
        joint = [torch.cat([lower[n] + self.side, lower[n + 1].float()]) for n in range(0, len(lower), 2)]
        found: dict[int, torch.Tensor] = {}
        for part in alike(range(len(pairs)), key=lambda at: len(joint[at])):
            padded = pad_sequence([joint[at] for at in part], batch_first=True)
            hidden = self.base.run_layers(SHARED, None, padded, [len(joint[at]) for at in part]).float()
            found |= {at: self._spans(own, *pairs[at]) for at, own in zip(part, hidden, strict=True)}
        return [found[at] for at in range(len(pairs))]

    def _spans(self, hidden: torch.Tensor, question: Row, passage: Row) -> torch.Tensor:
        asked = hidden[: len(question.ids)].mean(0)
        own = hidden[len(question.ids) :]
        means = torch.stack([own[start:end].mean(0) for start, end in passage.spans])
        cosine = torch.nn.functional.cosine_similarity(means, asked[None], dim=-1)
        more = self.head(torch.cat([means * asked, means], -1))[:, 0]
        return self.sharpness * (cosine - self.nothing) + more  # type: ignore[no-any-return]


def load_cross_base(folder: Path = BUNDLED) -> CrossModel:
    """Return the untrained model on the layers of a trained sentence encoder."""
    base = load_sentence_base(minilm_folder(), frozen=SHARED)
    upper = read_int8_layers(folder / "weights.onnx", first=SHARED)
    base.load_state_dict({name: torch.from_numpy(values) for name, values in upper.items()}, strict=False)
    return CrossModel(base)


def load_cross(folder: Path) -> CrossModel:
    """Return a model that `save_cross` wrote, to go on training it."""
    model = load_cross_base()
    trained = load_file(folder / "weights.safetensors")
    model.load_state_dict(
        {f"base.encoder.{name}" if name.startswith("encoder.") else name: each for name, each in trained.items()},
        strict=False,
    )
    return model


def read_int8_layers(path: Path, *, first: int) -> dict[str, Any]:
    """Return the layers from `first` on of an encoder that `encoder_export` wrote, as float32 by their names."""
    graph = onnx.load(str(path)).graph
    kept = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    found = {name: np.array(values) for name, values in kept.items() if name.startswith("encoder.encoder.layer.")}
    for node in graph.node:
        if node.op_type == "MatMulInteger":
            name = node.name.strip("/").removesuffix(f"/MatMul{_DENSE}").replace("/", ".")
            weight = node.input[1].removesuffix("_quantized")
            whole = kept[node.input[1]].astype(np.float32) - kept[node.input[3]].astype(np.float32)
            found[f"{name}.weight"] = np.ascontiguousarray((whole * kept[f"{weight}_scale"]).T)
    return {name: values for name, values in found.items() if int(name.split(".")[3]) >= first}


def save_cross(model: CrossModel, folder: Path, *, facts: dict[str, Any]) -> None:
    """Write what was trained as `weights.safetensors`, in half precision, and its card.

    Args:
        model: Its upper layers and its head are kept.
        folder: Made when it does not exist; its files are replaced.
        facts: What else the card says: recipe, figures.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "weights.safetensors"
    layers = {
        f"encoder.{name}": each
        for name, each in model.base.encoder.encoder.state_dict().items()
        if int(name.split(".")[1]) >= SHARED
    }
    rest = {"side": model.side, "sharpness": model.sharpness, "nothing": model.nothing}
    rest |= {f"head.{name}": each for name, each in model.head.state_dict().items()}
    save_file({name: each.detach().half().contiguous() for name, each in (layers | rest).items()}, path)
    card = {"weights": path.name, "digest": digest_of(path.read_bytes()), **facts}
    (folder / CARD).write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
