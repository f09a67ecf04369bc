"""The networks of the distillation, in plain torch, for a CPU or a GPU: MPNet teaches, MiniLM learns.

Both read a question and a passage in one row and say of each sentence how far it answers, as log-odds against "nothing
answers". The student's places begin anew at the passage, and what tells the question from it is added to the question's
word vectors: so `core.encoder.cross_encoder` runs it.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

SHARPNESS = 20.0  # of the cosine, at first
NOTHING = 0.45  # cosine that stands for "nothing answers", at first
_BUCKETS, _FARTHEST = 32, 128  # of MPNet's distances
_BLOCKED = -1e4
_ALIGNED = 8  # tokens of a padded row are a multiple, for the GPU's attention
_SPECIAL = {"[CLS]": "<s>", "[SEP]": "</s>", "[PAD]": "<pad>"}  # MiniLM's names, MPNet's names
_PARTS = ("query", "key", "value", "out", "first_norm", "wide", "narrow", "second_norm")
_MINILM = dict(
    zip(
        _PARTS,
        (
            "attention.self.query",
            "attention.self.key",
            "attention.self.value",
            "attention.output.dense",
            "attention.output.LayerNorm",
            "intermediate.dense",
            "output.dense",
            "output.LayerNorm",
        ),
        strict=True,
    )
)
_MPNET = _MINILM | {
    "query": "attention.attn.q",
    "key": "attention.attn.k",
    "value": "attention.attn.v",
    "out": "attention.attn.o",
    "first_norm": "attention.LayerNorm",
}


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a question and a passage, padded.

    Attributes:
        ids: (rows, tokens).
        asked: How many tokens are the question's, per row.
        lengths: Tokens of each row.
        spans: (sentences, 3): row, start and end of each sentence.
    """

    ids: Tensor
    asked: Tensor
    lengths: Tensor
    spans: Tensor

    def to(self, device: torch.device) -> "Rows":
        """Return them on a device."""
        return Rows(*(each.to(device, non_blocking=True) for each in (self.ids, self.asked, self.lengths, self.spans)))


