"""Trains what chooses a plan for a question about a table: `python -m core.training.tables_fit SOURCE OUTPUT`.

A log-linear model learns from answers alone: plans that yield the right answer share the credit. A second one learns,
from questions that the first has not seen and from questions about other tables, how likely the chosen answer is right.
The threshold is chosen on further tables. Nothing of the tables for reports is used.
"""

import argparse
import json
import math
import random
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from core.tables.candidates import Candidate, build_candidates
from core.tables.features import Features, features_of
from core.tables.ranker import CARD, choose_answer, confidence_features, weigh
from core.training.tables_data import TableQuestion, is_one_operation, is_right, load_table_questions

Floats = NDArray[Any]
Weights = dict[str, float]
Loss = Callable[[Floats], tuple[float, Floats]]


@dataclass(frozen=True, slots=True)
class TablesRecipe:
    """How it is trained.

    Attributes:
        seen: In how many questions a feature must occur.
        decay: Weight of the squared weights beside the mean loss of a question.
        unseen: Questions that the second model learns from.
        strangers: Questions about other tables among the rows of the second model.
        most_wrong: Share of the questions one operation away that may be answered wrongly at the threshold.
    """

    seen: int = 6
    decay: float = 2e-4
    steps: int = 40
    unseen: int = 1_800
    strangers: int = 800
    confidence_decay: float = 3e-4
    most_wrong: float = 0.08
    smallest_weight: float = 0.02
    seed: int = 0


@dataclass(frozen=True)
class Rows:
    """Features of candidates: those of candidate n from `starts[n]`, the candidates of question q from `first[q]`."""

    names: list[str]
    entries: NDArray[np.int32]
    values: NDArray[np.float32]
    starts: NDArray[np.int64]
    first: NDArray[np.int64]
    right: Floats
    halves: list[int]


def read_rows(questions: Sequence[TableQuestion], *, seen: int) -> Rows:
    """Return the features of all plans of questions that a plan answers; features of few questions are left out."""
    ids: dict[str, int] = {}
    counts: Counter[int] = Counter()
    entries: list[NDArray[np.int32]] = []
    values: list[NDArray[np.float32]] = []
    sizes, first, right, halves = [], [0], [], []
    for question in questions:
        candidates = candidates_of(question)
        hits = [is_right(c.outcome.values, question.answer) for c in candidates]
        if not any(hits):
            continue
        near = [hit and is_one_operation(c, question.reading) for c, hit in zip(candidates, hits, strict=True)]
        hits = near if any(near) else hits  # a plan further away than needed yields the answer by chance
        known: set[int] = set()
        for candidate in candidates:
            found = features_of(question.reading, candidate)
            named = [ids.setdefault(name, len(ids)) for name in found]
            known.update(named)
            entries.append(np.array(named, dtype=np.int32))
            values.append(np.array(list(found.values()), dtype=np.float32))
        counts.update(known)
        halves.append(_half(question))
        right += hits
        first.append(len(right))
    kept = np.full(len(ids), -1, dtype=np.int32)
    names = [name for name, place in ids.items() if counts[place] >= seen]
    for n, name in enumerate(names):
        kept[ids[name]] = n
    for n, places in enumerate(entries):
        mask = kept[places] >= 0
        entries[n], values[n] = kept[places][mask], values[n][mask]
        sizes.append(len(entries[n]))
    starts = np.concatenate([[0], np.cumsum(sizes)])
    return Rows(
        names,
        np.concatenate(entries),
        np.concatenate(values),
        starts,
        np.array(first),
        np.array(right, dtype=float),
        halves,
    )


def candidates_of(question: TableQuestion) -> list[Candidate]:
    """Return the plans that the grammar offers for a question."""
    return build_candidates(question.reading.question, question.frame, question.reading.mentions)


def half_of(rows: Rows, half: int) -> Rows:
    """Return the rows of the questions of one half."""
    chosen = [q for q, of in enumerate(rows.halves) if of == half]
    candidates = np.concatenate([np.arange(rows.first[q], rows.first[q + 1]) for q in chosen])
    places = np.concatenate([np.arange(rows.starts[c], rows.starts[c + 1]) for c in candidates])
    return replace(
        rows,
        entries=rows.entries[places],
        values=rows.values[places],
        starts=np.concatenate([[0], np.cumsum(np.diff(rows.starts)[candidates])]),
        first=np.concatenate([[0], np.cumsum(np.diff(rows.first)[chosen])]),
        right=rows.right[candidates],
        halves=[half] * len(chosen),
    )


def _half(question: TableQuestion) -> int:
    return zlib.crc32(question.id.encode()) % 2


def fit_plans(rows: Rows, recipe: TablesRecipe) -> Weights:
    """Return weights that make the plans that yield the right answer likely, all of a question's plans beside them."""
    owner = np.repeat(np.arange(len(rows.starts) - 1), np.diff(rows.starts))
    question = np.repeat(np.arange(len(rows.first) - 1), np.diff(rows.first))
    heads, count, size = rows.first[:-1], len(rows.first) - 1, len(rows.names)

    def loss(weights: Floats) -> tuple[float, Floats]:
        scores = np.bincount(owner, rows.values * weights[rows.entries], minlength=len(rows.right))
        shares = np.exp(scores - np.maximum.reduceat(scores, heads)[question])
        shares /= np.add.reduceat(shares, heads)[question]
        good = np.maximum(np.add.reduceat(shares * rows.right, heads), 1e-12)
        slope = shares - shares * rows.right / good[question]
        gradient = np.bincount(rows.entries, rows.values * slope[owner], minlength=size) / count
        return -float(np.log(good).mean()) + recipe.decay * float(
            weights @ weights
        ), gradient + 2 * recipe.decay * weights

    weights = _minimise(loss, size, recipe.steps)
    return {n: round(float(w), 3) for n, w in zip(rows.names, weights, strict=True) if abs(w) >= recipe.smallest_weight}


