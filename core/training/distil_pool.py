"""Gathers what the distillation reads into one file: `python -m core.training.distil_pool -h`.

It holds public questions, written ones about written passages and about public pages, made-up facts and requests that
nothing answers. The rows beside a question are those that the embedder finds nearest among all of its source, those of
the same document first. Tests are the articles that the reader's tests hold out, one passage in ten that questions were
written about, and the articles that fit the reader's weights, which nothing may learn from.
"""

import argparse
import json
import sys
from bisect import bisect
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from core.encoder.cross_encoder import passage_rows, question_row
from core.encoder.minilm import load_words
from core.encoder.sentence_encoder import Row
from core.errors import TrainingError
from core.rag.embedding import Embedder
from core.training.console import say
from core.training.cross_data import WRITTEN as WRITTEN_FOLDER
from core.training.cross_data import Asked, WrittenPassage, load_written
from core.training.distil_data import FACTS, FITTING, OTHERS, PUBLIC, READ, WRITTEN, Pool
from core.training.reader_data import FACTS_TEST, QUESTIONS_TEST, TRAIN, Group, Labelled, data_file, read_groups
from core.training.reader_texts import embed_once, text_of
from core.training.sentence_run import is_kept_out
from core.training.starter_sources import Sources, load_sources

PAGES = WRITTEN_FOLDER / "pages.jsonl"  # questions about public pages, whose text is read from the public data
NEAR = 10  # passages beside a question
_SAME = 6  # of them from the same document at most
_CUT = 0.3  # of the questions get their row without its answer
_FOLLOWING = 0.05
_PUBLIC_GROUPS, _FACT_GROUPS = 11_062, 9_000  # in the order of the groups that are learnt from
_FACTS_USED, _OTHERS_USED = 0.4, 0.12