class Layer(torch.nn.Module):
    """A layer of a BERT."""

    def __init__(self, width: int, inner: int, heads: int, *, eps: float, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.query, self.key, self.value, self.out = (torch.nn.Linear(width, width) for _ in range(4))
        self.wide, self.narrow = torch.nn.Linear(width, inner), torch.nn.Linear(inner, width)
        self.first_norm, self.second_norm = (torch.nn.LayerNorm(width, eps=eps) for _ in range(2))

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Return what the layer makes of (rows, tokens, width); the mask is added to what attends."""
        query, key = (each(hidden).unflatten(-1, (self.heads, -1)).transpose(1, 2) for each in (self.query, self.key))
        values = self.value(hidden).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        seen = functional.scaled_dot_product_attention(query, key, values, attn_mask=mask.to(values.dtype))
        hidden = self.first_norm(hidden + self._drop(self.out(seen.transpose(1, 2).flatten(-2))))
        return self.second_norm(hidden + self._drop(self.narrow(functional.gelu(self.wide(hidden)))))  # type: ignore[no-any-return]

    def _drop(self, values: Tensor) -> Tensor:
        return functional.dropout(values, self.dropout, training=self.training)


class Scorer(torch.nn.Module):
    """Scores sentences; a teacher or a student by its weights."""

    def __init__(self, weights: Mapping[str, Tensor], words: Tensor, *, heads: int, dropout: float) -> None:
        """Take the tensors of a MiniLM or an MPNet, and its word vectors in the order of MiniLM's tokens."""
        super().__init__()
        self.is_mpnet = "encoder.relative_attention_bias.weight" in weights
        self.dropout = dropout
        width = words.shape[1]
        eps = 1e-5 if self.is_mpnet else 1e-12
        self.words = _fixed(words)
        places = weights["embeddings.position_embeddings.weight"]
        places = places[2:] if self.is_mpnet else places + weights["embeddings.token_type_embeddings.weight"][0]
        self.places = _fixed(places.clone())
        self.norm = torch.nn.LayerNorm(width, eps=eps)
        _fill(self.norm, weights, "embeddings.LayerNorm")
        count = len({name.split(".")[2] for name in weights if name.startswith("encoder.layer.")})
        inner = weights["encoder.layer.0.intermediate.dense.weight"].shape[0]
        self.layers = torch.nn.ModuleList(Layer(width, inner, heads, eps=eps, dropout=dropout) for _ in range(count))
        for at, layer in enumerate(self.layers):
            for part, name in (_MPNET if self.is_mpnet else _MINILM).items():
                _fill(getattr(layer, part), weights, f"encoder.layer.{at}.{name}")
        if self.is_mpnet:
            self.distances = torch.nn.Parameter(weights["encoder.relative_attention_bias.weight"].clone())
        self.side = torch.nn.Parameter(torch.zeros(width))
        self.head = torch.nn.Linear(2 * width, 1)
        torch.nn.init.zeros_(self.head.weight)
        torch.nn.init.zeros_(self.head.bias)
        self.sharpness = torch.nn.Parameter(torch.tensor(SHARPNESS))
        self.nothing = torch.nn.Parameter(torch.tensor(NOTHING))

    def forward(self, rows: Rows) -> Tensor:
        """Return the score of each span."""
        length = rows.ids.shape[1]
        there = torch.arange(length, device=rows.ids.device)[None]
        is_asked = there < rows.asked[:, None]
        places = there.expand_as(rows.ids) if self.is_mpnet else there - rows.asked[:, None] * ~is_asked
        hidden = self.words(rows.ids) + self.places(places)
        if not self.is_mpnet:
            hidden = hidden + is_asked[..., None] * self.side
        hidden = functional.dropout(self.norm(hidden), self.dropout, training=self.training)
        kept = (there < rows.lengths[:, None])[:, None, None].expand(-1, 1, length, -1)
        mask = torch.zeros(kept.shape, device=kept.device).masked_fill(~kept, _BLOCKED)
        if self.is_mpnet:
            mask = mask + self._by_distance(length)
        mask = mask.to(torch.bfloat16)
        for layer in self.layers:
            hidden = layer(hidden, mask)
        return self._score(hidden.float(), rows, is_asked)

    def _score(self, hidden: Tensor, rows: Rows, is_asked: Tensor) -> Tensor:
        asked = (hidden * is_asked[..., None]).sum(1) / rows.asked[:, None]
        sums = functional.pad(hidden.cumsum(1), (0, 0, 1, 0))
        row, start, end = rows.spans.unbind(1)
        means = (sums[row, end] - sums[row, start]) / (end - start).clamp(min=1)[:, None]
        cosine = functional.cosine_similarity(means, asked[row], dim=-1)
        more = self.head(torch.cat([means * asked[row], means], -1).float())[:, 0]
        return self.sharpness * (cosine - self.nothing) + more  # type: ignore[no-any-return]

    def _by_distance(self, length: int) -> Tensor:
        there = torch.arange(length, device=self.distances.device)
        apart = there[:, None] - there[None]
        half, exact = _BUCKETS // 2, _BUCKETS // 4
        far = apart.abs().clamp(min=1).float()
        large = exact + (torch.log(far / exact) / math.log(_FARTHEST / exact) * (half - exact)).long()
        bucket = torch.where(apart.abs() < exact, apart.abs(), large.clamp(max=half - 1)) + half * (apart < 0)
        return self.distances[bucket].permute(2, 0, 1)[None]

    def learnt(self) -> Iterator[tuple[str, torch.nn.Parameter]]:
        """Yield what training changes."""
        return ((name, each) for name, each in self.named_parameters() if each.requires_grad)

    def tensors(self) -> dict[str, Tensor]:
        """Return what a student has learnt, the layers by their names in a MiniLM's file."""
        parts = {
            f"encoder.layer.{at}.{name}": getattr(layer, part)
            for at, layer in enumerate(self.layers)
            for part, name in _MINILM.items()
        }
        parts |= {"embeddings.LayerNorm": self.norm, "head": self.head}
        learnt = {f"{name}.{kind}": getattr(part, kind) for name, part in parts.items() for kind in ("weight", "bias")}
        return learnt | {"side": self.side, "sharpness": self.sharpness, "nothing": self.nothing}

    @torch.no_grad()
    def take(self, trained: Mapping[str, Tensor], *, share: float = 1.0) -> None:
        """Take the mean of a share of what `tensors` gave and the rest of its own."""
        for name, own in self.tensors().items():
            own.lerp_(trained[name].to(own), share)


def load_minilm_scorer(folder: Path, *, dropout: float = 0.0) -> Scorer:
    """Return the untrained student on the layers of a MiniLM folder."""
    weights, words, heads = _read(folder)
    return Scorer(weights, words, heads=heads, dropout=dropout)


def load_mpnet_scorer(folder: Path, tokens: Sequence[str], *, dropout: float) -> Scorer:
    """Return the untrained teacher on the layers of an MPNet folder; `tokens` are MiniLM's, in order."""
    weights, words, heads = _read(folder)
    known = {name: at for at, name in enumerate((folder / "vocab.txt").read_text(encoding="utf-8").splitlines())}
    order = [known.get(_SPECIAL.get(name, name), known["[UNK]"]) for name in tokens]
    return Scorer(weights, words[order], heads=heads, dropout=dropout)


def _read(folder: Path) -> tuple[dict[str, Tensor], Tensor, int]:
    """Return the tensors of a folder, its word vectors, and how many heads a layer has."""
    weights = load_file(folder / "model.safetensors")
    words = weights.pop("embeddings.word_embeddings.weight").float()
    heads = int(json.loads((folder / "config.json").read_text(encoding="utf-8"))["num_attention_heads"])
    return {name: each.float() for name, each in weights.items() if each.is_floating_point()}, words, heads


def pad_rows(rows: Sequence[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]) -> Rows:
    """Return rows of a question's ids, a passage's ids and its spans as one padded piece."""
    lengths = [len(asked) + len(own) for asked, own, _ in rows]
    ids = np.zeros((len(rows), -(-max(lengths) // _ALIGNED) * _ALIGNED), dtype=np.int64)
    spans = []
    for at, (asked, own, found) in enumerate(rows):
        ids[at, : lengths[at]] = np.concatenate([asked, own])
        spans.append(np.column_stack([np.full(len(found), at), found + len(asked)]))
    asked_lengths = torch.tensor([len(asked) for asked, _, _ in rows])
    return Rows(torch.from_numpy(ids), asked_lengths, torch.tensor(lengths), torch.from_numpy(np.concatenate(spans)))


def _fixed(vectors: Tensor) -> torch.nn.Embedding:
    return torch.nn.Embedding(vectors.shape[0], vectors.shape[1], _weight=vectors, _freeze=True)


def _fill(module: torch.nn.Module, weights: Mapping[str, Tensor], name: str) -> None:
    module.load_state_dict({"weight": weights[f"{name}.weight"], "bias": weights[f"{name}.bias"]})
