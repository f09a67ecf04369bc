"""Trains readers and measures them, from the command line: `python -m core.training.reader_run -h`.

A teacher of six layers comes first, then its students. Each is saved and measured as soon as it is trained, so that a
run that is cut off keeps what was done.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from core.encoder.minilm import minilm_folder
from core.encoder.packing import load_tokenizer
from core.errors import CoreError, TrainingError
from core.rag.embedding import Embedder
from core.training.console import say
from core.training.reader import Progress, ReaderRecipe, train_reader
from core.training.reader_batches import Rows, encode_groups
from core.training.reader_data import FACTS_TEST, QUESTIONS_TEST, TRAIN, Group, data_file, read_groups, write_data
from core.training.reader_evaluation import ReaderFigures, evaluate_reader, reader_scorer
from core.training.reader_model import ReaderModel, save_reader

REPORT = "reader.json"
BASELINES = "baselines.json"  # beside the groups
Tests = Mapping[str, Sequence[Group]]
Figures = dict[str, list[dict[str, Any]]]
"""By the name of the groups: a row for each threshold."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A reader of a run.

    Attributes:
        time: The share that it may take of the time that is left when its turn comes.
    """

    name: str
    layers: int
    time: float


STAGES = (Stage("teacher", 6, 0.45), Stage("student3", 3, 0.55), Stage("student2", 2, 0.85))


@dataclass(frozen=True, slots=True)
class _Bench:
    """What all readers of a run share."""

    base: Path
    tokenizer: Tokenizer
    groups: Sequence[Rows]
    tests: Tests


def main(arguments: Sequence[str] | None = None) -> None:
    """Build the groups where they are missing, then train, measure and report; the time limit is from then on.

    Raises:
        TrainingError: The groups are missing and can't be built, or a training fails.
    """
    options = _parser().parse_args(arguments)
    torch.set_float32_matmul_precision("high")
    if not data_file(options.data, TRAIN).is_file():
        _build(options)
    if options.only_build:
        return
    began = time.monotonic()
    if options.device == "cpu":
        torch.set_num_threads(options.threads)
    options.output.mkdir(parents=True, exist_ok=True)
    bench = _load(options)
    say(f"{len(bench.groups)} groups, encoded in {time.monotonic() - began:.0f} s")
    report: dict[str, Any] = {"device": _device_name(options.device), "models": {}, "baselines": None}
    _train_all(options, bench, report, began=began)
    report["baselines"] = _baselines(options.data, bench.tests)
    _write(report, options.output / REPORT)
    say(f"The figures are in {options.output / REPORT}.")


def _build(options: argparse.Namespace) -> None:
    if options.source is None:
        raise TrainingError(
            f"{data_file(options.data, TRAIN)} is missing. Give the public data by --source to build it."
        )
    say("building the groups")
    counts = write_data(options.source, options.data, embedder=Embedder(), seed=options.seed, scale=options.scale)
    say("  ".join(f"{name} {count}" for name, count in counts.items()))
    (options.data / BASELINES).unlink(missing_ok=True)
    _baselines(options.data, _read_tests(options))


def _load(options: argparse.Namespace) -> _Bench:
    base = options.base or minilm_folder()
    tokenizer = load_tokenizer((base / "tokenizer.json").read_text(encoding="utf-8"))
    groups = read_groups(data_file(options.data, TRAIN))[: options.limit]
    return _Bench(base, tokenizer, encode_groups(groups, tokenizer), _read_tests(options))


def _read_tests(options: argparse.Namespace) -> Tests:
    names = (QUESTIONS_TEST, FACTS_TEST)
    return {name: read_groups(data_file(options.data, name))[: options.limit] for name in names}


def _train_all(options: argparse.Namespace, bench: _Bench, report: dict[str, Any], *, began: float) -> None:
    """Train every reader whose turn comes before the time is up; write the report after each."""
    teacher: ReaderModel | None = None
    for stage in STAGES:
        left = None if options.max_seconds is None else options.max_seconds - (time.monotonic() - began)
        if left is not None and left <= 0:
            report["models"][stage.name] = None
            say(f"{stage.name} is not trained: the time is up.")
            continue
        limit = None if left is None else left * stage.time
        model, facts = _train(options, bench, stage, teacher=teacher, max_seconds=limit)
        report["models"][stage.name] = facts
        _write(report, options.output / REPORT)
        score = reader_scorer(model, bench.tokenizer, device=options.device)
        facts["figures"] = _as_rows({test: evaluate_reader(score, groups) for test, groups in bench.tests.items()})
        _write(report, options.output / REPORT)
        _show(stage.name, facts["figures"])
        teacher = teacher or model


def _train(
    options: argparse.Namespace,
    bench: _Bench,
    stage: Stage,
    *,
    teacher: ReaderModel | None,
    max_seconds: float | None,
) -> tuple[ReaderModel, dict[str, Any]]:
    began = time.monotonic()
    recipe = ReaderRecipe(
        layers=stage.layers,
        epochs=options.epochs,
        groups_per_step=options.groups_per_step,
        batch_tokens=options.batch_tokens,
        learning_rate=options.learning_rate if teacher is None else options.student_rate,
        layer_decay=options.layer_decay,
        seed=options.seed,
    )
    losses: list[tuple[int, float]] = []
    model = train_reader(
        bench.groups,
        bench.base,
        recipe=recipe,
        device=options.device,
        workers=options.workers,
        teacher=teacher,
        max_seconds=max_seconds,
        report_every=options.report_every,
        progress=_printer(stage.name, losses),
    )
    save_reader(model, options.output / f"{stage.name}.safetensors")
    seconds = time.monotonic() - began
    say(f"{stage.name} is saved after {seconds:.0f} s")
    return model, {"recipe": asdict(recipe), "seconds": seconds, "losses": losses, "figures": None}


def _printer(name: str, losses: list[tuple[int, float]]) -> Callable[[Progress], None]:
    began = time.monotonic()

    def show(at: Progress) -> None:
        losses.append((at.step, at.loss))
        say(
            f"{name}  {time.monotonic() - began:6.1f} s  step {at.step}/{at.steps}  {at.share:.1%}  "
            f"loss {at.loss:.4f}  {at.groups_per_s:,.1f} groups/s"
        )

    return show


def _baselines(data: Path, tests: Tests) -> dict[str, Figures] | None:
    """Return the baselines' figures: those kept beside the data, or new ones; None where they can't be measured.

    The first that are measured are kept; figures kept of more or fewer groups stay, and don't count.
    """
    kept, counts = data / BASELINES, {name: len(groups) for name, groups in tests.items()}
    is_kept = kept.is_file()
    found = json.loads(kept.read_text(encoding="utf-8")) if is_kept else None
    if found is None or found["groups"] != counts:
        try:
            # Imported here because a machine that only trains has no search index.
            from core.training.reader_baselines import measure_baselines

            measured = measure_baselines(tests, embedder=Embedder())
        except (ImportError, CoreError) as exc:
            say(f"The baselines are not measured: {exc}")
            return None
        found = {"groups": counts, "figures": {name: _as_rows(figures) for name, figures in measured.items()}}
        if not is_kept:
            _write(found, kept)
    for name, figures in found["figures"].items():
        _show(name, figures)
    return dict(found["figures"])


def _as_rows(figures: Mapping[str, Sequence[ReaderFigures]]) -> Figures:
    return {test: [asdict(figure) for figure in found] for test, found in figures.items()}


def _show(name: str, figures: Figures) -> None:
    for test, rows in figures.items():
        for row in rows:
            shares = ("right_passage", "right_sentence", "abstains", "wrongly_abstains")
            said = "  ".join(f"{share.replace('_', ' ')} {_percent(row[share])}" for share in shares)
            at = f"{'fitted' if row['is_fitted'] else 'at'} {row['threshold']:.2f}"
            say(f"{name} {test} {at}  {said}  n {row['answered']} + {row['unanswered']}")


def _percent(share: float | None) -> str:
    return "not measured" if share is None else f"{share:.1%}"


def _write(value: Any, path: Path) -> None:
    """Write JSON so that a run that is cut off leaves the file of before or the whole new one."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    part.replace(path)


