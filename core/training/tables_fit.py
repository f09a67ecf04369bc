"""Trains what chooses a plan for a question about a table: `python -m core.training.tables_fit SOURCE OUTPUT`.

A log-linear model learns from answers alone: plans that yield the right answer share the credit; a second one learns
from a question's words whether any plan does. On questions about further tables, their likeliest plans read by what
`core.training.plans_run` trained, a third one learns to tell those that some plan answers from those that none does and
from questions put to others' tables, and both thresholds are chosen. Nothing of the tables for reports is used.
"""

import argparse
import json
import math
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from core.tables.candidates import Candidate, build_candidates
from core.tables.features import features_of
from core.tables.plan_reading import READER, PlanReader
from core.tables.ranker import (
    CARD,
    belonging_features,
    counts_beside_a_number,
    rank_answers,
    read_again,
    step_features,
    sureness,
    weigh,
    weigh_plans,
)
from core.tables.reading import Features
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
        strangers: Questions put to other tables, for the third model and the thresholds.
        kept: Share of the questions one operation away that must be taken for questions about their table.
        steps_decay: As decay, for the model of a question's words.
        most_wrong: Share of the questions one operation away that may be answered wrongly at the threshold.
    """

    seen: int = 6
    decay: float = 6e-4
    steps: int = 35
    strangers: int = 400
    belonging_decay: float = 3e-3
    steps_decay: float = 3e-3
    kept: float = 0.95
    most_wrong: float = 0.095
    smallest_weight: float = 0.02
    seed: int = 0


@dataclass(frozen=True)
class Rows:
    """Features of candidates: those of candidate n from `starts[n]`, the candidates of question q from `first[q]`.

    `steps` holds every question's own features, with whether some plan yields its answer.
    """

    names: list[str]
    entries: NDArray[np.int32]
    values: NDArray[np.float32]
    starts: NDArray[np.int64]
    first: NDArray[np.int64]
    right: Floats
    steps: list[tuple[Features, bool]]


def read_rows(questions: Sequence[TableQuestion], *, seen: int) -> Rows:
    """Return the features of all plans of questions that a plan answers; features of few questions are left out."""
    ids: dict[str, int] = {}
    counts: Counter[int] = Counter()
    entries: list[NDArray[np.int32]] = []
    values: list[NDArray[np.float32]] = []
    sizes, first, right, steps = [], [0], [], []
    for question in questions:
        candidates = candidates_of(question)
        hits = [is_right(c.outcome.values, question.answer) for c in candidates]
        steps.append((step_features(question.reading), any(hits)))
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
        steps,
    )


def candidates_of(question: TableQuestion) -> list[Candidate]:
    """Return the plans that the grammar offers for a question."""
    return build_candidates(question.reading.question, question.frame, question.reading.mentions)


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


def fit_logistic(rows: Sequence[tuple[Features, bool]], *, decay: float, seen: int = 1) -> Weights:
    """Return weights of a logistic model of a yes or no; features of few rows are left out."""
    counts = Counter(name for features, _ in rows for name in features)
    names = sorted(name for name, count in counts.items() if count >= seen)
    table = np.array([[features.get(name, 0.0) for name in names] for features, _ in rows])
    labels = np.array([float(label) for _, label in rows])

    def loss(weights: Floats) -> tuple[float, Floats]:
        scores = table @ weights
        value = float((np.logaddexp(0, scores) - labels * scores).mean())
        gradient = table.T @ (1 / (1 + np.exp(-scores)) - labels) / len(labels)
        return value + decay * float(weights @ weights), gradient + 2 * decay * weights

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
        features: Those that say whether some plan on its table answers the question.
        reached: Whether some plan yields the right answer.
        near: Whether one of these is one operation away.
        is_declined: Whether it counts rows where a number was asked for.
    """

    features: Features
    margin: float
    right: bool
    reached: bool
    near: bool
    is_declined: bool


def choose(
    question: TableQuestion, weights: Mapping[str, float], steps: Mapping[str, float], reader: PlanReader
) -> Chosen | None:
    """Return what weights and the reader choose for a question; None where the grammar offers nothing."""
    candidates, reading = candidates_of(question), question.reading
    if not candidates:
        return None
    answers = rank_answers(candidates, weigh_plans(reading, candidates, weights))
    top = read_again(answers, reader.score(question.text, question.frame, [a.best for a in answers]))
    hits = [c for c in candidates if is_right(c.outcome.values, question.answer)]
    one_step = weigh(step_features(reading), steps)
    return Chosen(
        belonging_features(features_of(reading, top.best), one_step, top.score),
        top.margin,
        right=top.best in hits,
        reached=bool(hits),
        near=any(is_one_operation(c, reading) for c in hits),
        is_declined=counts_beside_a_number(reading, top.best),
    )


