"""Trains the cross-encoder from the command line: `python -m core.training.cross_run -h`.

The groups are those of `core.training.reader_run`, which builds them, without most of those about made-up facts, single
words and requests that no passage answers: words are counted beside this encoder. Kept out are the articles that the
sentence encoder keeps out, and one written passage in ten.
"""

import argparse
import sys
from bisect import bisect
from collections.abc import Sequence
from pathlib import Path
from random import Random

from core.encoder.minilm import minilm_folder
from core.encoder.packing import load_tokenizer
from core.rag.embedding import Embedder
from core.training.console import say
from core.training.cross_data import Written, load_written
from core.training.cross_model import load_cross, load_cross_base, save_cross
from core.training.cross_training import CrossRecipe, score_groups, train_cross
from core.training.reader_data import FACTS_TEST, QUESTIONS_TEST, TRAIN, Group, data_file, read_groups
from core.training.reader_evaluation import evaluate_reader
from core.training.sentence_run import is_kept_out

WRITTEN = Path(__file__).resolve().parents[2] / "data" / "training"
_PUBLIC, _FACTS = 11_062, 9_000  # groups about public questions, then about made-up facts, then the others
_LEARNT = (1.0, 0.4, 0.12)  # share of each kind that is learnt from


def main(arguments: Sequence[str] | None = None) -> None:
    """Train and export, saying on the way how good it is on what is kept out; goes on from the checkpoint."""
    options = _parser().parse_args(arguments)
    base = minilm_folder()
    tokenizer = load_tokenizer((base / "tokenizer.json").read_text(encoding="utf-8"))
    recipe = CrossRecipe(
        max_seconds=options.max_seconds, max_steps=options.max_steps, rate=options.rate, threads=options.threads
    )
    model = load_cross(options.start) if options.start else load_cross_base()

    def measure() -> str:
        tests = {name: read_groups(data_file(options.data, name)) for name in (QUESTIONS_TEST, FACTS_TEST)}
        tests["written"] = kept_out_groups(options.written)
        said = []
        for name, groups in ((name, each[:: options.every]) for name, each in tests.items()):
            figures = evaluate_reader(lambda given: score_groups(model, given, tokenizer), groups)[-1]
            said.append(
                f"{name} (n {figures.answered}+{figures.unanswered}): sentence {figures.right_sentence or 0:.3f}, "
                f"passage {figures.right_passage or 0:.3f}, "
                f"abstains {figures.abstains or 0:.3f} from {figures.threshold:.2f}"
            )
        return "  " + "; ".join(said)

    facts = train_cross(
        model,
        _to_learn(read_groups(data_file(options.data, TRAIN))[: options.limit]),
        tokenizer,
        recipe,
        written=Written(options.written, Embedder(threads=1)),
        checkpoint=options.checkpoint,
        progress=say,
        measure=measure,
    )
    say(measure())
    if options.output is not None:
        save_cross(model, options.output, facts=facts)
        say(f"The reader is in {options.output}.")


def kept_out_groups(folder: Path, *, seed: int = 0) -> list[Group]:
    """Return groups of the written passages that are kept out: each wording with its passage, then without it."""
    random = Random(seed)  # noqa: S311 - test data, not secrets
    passages = load_written(folder)
    groups = []
    for passage in (p for p in passages if p.is_kept_out):
        same = [p.labelled() for p in passages if p.domain == passage.domain and p.id != passage.id]
        for question in passage.questions:
            for wording in question.wordings:
                others = random.sample(same, min(3, len(same)))
                groups.append(Group(wording, (passage.labelled(question.answers), *others)))
        groups += [
            Group(asked, (passage.labelled(), *random.sample(same, min(3, len(same))))) for asked in passage.unanswered
        ]
    return groups


def _to_learn(groups: Sequence[Group]) -> list[Group]:
    random = Random(0)  # noqa: S311 - training data, not secrets
    kinds = (bisect((_PUBLIC, _PUBLIC + _FACTS), at) for at in range(len(groups)))
    kept = [group for group, kind in zip(groups, kinds, strict=True) if random.random() < _LEARNT[kind]]
    return [group for group in kept if not is_kept_out(group)]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Train the cross-encoder.")
    parser.add_argument("data", type=Path, metavar="DATA_FOLDER", help="folder of the groups")
    parser.add_argument("--checkpoint", type=Path, required=True, help="file of the checkpoint")
    parser.add_argument("--start", type=Path, default=None, help="folder of a trained reader to go on from")
    parser.add_argument("--output", type=Path, default=None, help="folder of the trained reader")
    parser.add_argument("--written", type=Path, default=WRITTEN, help="folder of the written passages")
    parser.add_argument("--max-seconds", type=float, default=2400.0, help="of the training")
    parser.add_argument("--max-steps", type=int, default=None, help="of the training, to try a run out")
    parser.add_argument("--limit", type=int, default=None, help="of groups, to try a run out")
    parser.add_argument("--every", type=int, default=6, help="one test group in so many is looked at on the way")
    parser.add_argument("--rate", type=float, default=1.5e-4, help="highest rate of learning of the layers")
    parser.add_argument("--threads", type=int, default=1)
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])