def _device_name(device: str) -> str:
    return device if device == "cpu" else torch.cuda.get_device_name()


def _parser() -> argparse.ArgumentParser:
    recipe = ReaderRecipe()
    parser = argparse.ArgumentParser(description="Train readers: a teacher of six layers and its students.")
    parser.add_argument("data", type=Path, metavar="DATA_FOLDER", help="folder of the groups")
    parser.add_argument("--output", type=Path, required=True, help="folder of the readers and of their figures")
    parser.add_argument("--source", type=Path, default=None, help="folder of the public data that groups are made of")
    parser.add_argument("--base", type=Path, default=None, help="folder of all-MiniLM-L6-v2, if not the package's")
    parser.add_argument("--only-build", action="store_true", help="build the groups, measure the baselines, and end")
    parser.add_argument("--scale", type=float, default=1.0, help="made-up groups, as a share of the usual number")
    parser.add_argument("--limit", type=int, default=None, help="of groups in each file, to try a run out")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--workers", type=int, default=0, help="processes that lay out the batches")
    parser.add_argument("--threads", type=int, default=1, help="of the training, on a CPU")
    parser.add_argument("--max-seconds", type=float, default=None, help="end about then, with shorter schedules")
    parser.add_argument("--epochs", type=int, default=recipe.epochs)
    parser.add_argument("--groups-per-step", type=int, default=recipe.groups_per_step)
    parser.add_argument("--batch-tokens", type=int, default=recipe.batch_tokens, help="padded tokens of a step")
    parser.add_argument("--learning-rate", type=float, default=recipe.learning_rate, help="of the teacher")
    parser.add_argument("--student-rate", type=float, default=2e-4, help="learning rate of the students")
    parser.add_argument(
        "--layer-decay", type=float, default=recipe.layer_decay, help="of the rate, layer by layer down"
    )
    parser.add_argument("--report-every", type=int, default=50, help="steps between two lines of progress")
    parser.add_argument("--seed", type=int, default=recipe.seed)
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])
