"""Joins the cross-encoder with the reader's score, and measures both: `python -m core.training.cross_fit DATA_FOLDER`.

The reader scores all sentences of the passages that were found, as retrieval does; the cross-encoder reads only the
first passages by that order. Where it did not read, its score is `UNREAD`. Three numbers are fitted, as in
`core.training.reader_fit`, on every second question that nothing was trained on: how much either score counts, and the
bias. The others are measured:

    P(sentence s answers) = exp(total of s) / (1 + sum of exp(total of t) over all sentences t read)
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from core.encoder.cross_encoder import BUNDLED, CrossEncoder
from core.encoder.sentence_encoder import SentenceEncoder
from core.rag.cross_reading import UNREAD, Joint
from core.rag.embedding import Embedder
from core.rag.reader import BY_MEANING
from core.training.console import say
from core.training.cross_data import load_written
from core.training.cross_run import WRITTEN
from core.training.reader_baselines import embed_once, text_of
from core.training.reader_data import FACTS_TEST, QUESTIONS_TEST, TRAIN, Group, data_file, read_groups
from core.training.reader_fit import GIVEN_UP, READ, see, widen
from core.training.sentence_run import is_kept_out

Vector = NDArray[np.float64]
READS = (2, 3, 4, 6, 8)  # passages that the cross-encoder reads
_THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7)


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a question's sentences.

    Attributes:
        words: Log-odds of the reader.
        cross: Scores of the cross-encoder for the passages in `order`.
        passage: Which passage each sentence stands in.
        gold: Whether it answers.
        order: Passages, by the reader's best sentence.
    """

    words: Vector
    cross: Vector
    passage: NDArray[np.int64]
    gold: NDArray[np.bool_]
    order: tuple[int, ...]

    def scores(self, *, read: int) -> Vector:
        """Return the cross-encoder's scores where it reads so many passages."""
        return np.where(np.isin(self.passage, self.order[:read]), self.cross, UNREAD)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the fitted weights and what each way of reading reaches."""
    parser = argparse.ArgumentParser(description="Join the cross-encoder with the reader's score.")
    parser.add_argument("data", type=Path, metavar="DATA_FOLDER", help="folder of the groups")
    parser.add_argument("--model", type=Path, default=BUNDLED, help="folder of the cross-encoder")
    parser.add_argument("--written", type=Path, default=WRITTEN, help="folder of the written passages")
    parser.add_argument("--every", type=int, default=1, help="take one question in so many, to try it out")
    options = parser.parse_args(arguments)
    embedder, encoder, cross = Embedder(), SentenceEncoder(), CrossEncoder(options.model)
    articles = widen([g for g in read_groups(data_file(options.data, TRAIN)) if is_kept_out(g)], embedder)
    articles = articles[:: options.every]
    written = written_groups(options.written, embedder)[:: options.every]

    def look(groups: Sequence[Group]) -> list[Seen]:
        return read_all(groups, embedder, encoder, cross)

    fit = [*look(both_ways(articles[::2])), *look(written[::2])]
    tests = {
        "kept-out articles": look(both_ways(articles[1::2])),
        "kept-out written passages": look(written[1::2]),
        QUESTIONS_TEST: look(read_groups(data_file(options.data, QUESTIONS_TEST))[:: options.every]),
        FACTS_TEST: look(read_groups(data_file(options.data, FACTS_TEST))[:: options.every]),
    }
    ways = {"the reader alone": (fit_joint(fit, read=0, alone="words"), 0)}
    ways |= {f"the cross-encoder alone, {n} passages": (fit_joint(fit, read=n, alone="cross"), n) for n in (4, 8)}
    ways |= {f"both, {n} passages": (fit_joint(fit, read=n), n) for n in READS}
    for name, (joint, read) in ways.items():
        say(f"{name}: {joint}")
        say(f"  fitted on: {describe(fit, joint, read=read)}")
        for test, seen in tests.items():
            say(f"  {test}: {describe(seen, joint, read=read)}")


def written_groups(folder: Path, embedder: Embedder) -> list[Group]:
    """Return each wording about a kept-out written passage: with the nearest passages, with and without its own."""
    passages = load_written(folder)
    readings = [passage.labelled() for passage in passages]
    held = embed_once(embedder, map(text_of, readings))
    matrix = np.stack([held[text_of(reading)] for reading in readings])
    groups = []
    for at, passage in enumerate(passages):
        if not passage.is_kept_out:
            continue
        asked = [(wording, each.answers) for each in passage.questions for wording in each.wordings]
        for wording, answers in [*asked, *((wording, None) for wording in passage.unanswered)]:
            order = np.argsort(-(matrix @ embed_once(embedder, [wording])[wording]))
            others = [readings[n] for n in order[: READ + 1] if n != at][: READ - 1]
            groups.append(Group(wording, (passage.labelled(answers or ()), *others)))
            if answers is not None:
                groups.append(Group(wording, tuple(others)))
    return groups


def both_ways(groups: Sequence[Group]) -> list[Group]:
    """Return the groups as they are, and without the passages that answer."""
    without = [replace(g, readings=tuple(r for r in g.readings if not r.gold)) for g in groups]
    return [*groups, *without]


def read_all(groups: Sequence[Group], embedder: Embedder, encoder: SentenceEncoder, cross: CrossEncoder) -> list[Seen]:
    """Return what the reader and the cross-encoder see in the sentences of each group."""
    weights = np.array([getattr(BY_MEANING.of, name) for name in BY_MEANING.of.__dataclass_fields__])
    found = []
    for group, (features, gold) in zip(groups, see(groups, embedder, encoder), strict=True):
        words = features @ weights + BY_MEANING.bias
        passage = np.repeat(np.arange(len(group.readings)), [len(r.sentences) for r in group.readings])
        best = [words[passage == at].max() for at in range(len(group.readings))]
        order = tuple(np.argsort(-np.array(best))[: max(READS)].tolist())
        scores = np.full(len(words), UNREAD)
        read = cross.score(group.question, [(group.readings[at].heading, group.readings[at].sentences) for at in order])
        for at, own in zip(order, read, strict=True):
            scores[passage == at] = own
        found.append(Seen(words, scores, passage, gold, order))
    return found


def fit_joint(seen: Sequence[Seen], *, read: int, alone: str = "") -> Joint:
    """Return the weights that make what is right likeliest; of one score `alone`, where that is named."""
    inputs = [torch.tensor(np.stack([each.words, each.scores(read=read)], 1)) for each in seen]
    right = [torch.tensor(each.gold) for each in seen]
    used = torch.tensor([alone != "cross", alone != "words"], dtype=torch.float64)
    weights = torch.tensor([0.5, 0.5, 0.0], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        losses = []
        for given, gold in zip(inputs, right, strict=True):
            odds = given @ (weights[:2] * used) + weights[2]
            every = torch.logsumexp(torch.cat([odds, odds.new_zeros(1)]), 0)
            losses.append(every - (torch.logsumexp(odds[gold], 0) if bool(gold.any()) else 0.0))
        loss = torch.stack(losses).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    words, cross = (weights[:2].detach() * used).tolist()
    return Joint(words, cross, float(weights[2].detach()))


def totals(joint: Joint, seen: Seen, *, read: int) -> Vector:
    """Return the log-odds of each sentence."""
    return joint.words * seen.words + joint.cross * seen.scores(read=read) + joint.bias


def describe(seen: Sequence[Seen], joint: Joint, *, read: int) -> str:
    """Return how often the best sentence is right, and how well its score tells that nothing answers."""
    scored = [(totals(joint, each, read=read), each) for each in seen]
    answered = [(found, each) for found, each in scored if each.gold.any()]
    best = np.array([1 / (1 + np.exp(-found.max())) for found, _ in answered])
    others = np.array([1 / (1 + np.exp(-found.max())) for found, each in scored if not each.gold.any()])
    right = np.array([each.gold[found.argmax()] for found, each in answered])
    passage = [each.gold[each.passage == each.passage[found.argmax()]].any() for found, each in answered]
    bar = np.quantile(best, GIVEN_UP)
    at = "; ".join(
        f"{bar:.2f}: {(right & (best >= bar)).mean():.1%} right, {(best < bar).mean():.1%} given up, "
        f"{(others < bar).mean():.1%} abstained"
        for bar in _THRESHOLDS
    )
    return (
        f"right sentence {right.mean():.1%} and passage {np.mean(passage):.1%} of {len(right)}; abstains "
        f"{(others < bar).mean():.1%} of {len(others)} where {GIVEN_UP:.0%} are given up, at {bar:.2f} | {at}"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
