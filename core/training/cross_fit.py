"""Joins the cross-encoder with the reader's score, and measures both: `python -m core.training.cross_fit DATA_FOLDER`.

The reader scores all sentences of the passages that were found, as retrieval does; the cross-encoder reads only the
first passages by that order. Where it did not read, its score is `UNREAD`. Four numbers are fitted, as in
`core.training.reader_fit`, on every second question that nothing was trained on: how much either score and the cosine
between question and sentence count, and the bias, set so that at `THRESHOLD` as many of the questions that nothing
answers are given up as by the reader alone. The others are measured:

    P(sentence s answers) = exp(total of s) / (1 + sum of exp(total of t) over all sentences t read)
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from core.encoder.cross_encoder import BUNDLED, CrossEncoder
from core.encoder.sentence_encoder import SentenceEncoder
from core.rag.cross_reading import JOINT, MEANING, UNREAD, Joint, may_judge
from core.rag.cross_reading import READ as PRODUCT_READ
from core.rag.embedding import Embedder
from core.rag.reader import BY_MEANING
from core.training.console import say
from core.training.cross_data import WRITTEN, WrittenPassage, load_written
from core.training.reader_data import FACTS_TEST, QUESTIONS_TEST, TRAIN, Group, data_file, read_groups
from core.training.reader_fit import READ, see, widen, without_answer
from core.training.reader_texts import embed_once, text_of
from core.training.sentence_run import is_kept_out

Vector = NDArray[np.float64]
READS = (3, 4, 6)  # passages that the cross-encoder reads
THRESHOLD = 0.65  # the product's


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a question's sentences.

    Attributes:
        words: Log-odds of the reader.
        cross: Scores of the cross-encoder for the passages in `order`.
        meaning: Cosine between the question and each sentence.
        passage: Which passage each sentence stands in.
        gold: Whether it answers.
        judged: Whether the cross-encoder may judge it, as `core.rag.cross_reading` says.
        order: Passages that it may judge, the likeliest first.
    """

    words: Vector
    cross: Vector
    meaning: Vector
    passage: NDArray[np.int64]
    gold: NDArray[np.bool_]
    judged: NDArray[np.bool_]
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
    passages = load_written(options.written)
    kept = [at for at, passage in enumerate(passages) if passage.is_kept_out]
    written = [written_groups(passages, kept[half :: 2 * options.every], embedder) for half in (1, 0)]

    def look(groups: Sequence[Group]) -> list[Seen]:
        return read_all(groups, embedder, encoder, cross)

    fit = [*look(both_ways(articles[::2])), *look(written[0])]
    tests = {
        "fitted on": fit,
        "kept-out articles": look(both_ways(articles[1::2])),
        "kept-out written passages": look(written[1]),
        QUESTIONS_TEST: look(read_groups(data_file(options.data, QUESTIONS_TEST))[:: options.every]),
        FACTS_TEST: look(read_groups(data_file(options.data, FACTS_TEST))[:: options.every]),
    }
    ways = {
        "the reader alone": (Joint(1.0, 0.0, 0.0, 0.0), 0),
        f"the product's, {PRODUCT_READ} passages": (JOINT, PRODUCT_READ),
    }
    ways |= {f"the cross-encoder alone, {n} passages": (fit_joint(fit, read=n, alone="cross"), n) for n in READS[-1:]}
    ways |= {f"both, {n} passages": (fit_joint(fit, read=n), n) for n in READS}
    for name, (joint, read) in ways.items():
        say(f"{name}: {joint}")
        for test, seen in tests.items():
            say(f"  {test}: {describe(seen, joint, read=read)}")


def written_groups(passages: Sequence[WrittenPassage], asked: Sequence[int], embedder: Embedder) -> list[Group]:
    """Return the wordings about some passages: each with the nearest of all passages, with and without its own.

    A wording whose own passage is not among the nearest is left out: searching, not reading, would miss it.
    """
    readings = [passage.labelled() for passage in passages]
    held = embed_once(embedder, map(text_of, readings))
    matrix = np.stack([held[text_of(reading)] for reading in readings])
    groups = []
    for at in asked:
        passage = passages[at]
        answered = [(text, each.answers) for each in passage.questions for text in each.wordings]
        for text, answers in [*answered, *((text, ()) for text in passage.unanswered)]:
            order = np.argsort(-(matrix @ embed_once(embedder, [text])[text])).tolist()
            if at not in order[:READ]:
                continue
            others = tuple(readings[n] for n in order[: READ + 1] if n != at)[: READ - 1]
            groups.append(Group(text, (passage.labelled(answers), *others)))
            groups += [Group(text, others)] if answers else []
    return groups


