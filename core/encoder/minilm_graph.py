"""Writes MiniLM as an ONNX graph with int8 layers, from its weights, in memory: a third of a second, nothing to keep.

The graph reads one text: beside others it would be padded and rounded otherwise; alone it gets the same vector every
time. Weights are rounded per output channel, what goes into a layer while it runs. Weights have seven of eight bits:
CPUs without VNNI add two products in 16 bits, which eight could overflow, and vectors would differ between machines.
Layer norms are written out in plain operators, which the runtime does faster than its own.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

LAYERS = 6
HEADS = 12
WIDTH = 384
_FUSED = "com.microsoft"  # operators of the ONNX runtime
_HIGHEST = 63  # of a weight

# Channels that are far louder than the others in what goes into a layer, nearly always at [CLS], and what divides them
# so that the others are rounded less: those above twice the eighth loudest, down to about as loud as that one.
# Found on 113 passages and questions of SQuAD and two starter tables.
_LOUD: Mapping[str, Mapping[int, int]] = {
    "encoder.layer.0.attention.self": {63: 4, 99: 4},
    "encoder.layer.0.intermediate.dense": {63: 4, 99: 8},
    "encoder.layer.0.output.dense": {856: 8},
    "encoder.layer.1.attention.self": {99: 4},
    "encoder.layer.1.intermediate.dense": {99: 8},
    "encoder.layer.1.output.dense": {607: 4},
    "encoder.layer.2.intermediate.dense": {99: 8, 223: 4},
    "encoder.layer.2.output.dense": {218: 4, 1004: 4},
    "encoder.layer.3.attention.self": {99: 4},
    "encoder.layer.3.intermediate.dense": {63: 4, 99: 8, 223: 4},
    "encoder.layer.3.output.dense": {358: 4},
    "encoder.layer.4.intermediate.dense": {99: 8, 127: 4, 223: 4},
    "encoder.layer.5.intermediate.dense": {99: 4, 223: 4},
}

Array = NDArray[np.float32]
Weights = Mapping[str, Array]


def build_graph(weights: Weights) -> bytes:
    """Return the model: `tokens`, float32 of shape (1, n, WIDTH), in; their mean `vector` of shape (1, WIDTH) out.

    Args:
        weights: The tensors of a BERT of this shape, by their names in its file.
    """
    graph = _Graph()
    tokens = _add_layers(graph, weights, range(LAYERS))
    graph.add("ReduceMean", [tokens, graph.keep("over_tokens", np.array([1]))], "vector", keepdims=0)
    return graph.to_bytes("vector", [1, WIDTH])


def build_layers(weights: Weights, layers: range) -> bytes:
    """Return some of the layers: what the layer below gives, float32 of shape (1, n, WIDTH), in; the same shape out.

    Args:
        weights: As for `build_graph`; those of other layers may be missing.
        layers: The first of all takes the sums of word, place and type vectors.
    """
    graph = _Graph()
    graph.add("Identity", [_add_layers(graph, weights, layers)], "hidden")
    return graph.to_bytes("hidden", [1, None, WIDTH])


def place_vectors(weights: Weights) -> Array:
    """Return what is added to the word vector of a text's token at each place: float32 of shape (places, WIDTH)."""
    types = weights["embeddings.token_type_embeddings.weight"]
    return weights["embeddings.position_embeddings.weight"] + types[0]  # type: ignore[no-any-return]


def _add_layers(graph: "_Graph", weights: Weights, layers: range) -> str:
    tokens = "tokens" if layers.start else graph.norm("tokens", weights, "embeddings.LayerNorm")
    for layer in layers:
        tokens = _add_layer(graph, tokens, weights, f"encoder.layer.{layer}.")
    return tokens


