"""Trains what reads plans for a table beside their question: `python -m core.training.plans_run -h`.

It goes on from a reader of plans, or begins at the sentence encoder. What it learns from are the likeliest answers to
questions of WikiTableQuestions, by log-linear weights that learnt from other tables than theirs, in any order; where
none is right, "nothing" is. Only the tables to learn from are used; on those for thresholds it says on the way how good
it is.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from random import Random

from core.encoder.minilm import minilm_folder
from core.encoder.packing import load_tokenizer
from core.tables.plan_reading import passage_of
from core.tables.ranker import Answer, rank_answers, read_again, weigh_plans
from core.training.console import say
from core.training.cross_model import load_cross, load_cross_base, save_cross
from core.training.cross_training import CrossRecipe, score_groups, train_cross
from core.training.reader_data import Group, Labelled
from core.training.tables_data import TableQuestion, is_right, load_table_questions
from core.training.tables_fit import TablesRecipe, Weights, candidates_of, fit_plans, read_rows

FOLDS = 4
ORDERS = 12  # in which the answers of a question are learnt from
WITHOUT = 0.5  # share of the questions without a right answer that are learnt from


@dataclass(frozen=True)
class Ranked:
    """A question with its likeliest answers, by features alone."""

    question: TableQuestion
    answers: tuple[Answer, ...]

    @property
    def right(self) -> tuple[int, ...]:
        """Places of the right answers."""
        wanted = self.question.answer
        return tuple(n for n, a in enumerate(self.answers) if is_right(a.best.outcome.values, wanted))

    def group(self, order: Sequence[int]) -> Group:
        """Return what the reader sees, the answers in this order."""
        heading, sentences = passage_of(self.question.frame, [self.answers[n].best for n in order])
        gold = tuple(place for place, n in enumerate(order) if n in self.right)
        return Group(self.question.text, (Labelled(heading, tuple(sentences), gold),))


def rank(questions: Sequence[TableQuestion], weights: Weights) -> Iterator[Ranked]:
    """Yield the questions that any plan answers, with their likeliest answers."""
    for question in questions:
        if candidates := candidates_of(question):
            scores = weigh_plans(question.reading, candidates, weights)
            yield Ranked(question, tuple(rank_answers(candidates, scores)))


def rank_crosswise(questions: Sequence[TableQuestion], recipe: TablesRecipe) -> Iterator[Ranked]:
    """Yield questions with their likeliest answers by weights that learnt from other tables."""
    for fold in range(FOLDS):
        rows = read_rows([q for q in questions if _fold(q) != fold], seen=recipe.seen)
        yield from rank([q for q in questions if _fold(q) == fold], fit_plans(rows, recipe))


def groups_of(ranked: Sequence[Ranked], *, seed: int) -> list[Group]:
    """Return what is learnt from, each question in several orders, mixed."""
    random = Random(seed)  # noqa: S311 - training data, not secrets
    groups = []
    for each in ranked:
        for _ in range(ORDERS):
            order = random.sample(range(len(each.answers)), len(each.answers))
            if each.right or random.random() < WITHOUT:
                groups.append(each.group(order))
    random.shuffle(groups)
    return groups


def main(arguments: Sequence[str] | None = None) -> None:
    """Rank, train and export; goes on from the checkpoint."""
    options = _parser().parse_args(arguments)
    tokenizer = load_tokenizer((minilm_folder() / "tokenizer.json").read_text(encoding="utf-8"))
    questions, recipe = load_table_questions(options.source)[:: options.every], TablesRecipe()
    learnt = [q for q in questions if q.split == "learn"]
    others = [q for q in questions if q.split == "tune"]
    tests = list(rank(others, fit_plans(read_rows(learnt, seen=recipe.seen), recipe)))
    groups = groups_of(list(rank_crosswise(learnt, recipe)), seed=recipe.seed)
    say(f"{len(groups)} groups of {len(learnt)} questions; {len(tests)} to test on")
    model = load_cross(options.start) if options.start else load_cross_base()

    def measure() -> str:
        scores = [each[0] for each in score_groups(model, [t.group(range(len(t.answers))) for t in tests], tokenizer)]
        reached = [(t, s) for t, s in zip(tests, scores, strict=True) if t.right]
        before = sum(0 in t.right for t, _ in reached)
        after = sum(_is_right(t, s) for t, s in reached)
        return f"  of {len(reached)} questions the right answer is first in {before} by features, {after} as read"

    facts = train_cross(
        model,
        groups,
        tokenizer,
        CrossRecipe(max_seconds=options.max_seconds, max_steps=options.max_steps, rate=options.rate),
        checkpoint=options.checkpoint,
        progress=say,
        measure=measure,
    )
    say(measure())
    save_cross(model, options.output, facts=facts)
    say(f"The reader of plans is in {options.output}.")


def _is_right(ranked: Ranked, scores: Sequence[float]) -> bool:
    best = read_again(ranked.answers, scores).best
    return is_right(best.outcome.values, ranked.question.answer)


def _fold(question: TableQuestion) -> int:
    return sha256(f"fold/{question.frame.title}".encode()).digest()[0] % FOLDS


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Train what reads plans for a table.")
    parser.add_argument("source", type=Path, help="folder of public data; see the model's card")
    parser.add_argument("--start", type=Path, default=None, help="folder of a trained reader of plans to go on from")
    parser.add_argument("--checkpoint", type=Path, required=True, help="file of the checkpoint")
    parser.add_argument("--output", type=Path, required=True, help="folder of the trained reader of plans")
    parser.add_argument("--max-seconds", type=float, default=2400.0, help="of the training")
    parser.add_argument("--max-steps", type=int, default=None, help="of the training, to try a run out")
    parser.add_argument("--every", type=int, default=1, help="one question in so many is used, to try a run out")
    parser.add_argument("--rate", type=float, default=1.5e-4, help="highest rate of learning of the layers")
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])
