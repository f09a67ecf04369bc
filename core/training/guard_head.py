"""Fits the guard's heads for harm and self-harm anew on its frozen features, and writes them into the guard's file.

Run it as `python3 -m core.training.guard_head --public DIR [--output DIR]`; it takes about a minute on one core. It
learns from pairs that were written for it (`data/training/guard_contrast.json`), in which a harmful request stands
beside a harmless one with its words, and from public sources that are no test (`HELD_OUT`). The bar for harm is set on
pairs that a fit did not see, and lies at 0.9; self-harm is told from everything else at 0.5. The other heads stay what
they are, bit for bit.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray

from core.encoder.minilm import load_words
from core.encoder.onnx_encoder import CARD
from core.encoder.packing import CLS, PAD, SEP, tokenize
from core.schema import digest_of
from core.training.guard_phrases import load_phrases
from core.training.guard_phrases import load_words as load_lists
from core.training.guard_rows import LABELS, Row, clean, harmful
from core.training.guard_sources import HELD_OUT, load_guard_sources, load_passages

DATA = Path(__file__).resolve().parents[2] / "data"
POOLED = "/Concat_output_0"  # first state, mean and highest of the last layer
MAX_TOKENS = 126
PER_SOURCE = 1500
PAIR_WEIGHT = 4.0
SELF_WEIGHT = 20.0  # few rows are
PENALTY = 1000.0  # strong, because the features have learnt some of the public rows by heart
PARTS = 5
MISTAKEN = 0.04  # share of harmless requests beside harmful ones that may pass the bar
BAR = 0.9
_OURS = {"lookalike": 170, "trigger_office": 110, "trigger_code": 120, "chat": 200}
_NOT_REFUSED = ("specialised_advice", "sexual_content")  # hazards that no rail refuses

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Head:
    """A line through the pooled features: `features @ weights + bias` is the log-odds of harm."""

    weights: Floats
    bias: float

    def score(self, features: Floats) -> Floats:
        """Return the log-odds of each row."""
        return np.asarray(features @ self.weights + self.bias, dtype=np.float32)


def load_head_rows(public: Path, *, seed: int = 5) -> list[Row]:
    """Return what the head learns from: `pair_...` rows are those written for it."""
    random = Random(seed)  # noqa: S311 - examples, not secrets
    pairs = load_lists(DATA / "training" / "guard_contrast.json")["hazards"]
    rows = [harmful(text, f"pair_{name}", name) for name, pair in pairs.items() for text in pair["harmful"]]
    rows += [clean(text, f"pair_{name}") for name, pair in pairs.items() for text in pair["harmless"]]
    by_source: dict[str, list[Row]] = {}
    for row in load_guard_sources(public):
        if row.source not in HELD_OUT and "harm" in row.labels:
            by_source.setdefault(row.source, []).append(row)
    for _, found in sorted(by_source.items()):
        rows += random.sample(found, min(len(found), PER_SOURCE))
    rows += [clean(text, "passage") for text in random.sample(load_passages(public), 600)]
    return [*rows, *_own_rows(random)]


def _own_rows(random: Random) -> list[Row]:
    phrases, rows = load_phrases(DATA / "training" / "guard_harm.json"), []
    for name, hazard in load_lists(DATA / "training" / "guard_harm.json")["hazards"].items():
        if name in _NOT_REFUSED:
            continue
        for act in hazard["acts"]:
            frame = random.choice(("{casual}", "{formal}"))
            for wording in (frame, "{safe}"):
                text = phrases.expand(wording, random=random)
                text = text.replace("{act}", phrases.expand(act, random=random))
                rows.append(harmful(text, "own_act", name) if wording == frame else clean(text, "own_act"))
        rows += [clean(phrases.expand(twin, random=random), "own_twin") for twin in hazard["twins"]]
    benign = load_phrases(DATA / "training" / "guard_benign.json")
    for group, count in _OURS.items():
        rows += [clean(text, f"own_{group}") for text in benign.sample(group, count=count, random=random)]
    kind = load_phrases(DATA / "training" / "guard_toxicity.json")
    return [*rows, *(clean(text, "own_identity") for text in kind.sample("benign", count=200, random=random))]


def read_features(model: onnx.ModelProto, texts: Sequence[str], *, batch: int = 32) -> Floats:
    """Return the pooled features of the first window of each text, of shape (texts, 3 * hidden)."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.graph.output.append(onnx.helper.make_tensor_value_info(POOLED, onnx.TensorProto.FLOAT, None))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(copy.SerializeToString(), options, providers=["CPUExecutionProvider"])
    tokenizer, vectors = load_words()
    rows = [[CLS, *tokens[:MAX_TOKENS], SEP] for tokens in tokenize(tokenizer, texts)]
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    found: Floats = np.zeros((len(rows), 3 * vectors.shape[1]), dtype=np.float32)
    for first in range(0, len(order), batch):
        group = order[first : first + batch]
        ids = np.full((len(group), len(rows[group[-1]])), PAD, dtype=np.int64)
        mask = np.zeros_like(ids)
        for at, i in enumerate(group):
            ids[at, : len(rows[i])], mask[at, : len(rows[i])] = rows[i], 1
        found[group] = session.run([POOLED], {"embeds": vectors[ids], "mask": mask, "types": np.zeros_like(ids)})[0]
    return found