def both_ways(groups: Sequence[Group]) -> list[Group]:
    """Return the groups as they are, and without the passages that answer."""
    return [*groups, *map(without_answer, groups)]


def read_all(groups: Sequence[Group], embedder: Embedder, encoder: SentenceEncoder, cross: CrossEncoder) -> list[Seen]:
    """Return what the reader and the cross-encoder see in the sentences of each group."""
    weights, meaning = np.array(astuple(BY_MEANING.of)), [each.name for each in fields(BY_MEANING.of)].index("meaning")
    found = []
    for group, (features, gold) in zip(groups, see(groups, embedder, encoder), strict=True):
        words = features @ weights + BY_MEANING.bias
        passage = np.repeat(np.arange(len(group.readings)), [len(r.sentences) for r in group.readings])
        likely = words + MEANING * features[:, meaning]
        best = [likely[passage == at].max() for at in range(len(group.readings))]
        may = [may_judge(group.question, (r.heading, r.sentences)) for r in group.readings]
        order = tuple(at for at in np.argsort(-np.array(best)).tolist() if any(may[at]))[: max(READS)]
        scores = np.full(len(words), UNREAD)
        read = cross.score(group.question, [(group.readings[at].heading, group.readings[at].sentences) for at in order])
        for at, own in zip(order, read, strict=True):
            scores[passage == at] = own
        found.append(Seen(words, scores, features[:, meaning], passage, gold, np.concatenate(may), order))
    return found


def fit_joint(seen: Sequence[Seen], *, read: int, alone: str = "") -> Joint:
    """Return the weights that make what is right likeliest; of one score `alone`, where that is named."""
    inputs = [torch.tensor(np.stack([each.words, each.scores(read=read), each.meaning], 1)) for each in seen]
    right, judged = [torch.tensor(each.gold) for each in seen], [torch.tensor(each.judged) for each in seen]
    used = torch.tensor([alone != "cross", alone != "words", not alone], dtype=torch.float64)
    weights = torch.tensor([0.5, 0.5, 1.0, 0.0], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        losses = []
        for given, gold, may in zip(inputs, right, judged, strict=True):
            odds = torch.where(may, given @ (weights[:3] * used) + weights[3], given[:, 0])
            every = torch.logsumexp(torch.cat([odds, odds.new_zeros(1)]), 0)
            losses.append(every - (torch.logsumexp(odds[gold], 0) if bool(gold.any()) else 0.0))
        loss = torch.stack(losses).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    words, cross, meaning = (weights[:3].detach() * used).tolist()
    before = np.array([each.words.max() for each in seen if not each.gold.any()])
    others = [totals(Joint(words, cross, meaning, 0.0), each, read=read).max() for each in seen if not each.gold.any()]
    level = float(np.quantile(others, (before < _odds(THRESHOLD)).mean()))
    return Joint(words, cross, meaning, _odds(THRESHOLD) - level)


def totals(joint: Joint, seen: Seen, *, read: int) -> Vector:
    """Return the log-odds of each sentence."""
    both = joint.words * seen.words + joint.cross * seen.scores(read=read) + joint.meaning * seen.meaning + joint.bias
    return np.where(seen.judged, both, seen.words)


def describe(seen: Sequence[Seen], joint: Joint, *, read: int) -> str:
    """Return how often the best sentence and its passage are right, and what comes of the questions at `THRESHOLD`."""
    answered, given_up = list[tuple[bool, bool, bool]](), list[bool]()
    for each in seen:
        found = totals(joint, each, read=read)
        kept = bool(found.max() >= _odds(THRESHOLD))
        if not each.gold.any():
            given_up.append(not kept)
            continue
        in_passage = each.gold[each.passage == each.passage[found.argmax()]].any()
        answered.append((kept, bool(each.gold[found.argmax()]), bool(in_passage)))
    return (
        f"right sentence {np.mean([right for _, right, _ in answered]):.1%}, passage "
        f"{np.mean([passage for _, _, passage in answered]):.1%}; answered rightly "
        f"{np.mean([kept and right for kept, right, _ in answered]):.1%}, wrongly "
        f"{np.mean([kept and not right for kept, right, _ in answered]):.1%}, given up "
        f"{np.mean([not kept for kept, _, _ in answered]):.1%} of {len(answered)}; given up where nothing answers "
        f"{np.mean(given_up):.1%} of {len(given_up)}"
    )


def _odds(probability: float) -> float:
    return float(np.log(probability / (1 - probability)))


if __name__ == "__main__":
    main(sys.argv[1:])
