"""Measures a trained starter model and writes its card, from the command line: `python -m …starter_measure -h`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from core.training.starter_card import write_card
from core.training.starter_evaluation import evaluate_starter


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print each figure, and write the measurements and the card into the model's folder."""
    parser = argparse.ArgumentParser(description="Measure a starter model on held-out data and write its card.")
    parser.add_argument("model", type=Path, help="folder that training wrote")
    parser.add_argument("--source", type=Path, required=True, help="folder of the public training data")
    parser.add_argument("--samples", type=int, default=100, help="conversations of each kind")
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--workers", type=int, default=1, help="processes that share the work")
    options = parser.parse_args(arguments)
    figures = evaluate_starter(
        options.model,
        options.source,
        samples=options.samples,
        seed=options.seed,
        workers=options.workers,
    )
    write_card(options.model, figures=figures)
    for figure in figures:
        sys.stdout.write(f"{figure.held:4d} / {figure.n:<4d} {figure.name}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