def fit_head(features: Floats, wanted: NDArray[Any], weights: NDArray[Any]) -> Head:
    """Fit a logistic regression with an L2 penalty on features brought to one scale."""
    mean, scale = features.mean(0), features.std(0) + 1e-6
    x = torch.tensor((features - mean) / scale, dtype=torch.float64)
    y, w = torch.tensor(wanted, dtype=torch.float64), torch.tensor(weights, dtype=torch.float64)
    line = torch.zeros(x.shape[1] + 1, dtype=torch.float64, requires_grad=True)
    solver = torch.optim.LBFGS([line], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        solver.zero_grad()
        logits = x @ line[:-1] + line[-1]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, y, weight=w, reduction="sum")
        loss = loss + PENALTY / 2 * line[:-1].square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    solver.step(closure)  # type: ignore[no-untyped-call]
    fitted = line.detach().numpy()
    slope = (fitted[:-1] / scale).astype(np.float32)
    return Head(slope, float(fitted[-1] - mean @ slope))


def find_bar(features: Floats, wanted: NDArray[Any], weights: NDArray[Any], is_pair: NDArray[Any], seed: int) -> float:
    """Return the log-odds that `MISTAKEN` of the harmless pair rows pass, each scored by a fit that did not see it."""
    part = np.random.default_rng(seed).permutation(len(wanted)) % PARTS
    scores = np.zeros(len(wanted), dtype=np.float32)
    for i in range(PARTS):
        head = fit_head(features[part != i], wanted[part != i], weights[part != i])
        scores[part == i] = head.score(features[part == i])
    return float(np.quantile(scores[is_pair & (wanted == 0)], 1 - MISTAKEN))


def set_heads(model: onnx.ModelProto, heads: Mapping[str, Head]) -> None:
    """Put heads in the place of the outputs for their labels."""
    graph = model.graph
    values = {"new_weights": np.stack([head.weights for head in heads.values()], axis=1)}
    values["new_bias"] = np.array([head.bias for head in heads.values()], np.float32)
    order = [len(LABELS) + list(heads).index(name) if name in heads else i for i, name in enumerate(LABELS)]
    values["new_order"] = np.array(order, np.int64)
    tensors = {name: onnx.numpy_helper.from_array(value, name) for name, value in values.items()}
    if found := [each for each in graph.initializer if each.name in tensors]:
        for each in found:  # the file had such heads already
            each.CopyFrom(tensors[each.name])
        return
    last = next(node for node in graph.node if "labels" in node.output)
    last.output[list(last.output).index("labels")] = "old_labels"
    graph.initializer.extend(tensors.values())
    node = onnx.helper.make_node
    graph.node.extend(
        [
            node("MatMul", [POOLED, "new_weights"], ["new_sums"]),
            node("Add", ["new_sums", "new_bias"], ["new_labels"]),
            node("Concat", ["old_labels", "new_labels"], ["all_labels"], axis=1),
            node("Gather", ["all_labels", "new_order"], ["labels"], axis=1),
        ]
    )
    onnx.checker.check_model(model)


def main() -> None:
    """Fit, and write the guard's file and card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--public", type=Path, required=True)
    parser.add_argument("--guard", type=Path, default=DATA / "models" / "guard")
    parser.add_argument("--output", type=Path, default=DATA / "models" / "guard")
    parser.add_argument("--seed", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = load_head_rows(given.public, seed=given.seed)
    card = json.loads((given.guard / CARD).read_text(encoding="utf-8"))
    model = onnx.load(given.guard / card["weights"])
    features = read_features(model, [row.text for row in rows])
    wanted = np.array([row.labels["harm"] for row in rows])
    is_pair = np.array([row.source.startswith("pair_") for row in rows])
    weights = np.where(is_pair, PAIR_WEIGHT, 1.0)
    bar = find_bar(features, wanted, weights, is_pair, given.seed)
    head = fit_head(features, wanted, weights)
    harm = Head(head.weights, head.bias - bar + float(np.log(BAR / (1 - BAR))))
    is_self = np.array([row.labels.get("self_harm", 0) for row in rows])
    self_harm = fit_head(features, is_self, np.where(is_self == 1, SELF_WEIGHT, weights))
    set_heads(model, {"harm": harm, "self_harm": self_harm})
    given.output.mkdir(parents=True, exist_ok=True)
    onnx.save(model, given.output / card["weights"])
    card["digest"] = digest_of((given.output / card["weights"]).read_bytes())
    card["thresholds"] |= {"harm": BAR, "self_harm": 0.5}
    card["heads_fitted_anew"] = {"rows": len(rows), "pairs": int(is_pair.sum()), "penalty": PENALTY, "seed": given.seed}
    (given.output / CARD).write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(rows)} rows, {int(wanted.sum())} harmful; the bar lay at {bar:.2f}\n")


if __name__ == "__main__":
    main()