class _Collector:
    """Collects questions and rows."""

    def __init__(self, tokenizer: Tokenizer, seed: int) -> None:
        self._tokenizer, self.random = tokenizer, Random(seed)  # noqa: S311 - training data, not secrets
        self._rows: dict[tuple[str, tuple[str, ...]], list[tuple[int, int]]] = {}
        self.asked: list[tuple[int, ...]] = []
        self.near: list[list[tuple[int, bool]]] = []
        self.gold: list[list[tuple[int, int]]] = []
        self.kind, self.is_test = list[int](), list[bool]()
        self.rows: list[Row] = []

    def add(self, question: str, readings: Iterable[Labelled], *, kind: int, is_test: bool = False) -> None:
        """Add a question with its readings; those that answer bring a row without the answer now and then."""
        near, gold = list[tuple[int, bool]](), list[tuple[int, int]]()
        for reading in readings:
            for row, first in self._of(reading):
                last = first + len(self.rows[row].spans)
                own = [n - first for n in reading.gold if first <= n < last]
                gold += [(len(near), n) for n in own]
                near.append((row, False))
            if reading.gold and not is_test and self.random.random() < _CUT:
                left = tuple(s for n, s in enumerate(reading.sentences) if n not in reading.gold)
                near += [(row, True) for row, _ in (self._of(Labelled(reading.heading, left)) if left else [])]
        if near:
            self.asked.append(question_row(self._tokenizer, question).ids)
            self.near.append(near)
            self.gold.append(gold)
            self.kind.append(kind)
            self.is_test.append(is_test)

    def _of(self, reading: Labelled) -> list[tuple[int, int]]:
        """Return the rows of a reading, each with the place of its first sentence."""
        key = (reading.heading, reading.sentences)
        if key not in self._rows:
            found, first = [], 0
            for row in passage_rows(self._tokenizer, *key):
                found.append((len(self.rows), first))
                first += len(row.spans)
                self.rows.append(row)
            self._rows[key] = found
        return self._rows[key]

    def pool(self) -> Pool:
        """Return all as arrays."""
        begins = np.cumsum([0, *map(len, self.near)])
        gold = [(begins[n] + at, s) for n, own in enumerate(self.gold) for at, s in own]
        flat = [each for own in self.near for each in own]
        return Pool(
            tokens=_joined(row.ids for row in self.rows),
            of_row=_begins(row.ids for row in self.rows),
            spans=np.array([span for row in self.rows for span in row.spans], dtype=np.int64),
            of_span=_begins(row.spans for row in self.rows),
            asked=_joined(self.asked),
            of_question=_begins(self.asked),
            near=np.array([row for row, _ in flat], dtype=np.int64),
            of_near=begins,
            is_cut=np.array([cut for _, cut in flat], dtype=np.int64),
            gold=np.array(gold, dtype=np.int64).reshape(-1, 2),
            kind=np.array(self.kind, dtype=np.int64),
            is_test=np.array(self.is_test, dtype=np.int64),
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Build the pool and write it."""
    parser = argparse.ArgumentParser(description="Gather what the distillation of the cross-encoder reads.")
    parser.add_argument("data", type=Path, metavar="DATA_FOLDER", help="folder of the groups of reader_data")
    parser.add_argument("--source", type=Path, required=True, help="folder of the public data")
    parser.add_argument("--output", type=Path, required=True, help="file to write")
    options = parser.parse_args(arguments)
    pool = build_pool(
        options.data,
        load_sources(options.source, held_out=False),
        load_words()[0],
        Embedder(),
        written=WRITTEN_FOLDER,
        pages=PAGES,
        progress=say,
    )
    pool.save(options.output)
    say(f"The pool is in {options.output}.")


def load_pages(path: Path, sources: Sources) -> list[WrittenPassage]:
    """Return the passages of public pages with the questions that a file asks about them.

    Raises:
        TrainingError: A line is in no such form, or its passage is not in the public data.
    """
    held = {(p.document, p.place, len(p.sentences)): p for p in sources.passages}
    pages = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            row = json.loads(line)
            passage = held[row["document"], row["place"], row["sentences"]]
            heading = f"{passage.document} > {passage.place}"
            asked = tuple(Asked(tuple(each["answers"]), tuple(each["wordings"])) for each in row["asked"])
            pages.append(WrittenPassage(heading, "page", heading, passage.sentences, asked, tuple(row["unanswered"])))
        except (ValueError, KeyError, TypeError) as exc:
            raise TrainingError(
                f"{path.name}, line {number}, is about no passage of the public data: {exc!r}."
            ) from exc
    return pages


def build_pool(
    data: Path,
    sources: Sources,
    tokenizer: Tokenizer,
    embedder: Embedder,
    *,
    written: Path,
    pages: Path,
    progress: Callable[[str], None],
    seed: int = 0,
) -> Pool:
    """Return the pool.

    Args:
        data: Folder of the groups that `core.training.reader_data` builds.
        sources: The part of the public data that is learnt from.
        tokenizer: MiniLM's.
        embedder: Finds what is near.
        written: Folder of the written passages.
        pages: File of questions about public pages.
        progress: Gets a line for each source.
        seed: Decides what is drawn.
    """
    collected = _Collector(tokenizer, seed)
    learnt = read_groups(data_file(data, TRAIN))
    kinds = [bisect((_PUBLIC_GROUPS, _PUBLIC_GROUPS + _FACT_GROUPS), at) for at in range(len(learnt))]
    public = [group for group, kind in zip(learnt, kinds, strict=True) if kind == 0]
    _add_public(collected, [g for g in public if not is_kept_out(g)], embedder, kind=PUBLIC)
    _add_public(collected, [g for g in public if is_kept_out(g)], embedder, kind=FITTING, is_test=True)
    _add_public(collected, read_groups(data_file(data, QUESTIONS_TEST)), embedder, kind=PUBLIC, is_test=True)
    progress(f"public: {len(collected.asked)} questions")
    _add_written(collected, load_written(written), (), embedder, kind=WRITTEN)
    progress(f"with those about written passages: {len(collected.asked)} questions")
    asked = load_pages(pages, sources)
    there = {_document(each.labelled()) for each in asked}
    beside = [
        Labelled(f"{p.document} > {p.place}", p.sentences) for title in there for p in sources.documents.get(title, ())
    ]
    _add_written(collected, asked, beside, embedder, kind=READ)
    progress(f"with those about pages: {len(collected.asked)} questions")
    for group, kind in zip(learnt, kinds, strict=True):
        if kind and collected.random.random() < (_FACTS_USED if kind == 1 else _OTHERS_USED):
            collected.add(group.question, group.readings, kind=FACTS if kind == 1 else OTHERS)
    for group in read_groups(data_file(data, FACTS_TEST)):
        collected.add(group.question, group.readings, kind=FACTS, is_test=True)
    progress(f"all: {len(collected.asked)} questions, {len(collected.rows)} rows")
    return collected.pool()


def _add_public(
    collected: _Collector, groups: Sequence[Group], embedder: Embedder, *, kind: int, is_test: bool = False
) -> None:
    """Add each public question once, with the passage that answers and others near it."""
    gold: dict[str, Labelled] = {}
    for group in groups:
        gold.update((group.question, reading) for reading in group.readings if reading.gold)
    near = _Near([r for g in groups for r in g.readings], list(gold), embedder)
    for question, own in gold.items():
        collected.add(question, [own, *near.beside(question, own)], kind=kind, is_test=is_test)


def _add_written(
    collected: _Collector,
    passages: Sequence[WrittenPassage],
    beside: Sequence[Labelled],
    embedder: Embedder,
    *,
    kind: int,
) -> None:
    """Add every wording with its passage and others near it; those of kept-out passages are tests."""
    asked = {
        wording: (passage, answers)
        for passage in passages
        for wordings, answers in (*((q.wordings, q.answers) for q in passage.questions), (passage.unanswered, ()))
        for wording in wordings
        if answers or not passage.is_kept_out
    }
    near = _Near([*(p.labelled() for p in passages), *beside], list(asked), embedder)
    earlier = {passage.id: [w for q in passage.questions for w in q.wordings] for passage in passages}
    for wording, (passage, answers) in asked.items():
        own = passage.labelled(answers)
        follows = not passage.is_kept_out and collected.random.random() < _FOLLOWING and earlier[passage.id]
        collected.add(
            f"{collected.random.choice(earlier[passage.id])}\n{wording}" if follows else wording,
            [own, *near.beside(wording, own)],
            kind=kind,
            is_test=passage.is_kept_out,
        )


class _Near:
    """The passages of a source, by how near they are to a question."""

    def __init__(self, readings: Iterable[Labelled], questions: Sequence[str], embedder: Embedder) -> None:
        self._passages = {text_of(r): Labelled(r.heading, r.sentences) for r in readings}
        held = embed_once(embedder, self._passages)
        self._asked = embed_once(embedder, questions)
        self._texts = list(self._passages)
        self._matrix: NDArray[np.float32] = np.stack([held[text] for text in self._texts] or [np.zeros(1, np.float32)])

    def beside(self, question: str, own: Labelled) -> list[Labelled]:
        """Return the nearest passages but its own, some of the same document first."""
        order = np.argsort(-(self._matrix @ self._asked[question])).tolist()
        near = [self._passages[text] for text in map(self._texts.__getitem__, order) if text != text_of(own)]
        same = [each for each in near if _document(each) == _document(own)][:_SAME]
        return [*same, *(each for each in near[: 2 * NEAR] if each not in same)][: NEAR - 1]


def _document(reading: Labelled) -> str:
    return reading.heading.split(" > ")[0]


def _joined(parts: Iterable[Sequence[int]]) -> NDArray[np.int64]:
    return np.array([n for part in parts for n in part], dtype=np.int64)


def _begins(parts: Iterable[Sequence[object]]) -> NDArray[np.int64]:
    return np.cumsum([0, *map(len, parts)])


if __name__ == "__main__":
    main(sys.argv[1:])
