"""Trains the cross-encoder through a larger teacher, from the command line: `python -m core.training.distil_run -h`.

`teach` trains the teacher, all-mpnet-base-v2, on the pool and keeps what it says of every sentence; `learn` trains
MiniLM on that. Both take a GPU where there is one. `core.training.distil_pool` builds the pool.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from core.training.console import say
from core.training.distil import DistilRecipe, measure_scorer, teach, train_scorer
from core.training.distil_data import FACTS, FITTING, OTHERS, PUBLIC, READ, WRITTEN, Drawn, Pool, load_pool
from core.training.distil_model import Scorer, load_minilm_scorer, load_mpnet_scorer

WEIGHTS, CARD = "weights.safetensors", "model.json"  # named here: a GPU's machine may lack the ONNX runtime
SHARES = {PUBLIC: 0.38, WRITTEN: 0.32, READ: 0.18, FACTS: 0.07, OTHERS: 0.05}  # of what is learnt from
NAMES = {PUBLIC: "public", WRITTEN: "written", READ: "pages", FACTS: "facts", FITTING: "articles that fit"}


def main(arguments: Sequence[str] | None = None) -> None:
    """Train the teacher or the student, and say how good it is on what is kept out."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    pool = load_pool(options.pool)
    is_teacher = options.what == "teach"
    if is_teacher:
        model = load_mpnet_scorer(options.teacher, _tokens(options.minilm), dropout=options.dropout)
    else:
        model = load_minilm_scorer(options.minilm, dropout=options.dropout)
        if options.start is not None:
            model.take(load_file(options.start / WEIGHTS))
    model = model.to(device)
    recipe = DistilRecipe(
        max_seconds=options.max_seconds,
        max_steps=options.max_steps,
        rate=options.rate,
        questions=options.questions,
        right=options.right,
        workers=options.workers,
        seed=options.seed,
    )
    shares = {kind: share for kind, share in SHARES.items() if ((pool.kind == kind) & (pool.is_test == 0)).any()}
    taught = np.load(options.taught)["said"] if options.taught else None
    say(_said("before", model, pool, every=options.every))
    facts = train_scorer(model, Drawn(pool, shares, taught=taught), recipe, progress=say)
    if options.mean is not None:
        model.take(load_file(options.mean / WEIGHTS), share=0.5)
    say(_said("after", model, pool, every=options.every))
    if is_teacher:
        np.savez_compressed(options.output, said=teach(model, pool, progress=say))
    else:
        _save(model, options.output, facts)
    say(f"It is in {options.output}.")


def _save(model: Scorer, folder: Path, facts: dict[str, Any]) -> None:
    """Write a student as `core.encoder.cross_encoder` loads it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / WEIGHTS
    save_file({name: each.detach().half().cpu().contiguous() for name, each in model.tensors().items()}, path)
    card = {"weights": path.name, "digest": f"sha256:{sha256(path.read_bytes()).hexdigest()}", "shared": 0}
    (folder / CARD).write_text(json.dumps(card | facts, indent=1) + "\n", encoding="utf-8")


def _said(when: str, model: Scorer, pool: Pool, *, every: int) -> str:
    figures = measure_scorer(model, pool, NAMES, every=every)
    return f"{when}: " + "; ".join(f"{name} {each}" for name, each in figures.items())


def _tokens(minilm: Path) -> list[str]:
    known = json.loads((minilm / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    return [name for name, _ in sorted(known.items(), key=lambda each: each[1])]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Train the cross-encoder through a larger teacher.")
    parser.add_argument("what", choices=("teach", "learn"))
    parser.add_argument("pool", type=Path, metavar="POOL", help="file that core.training.distil_pool wrote")
    parser.add_argument("--minilm", type=Path, required=True, help="folder of all-MiniLM-L6-v2")
    parser.add_argument("--teacher", type=Path, default=None, help="folder of all-mpnet-base-v2")
    parser.add_argument("--taught", type=Path, default=None, help="what the teacher said")
    parser.add_argument("--start", type=Path, default=None, help="folder of a trained reader to go on from")
    parser.add_argument("--mean", type=Path, default=None, help="folder of a trained reader to take the mean with")
    parser.add_argument("--output", type=Path, required=True, help="file of what is taught, or folder of the reader")
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--max-seconds", type=float, default=240.0)
    parser.add_argument("--max-steps", type=int, default=None)
    parser.add_argument("--questions", type=int, default=64, help="of a step")
    parser.add_argument("--right", type=float, default=1.0, help="weight of what is right beside what was taught")
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--every", type=int, default=1, help="one test question in so many")
    parser.add_argument("--seed", type=int, default=0)
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])
