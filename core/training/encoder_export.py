"""Writes a trained encoder as the product runs it: int8 layers in ONNX beside a card with its digest and figures."""

import json
import logging
import tempfile
import warnings
from pathlib import Path
from typing import Any

import torch
from onnxruntime.quantization import QuantType, quantize_dynamic

from core.encoder.onnx_encoder import CARD
from core.schema import digest_of

_SAMPLE = (2, 16)  # rows and tokens of the example that the exporter follows
_FLOAT = 1  # onnx.TensorProto.FLOAT


def export_encoder(model: Any, folder: Path, *, outputs: tuple[str, ...], facts: dict[str, Any]) -> None:
    """Write `weights.onnx` and `model.json`.

    Args:
        model: Takes word vectors, mask and types; gives `outputs`.
        folder: Made when it does not exist; its files are replaced.
        outputs: Names of what the model gives.
        facts: What else the card says: shape, recipe, figures.
    """
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / "weights.onnx"
    with tempfile.TemporaryDirectory() as work, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own successor
        whole = Path(work) / "whole.onnx"
        model.encoder.config._attn_implementation = "eager"
        ones = torch.ones(_SAMPLE, dtype=torch.int64)
        example = (torch.zeros(*_SAMPLE, model.encoder.config.hidden_size), ones, torch.zeros_like(ones))
        names = ["embeds", "mask", "types"]
        axes = {name: {0: "rows", 1: "tokens"} for name in (*names, *outputs)}
        torch.onnx.export(
            model.eval().cpu(),
            example,
            str(whole),
            input_names=names,
            output_names=list(outputs),
            dynamic_axes=axes,
            dynamo=False,
            opset_version=17,
        )
        logging.getLogger().setLevel(logging.ERROR)  # the quantiser advises a step that changes nothing here
        quantize_dynamic(
            str(whole),
            str(weights),
            weight_type=QuantType.QInt8,
            per_channel=True,
            extra_options={"DefaultTensorType": _FLOAT},
        )
    card = {"weights": weights.name, "digest": digest_of(weights.read_bytes()), **facts}
    (folder / CARD).write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
