"""Trains the guard model: one small encoder that finds injections, harmful requests, toxicity and names in one pass.

Run it as `python3 -m core.training.guard --data DIR --base DIR --output DIR --seconds 150 --device cuda`. The schedule
ends with the epochs or with the time, whichever comes first. Nothing is resumed: a run takes minutes on a GPU.
"""

import argparse
import itertools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import cast

import torch
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel

from core.encoder.packing import load_tokenizer
from core.training.console import say
from core.training.guard_batches import UNKNOWN, GuardBatch, Window, batches, collate, cut_windows
from core.training.guard_evaluation import find_thresholds, format_report, report_by_source, score_rows
from core.training.guard_model import GuardModel, load_guard_base, save_guard
from core.training.guard_rows import LABELS, MAIN, Row, read_rows

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class GuardRecipe:
    """All that decides a guard, its rows apart.

    Attributes:
        layer_decay: A layer's learning rate is the next higher one's times this.
        smoothing: How far targets keep from 0 and 1.
        tag_weight: Weight of the names' loss.
        average: Share that the running mean of the weights keeps at each step.
    """

    epochs: int = 5
    batch_size: int = 128
    learning_rate: float = 2.5e-4
    head_rate: float = 1e-3
    layer_decay: float = 0.9
    warmup: float = 0.06
    smoothing: float = 0.02
    tag_weight: float = 0.5
    average: float = 0.998
    seed: int = 1