def fit_confidence(rows: Sequence[tuple[Features, bool]], recipe: TablesRecipe) -> Weights:
    """Return weights of a logistic model of whether the chosen answer is right."""
    names = sorted({name for features, _ in rows for name in features})
    places = {name: n for n, name in enumerate(names)}
    table = np.zeros((len(rows), len(names)))
    for row, (features, _) in zip(table, rows, strict=True):
        for name, value in features.items():
            row[places[name]] = value
    labels = np.array([float(right) for _, right in rows])

    def loss(weights: Floats) -> tuple[float, Floats]:
        scores = table @ weights
        chance = 1 / (1 + np.exp(-scores))
        value = float((np.logaddexp(0, scores) - labels * scores).mean())
        gradient = table.T @ (chance - labels) / len(labels)
        return value + recipe.confidence_decay * float(
            weights @ weights
        ), gradient + 2 * recipe.confidence_decay * weights

    return {n: round(float(w), 4) for n, w in zip(names, _minimise(loss, len(names), 200), strict=True)}


def _minimise(loss: Loss, size: int, steps: int) -> Floats:
    weights = torch.zeros(size, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=steps, history_size=10, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        value, gradient = loss(weights.detach().numpy())
        weights.grad = torch.from_numpy(gradient)
        return torch.tensor(value, dtype=torch.float64)

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return weights.detach().numpy()


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was chosen for a question.

    Attributes:
        near: Whether some plan that yields the right answer is one operation away; None where none was looked for.
    """

    features: Features
    right: bool
    near: bool = False


def choose(question: TableQuestion, weights: Mapping[str, float]) -> Chosen | None:
    """Return the plan that weights choose for a question, as its confidence is read."""
    candidates = candidates_of(question)
    if not candidates:
        return None
    features = [features_of(question.reading, candidate) for candidate in candidates]
    top = choose_answer(candidates, [weigh(each, weights) for each in features])
    best = candidates[top.place]
    hits = [c for c in candidates if is_right(c.outcome.values, question.answer)]
    near = any(is_one_operation(c, question.reading) for c in hits)
    return Chosen(confidence_features(best, features[top.place], top), best in hits, near)


def confidence_of(features: Features, weights: Mapping[str, float]) -> float:
    """Return the confidence that weights give."""
    return 1 / (1 + math.exp(-max(-50.0, min(50.0, weigh(features, weights)))))


def choose_threshold(confidences: Sequence[float], right: Sequence[bool], *, most_wrong: float) -> float:
    """Return the lowest threshold at which no more than a share of the answers is wrong."""
    bar, wrong = 1.0, 0
    for confidence, is_so in sorted(zip(confidences, right, strict=True), reverse=True):
        wrong += not is_so
        if wrong > most_wrong * len(right):
            break
        bar = confidence
    return math.ceil(bar * 1000) / 1000


def main() -> None:
    """Train, choose the threshold, and write the weights."""
    parser = argparse.ArgumentParser(
        prog="core.training.tables_fit", description="Train the weights for table questions."
    )
    parser.add_argument("source", type=Path, help="folder of public data; see the model's card")
    parser.add_argument("output", type=Path, help=f"folder for {CARD}")
    options, recipe = parser.parse_args(), TablesRecipe()
    torch.set_num_threads(1)
    questions = load_table_questions(options.source)
    learnt = [q for q in questions if q.split == "learn"]
    rows = read_rows(learnt, seen=recipe.seen)
    plans = fit_plans(rows, recipe)
    unseen = _unseen(learnt, [fit_plans(half_of(rows, half), recipe) for half in (0, 1)], recipe)
    sure = fit_confidence([(c.features, c.right) for c in unseen], recipe)
    tuned = [c for q in questions if q.split == "tune" and (c := choose(q, plans)) is not None and c.near]
    confidences = [confidence_of(c.features, sure) for c in tuned]
    right = [c.right for c in tuned]
    threshold = choose_threshold(confidences, right, most_wrong=recipe.most_wrong)
    answered = [is_so for confidence, is_so in zip(confidences, right, strict=True) if confidence >= threshold]
    card = {
        "threshold": threshold,
        "recipe": asdict(recipe),
        "questions_learnt": len(rows.first) - 1,
        "chosen_on": {"one_operation": len(tuned), "right": sum(answered), "wrong": len(answered) - sum(answered)},
        "confidence": sure,
        "plans": plans,
    }
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / CARD).write_text(json.dumps(card, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps({name: card[name] for name in ("threshold", "questions_learnt", "chosen_on")}) + "\n")


def _unseen(questions: Sequence[TableQuestion], halves: Sequence[Weights], recipe: TablesRecipe) -> list[Chosen]:
    """Choose for each question by the weights of the half that it isn't in, and for questions about other tables."""
    generator = random.Random(recipe.seed)  # noqa: S311
    found = []
    for question in generator.sample(questions, min(recipe.unseen, len(questions))):
        chosen = choose(question, halves[1 - _half(question)])
        found += [chosen] if chosen else []
    for _ in range(recipe.strangers):
        question, other = generator.sample(questions, 2)
        stranger = TableQuestion(question.id, question.text, other.frame, ("\0",), question.split)
        chosen = choose(stranger, halves[generator.randrange(2)])
        found += [replace(chosen, right=False)] if chosen else []
    return found


if __name__ == "__main__":
    main()
