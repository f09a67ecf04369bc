"""Trains the sentence encoder and exports it, from the command line: `python -m core.training.sentence_run -h`.

The groups are those of `core.training.reader_data`, which builds them. The questions of a few articles are kept out:
they fit the reader's weights (`core.training.reader_fit`) on vectors as good as those of texts never seen.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from core.encoder.minilm import minilm_folder
from core.encoder.packing import load_tokenizer
from core.errors import TrainingError
from core.training.console import say
from core.training.encoder_export import export_encoder
from core.training.reader_data import FACTS_TEST, QUESTIONS_TEST, TRAIN, Group, data_file, read_groups
from core.training.sentence_vectors import (
    SentenceData,
    SentenceRecipe,
    load_sentence_base,
    measure_sentences,
    train_sentences,
)

KEPT_OUT = frozenset({"Normans", "Private school", "Sky (United Kingdom)", "Pharmacy"})


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, measure on held-out groups before and after, export.

    Raises:
        TrainingError: The groups are missing, or the training fails.
    """
    options = _parser().parse_args(arguments)
    if not data_file(options.data, TRAIN).is_file():
        raise TrainingError(
            f"{data_file(options.data, TRAIN)} is missing. Build it first: "
            f"python -m core.training.reader_data {options.data} --source FOLDER"
        )
    base = minilm_folder()
    tokenizer = load_tokenizer((base / "tokenizer.json").read_text(encoding="utf-8"))
    recipe = SentenceRecipe(max_seconds=options.max_seconds, max_steps=options.max_steps, threads=options.threads)
    groups = [group for group in read_groups(data_file(options.data, TRAIN)) if not is_kept_out(group)]
    data = SentenceData(groups[: options.limit], tokenizer)
    model = load_sentence_base(base, frozen=recipe.frozen)
    tests = {
        name: SentenceData(read_groups(data_file(options.data, name))[: options.limit], tokenizer)
        for name in (QUESTIONS_TEST, FACTS_TEST)
    }
    before = {name: asdict(measure_sentences(model, test)) for name, test in tests.items()}
    say(f"before: {before}")
    facts = train_sentences(model, data, recipe, progress=say)
    after = {name: asdict(measure_sentences(model, test)) for name, test in tests.items()}
    say(f"after: {after}")
    export_encoder(
        model, options.output, outputs=("hidden",), facts=facts | {"figures": {"minilm": before, "trained": after}}
    )
    say(f"The encoder is in {options.output}.")


def is_kept_out(group: Group) -> bool:
    """Say whether a group is one of those that fit the reader's weights: it is about an article that is kept out."""
    titles = {reading.heading.split(" > ")[0] for reading in group.readings}
    gold = {reading.heading.split(" > ")[0] for reading in group.readings if reading.gold}
    return bool(gold & KEPT_OUT) or (not gold and titles <= KEPT_OUT)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Train the sentence encoder.")
    parser.add_argument("data", type=Path, metavar="DATA_FOLDER", help="folder of the groups")
    parser.add_argument("--output", type=Path, required=True, help="folder of the encoder")
    parser.add_argument("--max-seconds", type=float, default=5000.0, help="of the training")
    parser.add_argument("--max-steps", type=int, default=None, help="of the training, to try a run out")
    parser.add_argument("--limit", type=int, default=None, help="of groups in each file, to try a run out")
    parser.add_argument("--threads", type=int, default=1)
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])