def choose_least(answers: Iterable[tuple[float, bool]], *, most_wrong: int) -> float:
    """Return the lowest sureness with which no more than so many answers are wrong, of each whether it is right."""
    bar, wrong = math.inf, 0
    for sure, right in sorted(answers, reverse=True):
        wrong += not right
        if wrong > most_wrong:
            break
        bar = sure
    return bar if bar == math.inf else math.ceil(bar * 1000) / 1000


def main() -> None:
    """Train, choose the thresholds, and write the weights."""
    parser = argparse.ArgumentParser(
        prog="core.training.tables_fit", description="Train the weights for table questions."
    )
    parser.add_argument("source", type=Path, help="folder of public data; see the model's card")
    parser.add_argument("output", type=Path, help=f"folder for {CARD}; holds the folder {READER!r} already")
    options, recipe = parser.parse_args(), TablesRecipe()
    torch.set_num_threads(1)
    questions = load_table_questions(options.source)
    rows = read_rows([q for q in questions if q.split == "learn"], seen=recipe.seen)
    steps = fit_logistic(rows.steps, decay=recipe.steps_decay, seen=recipe.seen)
    reader = PlanReader(options.output / READER)
    card = tune([q for q in questions if q.split == "tune"], fit_plans(rows, recipe), steps, reader, recipe)
    card |= {"questions_learnt": len(rows.first) - 1}
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / CARD).write_text(json.dumps(card, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps({name: card[name] for name in card if name not in ("plans", "steps")}) + "\n")


def tune(
    questions: Sequence[TableQuestion], plans: Weights, steps: Weights, reader: PlanReader, recipe: TablesRecipe
) -> dict[str, Any]:
    """Return the card of both weights: with what says whether some plan answers a question, and the thresholds."""
    own = [c for q in questions if (c := choose(q, plans, steps, reader)) is not None]
    strangers = [c for q in _strangers(questions, recipe) if (c := choose(q, plans, steps, reader)) is not None]
    return set_thresholds(own, strangers, recipe) | {"steps": steps, "plans": plans}


def set_thresholds(own: Sequence[Chosen], strangers: Sequence[Chosen], recipe: TablesRecipe) -> dict[str, Any]:
    """Return the card's model of whether a plan on its table answers a question, and both thresholds."""
    belongs = fit_logistic([(c.features, c.reached) for c in (*own, *strangers)], decay=recipe.belonging_decay)
    near = [c for c in own if c.near]
    least = math.floor(float(np.quantile([weigh(c.features, belongs) for c in near], 1 - recipe.kept)) * 1000) / 1000

    def answers(group: Sequence[Chosen], bar: float) -> list[tuple[float, bool]]:
        weighed = [(c, weigh(c.features, belongs)) for c in group if not c.is_declined]
        given = [(sureness(c.margin, belonging), c.right) for c, belonging in weighed if belonging >= least]
        return [(sure, right) for sure, right in given if sure >= bar]

    bar = choose_least(answers(near, -math.inf), most_wrong=int(recipe.most_wrong * len(near)))
    given, further = answers(near, bar), [c for c in own if not c.reached]
    return {
        "least_sureness": bar,
        "least_belonging": least,
        "recipe": asdict(recipe),
        "chosen_on": {
            "one_operation": len(near),
            "right": sum(right for _, right in given),
            "wrong": sum(not right for _, right in given),
            "other_tables": len(strangers),
            "answered_from_other_tables": len(answers(strangers, bar)),
            "no_plan": len(further),
            "answered_without_a_plan": len(answers(further, bar)),
        },
        "belongs": belongs,
    }


def _strangers(questions: Sequence[TableQuestion], recipe: TablesRecipe) -> list[TableQuestion]:
    """Return questions put to tables of others, which answer none of them."""
    generator = random.Random(recipe.seed)  # noqa: S311
    pairs = [generator.sample(questions, 2) for _ in range(recipe.strangers)]
    return [TableQuestion(q.id, q.text, o.frame, ("\0",), q.split) for q, o in pairs if q.frame.title != o.frame.title]


if __name__ == "__main__":
    main()
