"""Trains the starter model from the command line, with nothing but what training needs: `python -m …starter_run -h`."""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from core.training.console import say
from core.training.starter import Progress, Recipe, train_starter
from core.training.starter_model import Shape


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, and print the progress every few seconds."""
    options = _parser().parse_args(arguments)
    torch.set_float32_matmul_precision("high")
    if options.device == "cpu":
        torch.set_num_threads(options.threads)
    shape = Shape(
        vocabulary=options.vocabulary,
        hidden=options.hidden,
        layers=options.layers,
        heads=options.heads,
        key_heads=options.key_heads,
        feed_forward=options.feed_forward,
    )
    recipe = Recipe(
        tokens=options.tokens,
        seed=options.seed,
        shape=shape,
        max_seconds=options.max_seconds,
        rows=options.rows,
        ahead=max(4, 2 * options.workers),
        batch_tokens=options.batch_tokens,
        muon_lr=options.muon_lr,
        adamw_lr=options.adamw_lr,
    )
    output = train_starter(
        options.source,
        options.output,
        recipe=recipe,
        device=options.device,
        workers=options.workers,
        compiled=options.compiled,
        checkpoints=options.checkpoints,
        checkpoint_every=options.checkpoint_every,
        progress=_printer(options.every_s),
    )
    say(f"The model is in {output}.")


def _printer(every_s: float) -> Callable[[Progress], None]:
    began = last = time.monotonic()

    def show(at: Progress) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= every_s or at.share >= 1:
            last = now
            say(
                f"{now - began:6.1f} s  step {at.step}  {at.tokens / 1e6:.1f} M tokens  {at.share:.1%}  "
                f"loss {at.loss:.3f}  {at.tokens_per_s:,.0f} tokens/s"
            )

    return show


def _parser() -> argparse.ArgumentParser:
    shape = Shape()
    parser = argparse.ArgumentParser(description="Train the starter model.")
    parser.add_argument("--source", type=Path, required=True, help="folder of the public training data")
    parser.add_argument("--output", type=Path, required=True, help="folder of the finished model")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--workers", type=int, default=0, help="processes that make the batches")
    parser.add_argument("--threads", type=int, default=1, help="of the training, on a CPU")
    parser.add_argument("--compiled", action="store_true", help="compile the model first")
    parser.add_argument("--tokens", type=int, default=10_000_000)
    parser.add_argument("--max-seconds", type=float, default=None, help="end after so long, with less read")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rows", type=int, default=192, help="conversations that are sorted by length together")
    parser.add_argument("--batch-tokens", type=int, default=6144)
    parser.add_argument("--checkpoints", type=Path, default=None, help="folder of the checkpoint")
    parser.add_argument("--checkpoint-every", type=int, default=50, help="steps; a multiple of 10")
    parser.add_argument("--muon-lr", type=float, default=0.02)
    parser.add_argument("--adamw-lr", type=float, default=3e-3)
    parser.add_argument("--every-s", type=float, default=5.0, help="seconds between two lines of progress")
    for name in ("vocabulary", "hidden", "layers", "heads", "key_heads", "feed_forward"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=getattr(shape, name))
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])
