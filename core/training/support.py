"""Trains the support model: `python -m core.training.support SOURCE OUTPUT`, a few minutes on one core.

Its hidden units can only rise with shared words and only fall with missing numbers, names and flips: without that bound
it learns how errors were made, and not how answers go wrong. BEGIN, which people labelled, is held out whole.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from core.rag.support import CARD, support_of
from core.rag.support_features import FEATURES, WordVectors, compare, read_passages
from core.training.support_data import SupportRow, load_reported_rows, load_support_rows

RISING = {
    "words_in_passages": 1,
    "words_in_best_sentence": 1,
    "words_alike": 1,
    "least_alike": 1,
    "missing_words": -1,
    "pairs_kept": 1,
    "numbers_missing": -1,
    "names_missing": -1,
    "negation_differs": -1,
    "antonym": -1,
    "personal": -1,
}
"""The features that the model sees, and whether support rises or falls with them."""

Figures = dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True)
class SupportRecipe:
    """How it is trained.

    Attributes:
        shares: How much each kind of row counts, right and wrong ones alike.
    """

    hidden: int = 12
    steps: int = 1500
    batch_size: int = 1024
    learning_rate: float = 0.03
    decay: float = 1e-3
    seed: int = 0
    shares: tuple[tuple[str, float], ...] = (("squad", 1.0), ("pubmedqa", 0.25), ("page", 0.5), ("halueval", 1.0))


def read_features(rows: Sequence[SupportRow]) -> NDArray[Any]:
    """Return the features of rows, float32 of shape (rows, features of `RISING`)."""
    vectors, places = WordVectors(), [FEATURES.index(name) for name in RISING]
    read: dict[tuple[str, ...], Any] = {}
    made = []
    for row in rows:
        if row.passages not in read:
            read = {row.passages: read_passages(row.passages, vectors)}
        made.append(compare(row.sentence, read[row.passages], vectors).features[places])
    return np.stack(made)


def train_support(
    rows: Sequence[SupportRow], features: NDArray[Any], *, recipe: SupportRecipe
) -> dict[str, NDArray[Any]]:
    """Return the weights of a model that learnt from rows."""
    torch.manual_seed(recipe.seed)
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-6
    signs = torch.tensor(list(RISING.values()), dtype=torch.float32)
    scaled = torch.from_numpy(((features - mean) / spread).astype(np.float32))
    labels = torch.tensor([float(row.supported) for row in rows])
    chances = torch.from_numpy(row_weights(rows, recipe))
    inner = torch.nn.Parameter(torch.randn(len(signs), recipe.hidden) * 0.3 - 1)
    bias = torch.nn.Parameter(torch.randn(recipe.hidden) * 0.5)
    outer = torch.nn.Parameter(torch.zeros(recipe.hidden))
    last = torch.nn.Parameter(torch.zeros(()))
    soft = torch.nn.functional.softplus
    optimizer = torch.optim.AdamW([inner, bias, outer, last], lr=recipe.learning_rate, weight_decay=recipe.decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, recipe.steps)
    for _ in range(recipe.steps):
        batch = torch.multinomial(chances, recipe.batch_size, replacement=True)
        hidden = torch.tanh(scaled[batch] @ (soft(inner) * signs[:, None]) + bias)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(hidden @ soft(outer) + last, labels[batch])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        return {
            "mean": mean,
            "spread": spread,
            "inner": (soft(inner) * signs[:, None]).numpy(),
            "inner_bias": bias.numpy(),
            "outer": soft(outer).numpy(),
            "outer_bias": last.numpy(),
        }


def row_weights(rows: Sequence[SupportRow], recipe: SupportRecipe) -> NDArray[Any]:
    """Return how much each row counts: every kind its share, half of it for right rows and half for wrong ones."""
    shares = dict(recipe.shares)
    kinds = [(row.source.split(",")[0], row.supported) for row in rows]
    counts = Counter(kinds)
    return np.array([shares[kind[0]] / counts[kind] for kind in kinds])


def choose_threshold(rows: Sequence[SupportRow], scores: NDArray[Any], *, recipe: SupportRecipe) -> float:
    """Return the score from which most rows come out right, both labels counting alike."""
    weights, labels = row_weights(rows, recipe), np.array([row.supported for row in rows])
    tried = np.linspace(0.05, 0.95, 91)
    right = [(weights * ((scores >= bar) == labels)).sum() for bar in tried]
    return round(float(tried[int(np.argmax(right))]), 2)


def measure(rows: Sequence[SupportRow], scores: NDArray[Any], threshold: float) -> Figures:
    """Return, by source, how many rows each label has and how many of them come out right."""
    figures: Figures = {}
    for source in dict.fromkeys(row.source for row in rows):
        of_it = [
            (row.supported, score >= threshold) for row, score in zip(rows, scores, strict=True) if row.source == source
        ]
        yes, no = [said for is_so, said in of_it if is_so], [said for is_so, said in of_it if not is_so]
        figures[source] = {
            "supported": len(yes),
            "supported_right": int(sum(yes)),
            "unsupported": len(no),
            "unsupported_right": int(len(no) - sum(no)),
        }
    return figures


def main() -> None:
    """Train, choose the threshold, measure, and write the model."""
    parser = argparse.ArgumentParser(prog="core.training.support", description="Train the support model.")
    parser.add_argument("source", type=Path, help="folder of public data; see the model's card")
    parser.add_argument("output", type=Path, help="folder for model.json")
    options, recipe = parser.parse_args(), SupportRecipe()
    torch.set_num_threads(1)
    learnt = load_support_rows(options.source, held_out=False, seed=recipe.seed)
    weights = train_support(learnt, read_features(learnt), recipe=recipe)
    weights = {name: np.round(values.astype(np.float64), 5) for name, values in weights.items()}
    kept = load_support_rows(options.source, held_out=True, seed=recipe.seed)
    kept_scores = support_of(read_features(kept), weights)
    threshold = choose_threshold(kept, kept_scores, recipe=recipe)
    reported = load_reported_rows(options.source)
    card = {
        "features": list(RISING),
        "threshold": threshold,
        "weights": {name: values.tolist() for name, values in weights.items()},
        "recipe": asdict(recipe),
        "rows_learnt": dict(Counter(row.source for row in learnt)),
        "chosen_on": measure(kept, kept_scores, threshold),
        "reported": measure(reported, support_of(read_features(reported), weights), threshold),
    }
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / CARD).write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps({name: card[name] for name in ("threshold", "chosen_on", "reported")}, indent=1) + "\n")


if __name__ == "__main__":
    main()