def train_guard(
    rows: Sequence[Row],
    base: Path,
    *,
    recipe: GuardRecipe,
    device: str = "cpu",
    max_seconds: float | None = None,
    report: Report = print,
) -> GuardModel:
    """Train a guard.

    Args:
        rows: What it learns from.
        base: Folder of all-MiniLM-L6-v2.
        recipe: Schedule.
        device: `cpu` or `cuda`.
        max_seconds: The schedule is shortened so that it ends by then.
        report: Called with a line of progress every 100 steps.
    """
    torch.manual_seed(recipe.seed)
    model = load_guard_base(base).to(device)
    windows = cut_windows(rows, load_tokenizer((base / "tokenizer.json").read_text(encoding="utf-8")), every=False)
    optimizer = torch.optim.AdamW(_parameters(model, recipe), weight_decay=0.01, fused=device == "cuda")
    rates = [group["lr"] for group in optimizer.param_groups]
    mean = AveragedModel(model, multi_avg_fn=_running_mean(recipe.average))
    steps = recipe.epochs * -(-len(windows) // recipe.batch_size)
    began, losses = time.monotonic(), list[torch.Tensor]()
    model.train()
    for step, batch in enumerate(_batches(windows, recipe, device)):
        done = max(step / steps, (time.monotonic() - began) / max_seconds if max_seconds else 0.0)
        if done >= 1:
            break
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * min(done / recipe.warmup + 0.01, 1 - done)
        loss = guard_loss(model, batch, recipe, device=device)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        mean.update_parameters(model)
        losses.append(loss.detach())
        if step % 100 == 99:
            recent = torch.stack(losses[-100:]).mean().item()
            report(f"step {step + 1}/{steps} loss {recent:.4f} {time.monotonic() - began:.0f} s, {done:.0%} done")
    return cast("GuardModel", mean.module).eval()


def guard_loss(model: GuardModel, batch: GuardBatch, recipe: GuardRecipe, *, device: str) -> torch.Tensor:
    """Return the mean loss over known labels, main ones and hazards alike, and over known tags."""
    with torch.autocast(device, dtype=torch.bfloat16, enabled=device == "cuda"):
        labels, tags = model(model.word_vectors(batch.ids), batch.mask, torch.zeros_like(batch.ids))
    known = (batch.labels != UNKNOWN).float()
    wanted = batch.labels.clamp(min=0).float() * (1 - 2 * recipe.smoothing) + recipe.smoothing
    each = functional.binary_cross_entropy_with_logits(labels.float(), wanted, reduction="none") * known
    main = len(MAIN)
    whole = each[:, :main].sum() / known[:, :main].sum().clamp(min=1)
    hazards = each[:, main:].sum() / known[:, main:].sum().clamp(min=1)
    flat = batch.tags.flatten()
    names = functional.cross_entropy(tags.float().flatten(0, 1), flat, ignore_index=UNKNOWN, reduction="sum")
    return 2 * whole + hazards + recipe.tag_weight * names / (flat != UNKNOWN).sum().clamp(min=1)


def main() -> None:
    """Train, set thresholds, print figures of each source, and write weights and `report.json`."""
    options = _options()
    recipe = GuardRecipe(epochs=options.epochs, batch_size=options.batch_size, learning_rate=options.learning_rate)
    train = read_rows(options.data / "train.jsonl.gz")
    if options.limit:
        Random(1).shuffle(train)  # noqa: S311 - a share of the rows, not secrets
        train = train[: options.limit]
    say(f"{len(train)} rows to learn from")
    model = train_guard(
        train,
        options.base,
        recipe=recipe,
        device=options.device,
        max_seconds=options.seconds,
        report=say,
    )
    files = save_guard(model, options.output)
    tokenizer = load_tokenizer((options.base / "tokenizer.json").read_text(encoding="utf-8"))
    calibration = read_rows(options.data / "calibration.jsonl.gz")
    scores = score_rows(model, calibration, tokenizer, device=options.device)
    thresholds = find_thresholds(scores.labels, calibration)
    test = read_rows(options.data / "test.jsonl.gz")
    held_out = report_by_source(score_rows(model, test, tokenizer, device=options.device), test, thresholds)
    seen = report_by_source(scores, calibration, thresholds)
    say(f"\nthresholds {thresholds}\n\nheld-out sources\n{format_report(held_out)}")
    say(f"\ncalibration rows\n{format_report(seen)}\n\nwrote {[path.name for path in files]}")
    facts = {
        "labels": LABELS,
        "thresholds": thresholds,
        "recipe": asdict(recipe),
        "rows": len(train),
        "held_out": held_out,
        "calibration": seen,
    }
    (options.output / "report.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def _parameters(model: GuardModel, recipe: GuardRecipe) -> list[dict[str, object]]:
    layers = list(model.encoder.encoder.layer)
    groups: list[dict[str, object]] = [
        {"params": list(layer.parameters()), "lr": recipe.learning_rate * recipe.layer_decay ** (len(layers) - 1 - i)}
        for i, layer in enumerate(layers)
    ]
    lowest = [p for p in model.encoder.embeddings.parameters() if p.requires_grad]
    groups.append({"params": lowest, "lr": recipe.learning_rate * recipe.layer_decay ** len(layers)})
    heads = [*model.dense.parameters(), *model.labels.parameters(), *model.tags.parameters()]
    return [*groups, {"params": heads, "lr": recipe.head_rate}]


def _running_mean(kept: float) -> Callable[..., None]:
    seen = itertools.count(1)  # not the tensor that torch counts in: reading it would wait for the GPU

    def update(averaged: list[torch.Tensor], current: list[torch.Tensor], _: torch.Tensor) -> None:
        # Early on little is kept, so that a short run doesn't end near where it began.
        step = next(seen)
        torch._foreach_lerp_(averaged, current, 1 - min(kept, (1 + step) / (10 + step)))

    return update


def _batches(windows: Sequence[Window], recipe: GuardRecipe, device: str) -> Iterator[GuardBatch]:
    random = Random(recipe.seed)  # noqa: S311 - order of examples, not secrets
    for _ in range(recipe.epochs):
        for group in batches(windows, size=recipe.batch_size, random=random):
            yield collate(group, device)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="core.training.guard", description="Train the guard model.")
    parser.add_argument("--data", type=Path, required=True, help="folder of train, calibration and test rows")
    parser.add_argument("--base", type=Path, required=True, help="folder of all-MiniLM-L6-v2")
    parser.add_argument("--output", type=Path, required=True, help="folder for the weights and report.json")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--seconds", type=float, help="time for the training steps; all epochs when left out")
    parser.add_argument("--epochs", type=int, default=GuardRecipe().epochs)
    parser.add_argument("--batch-size", type=int, default=GuardRecipe().batch_size)
    parser.add_argument("--learning-rate", type=float, default=GuardRecipe().learning_rate)
    parser.add_argument("--limit", type=int, help="learn from so many rows alone, for a quick look")
    return parser.parse_args()


if __name__ == "__main__":
    main()