def _add_layer(graph: "_Graph", tokens: str, weights: Weights, at: str) -> str:
    """Add one layer, and return the name of what it gives."""
    parts = [f"{at}attention.self.{name}" for name in ("query", "key", "value")]
    joined = np.concatenate([weights[f"{part}.weight"] for part in parts])
    bias = np.concatenate([weights[f"{part}.bias"] for part in parts])
    graph.add("Split", [graph.linear(tokens, joined, bias, f"{at}attention.self")], *parts, axis=-1, num_outputs=3)
    seen = graph.add("MultiHeadAttention", parts, f"{at}seen", domain=_FUSED, num_heads=HEADS)
    tokens = _add_and_norm(graph, tokens, seen, weights, f"{at}attention.output")
    dense = f"{at}intermediate.dense"
    wide = graph.linear(tokens, weights[f"{dense}.weight"], weights[f"{dense}.bias"], dense)
    active = graph.add("Gelu", [wide], f"{at}active", domain=_FUSED)
    return _add_and_norm(graph, tokens, active, weights, f"{at}output")


def _add_and_norm(graph: "_Graph", tokens: str, found: str, weights: Weights, at: str) -> str:
    dense = f"{at}.dense"
    found = graph.linear(found, weights[f"{dense}.weight"], weights[f"{dense}.bias"], dense)
    return graph.norm(graph.add("Add", [found, tokens], f"{at}.sum"), weights, f"{at}.LayerNorm")


class _Graph:
    """Collects operators and constants. What an operator gives has its name."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def keep(self, name: str, values: NDArray[Any]) -> str:
        """Add a constant."""
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def add(self, operator: str, takes: list[str], *gives: str, domain: str = "", **options: Any) -> str:
        """Add an operator."""
        self._nodes.append(helper.make_node(operator, takes, list(gives), domain=domain, **options))
        return gives[0]

    def linear(self, takes: str, weight: Array, bias: Array, name: str) -> str:
        """Add a linear layer in int8; `weight` has the shape (out, in)."""
        if loud := _LOUD.get(name):
            divisors = np.ones(weight.shape[1], dtype=np.float32)
            divisors[list(loud)] = list(loud.values())
            takes = self.add("Mul", [takes, self.keep(f"{name}.softer", 1 / divisors)], f"{name}.softened")
            weight = weight * divisors
        scales = np.abs(weight).max(axis=1) / np.float32(_HIGHEST)
        rounded = np.clip(np.rint(weight / scales[:, None]), -_HIGHEST, _HIGHEST).astype(np.int8)
        constants = {
            "int8": rounded.T,
            "scales": scales,
            "zeros": np.zeros(len(scales), dtype=np.int8),
            "bias": bias,
        }
        kept = [self.keep(f"{name}.{kind}", values) for kind, values in constants.items()]
        return self.add("DynamicQuantizeMatMul", [takes, *kept], name, domain=_FUSED)

    def norm(self, takes: str, weights: Weights, name: str) -> str:
        """Add a layer norm: what deviates from the mean, over its length, times the weight and the root of WIDTH."""
        last = self.keep(f"{name}.last", np.array([-1]))
        mean = self.add("ReduceMean", [takes, last], f"{name}.mean")
        deviating = self.add("Sub", [takes, mean], f"{name}.deviating")
        length = self.add("ReduceL2", [deviating, last], f"{name}.length")
        unit = self.add("Div", [deviating, length], f"{name}.unit")
        weight = self.keep(f"{name}.weight", weights[f"{name}.weight"] * np.float32(np.sqrt(WIDTH)))
        scaled = self.add("Mul", [unit, weight], f"{name}.scaled")
        return self.add("Add", [scaled, self.keep(f"{name}.bias", weights[f"{name}.bias"])], name)

    def to_bytes(self, gives: str, shape: list[int | None]) -> bytes:
        """Return the graph as a model that gives this."""
        tokens = helper.make_tensor_value_info("tokens", TensorProto.FLOAT, [1, None, WIDTH])
        given = helper.make_tensor_value_info(gives, TensorProto.FLOAT, shape)
        graph = helper.make_graph(self._nodes, "minilm", [tokens], [given], self._constants)
        opsets = [helper.make_opsetid("", 18), helper.make_opsetid(_FUSED, 1)]
        return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString())
