"""Builds what the support model learns from: sentences, passages, and whether the passages say the sentence.

Questions and answers of SQuAD become statements, conclusions of PubMedQA are held against their abstracts, answers of
HaluEval against what they were written from, and sentences of Wikipedia, handbook and PEP pages are shortened, joined
or made wrong. A made error is cleaner than a model's. BEGIN, which people labelled, only measures.
"""

import csv
import itertools
import json
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from core.errors import TrainingError
from core.training.starter_sources import Passage, load_sources, split_sentences
from core.training.support_errors import ERRORS, Pool, is_number

HELD_OUT_ARTICLE = 6  # every sixth SQuAD article is for choosing, not for learning
HELD_OUT_ROW = 10  # and every tenth row of the rest
BEGIN = {"BEGIN, Wizard of Wikipedia": "begin_dev_wow.tsv", "BEGIN, CMU-DoG": "begin_dev_cmu.tsv"}
HALUEVAL = {"HaluEval, one turn": "qa_one-turn_data.jsonl", "HaluEval, several turns": "qa_multi-turn_data.jsonl"}
_GENERIC = "Generic"  # BEGIN's label of what claims nothing
MOST_PASSAGES = 4
_WH = re.compile(
    r"\b(?:in |on |at |to |by |from |for )?(?:what|which|who|whom|whose|when|where|how (?:many|much|long|old))\b", re.I
)
_ASIDE = re.compile(r"\s*\([^()]*\)|, (?:which|who|where|when|while|although|including|such as)\b[^,.;]*(?=[,.;])")
_OPENER = re.compile(r"^(?:However|Moreover|In addition|Furthermore|Also|Therefore|Thus|For example|Then|Later), ")
_LONGEST = 60  # words of a sentence


@dataclass(frozen=True, slots=True)
class SupportRow:
    """A sentence and the passages that it is held against.

    Attributes:
        source: Where it comes from and how it was made; figures go by it.
    """

    sentence: str
    passages: tuple[str, ...]
    supported: bool
    source: str


def load_support_rows(folder: Path, *, held_out: bool, seed: int = 0) -> list[SupportRow]:
    """Return the rows to learn from, or those to choose the threshold on; the same for the same seed.

    Raises:
        TrainingError: A file is missing or not in the form that was published.
    """
    random = Random(seed)  # noqa: S311 - which sentence is made wrong, not secrets
    pages = load_sources(folder, held_out=held_out).passages
    try:
        articles = json.loads((folder / "qa/squad_dev_half.json").read_text(encoding="utf-8"))["data"]
        abstracts = list(json.loads((folder / "qa/pubmedqa.json").read_text(encoding="utf-8")).values())
        mine = [a for i, a in enumerate(articles) if (i % HELD_OUT_ARTICLE == HELD_OUT_ARTICLE - 1) == held_out]
        kept = [a for i, a in enumerate(abstracts) if (i % HELD_OUT_ROW == HELD_OUT_ROW - 1) == held_out]
        rows = [row for article in mine for row in _statements(article, random)]
        rows += _conclusions(kept, random)
        rows += [replace(row, source="halueval") for row in _halueval(folder, {3} if held_out else {0, 1, 2})]
    except (OSError, KeyError, ValueError, TypeError) as exc:
        raise TrainingError(f"The training data in {folder} can't be read: {exc}. Restore the published file.") from exc
    rows += [
        row for _, group in itertools.groupby(pages, key=lambda p: p.document) for row in _page(list(group), random)
    ]
    return rows


def load_reported_rows(folder: Path) -> list[SupportRow]:
    """Return rows that nothing was learnt from or chosen on: BEGIN whole, and a fifth of HaluEval.

    Raises:
        TrainingError: A file is missing or not in the form that was published.
    """
    rows = []
    try:
        for source, name in BEGIN.items():
            with (folder / "grounding" / name).open(encoding="utf-8", newline="") as file:
                for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
                    if row["begin_label"] != _GENERIC:
                        is_supported = row["begin_label"] == "Fully attributable"
                        rows.append(SupportRow(row["response"], (row["knowledge"],), is_supported, source))
        return rows + list(_halueval(folder, {4}))
    except (OSError, KeyError, ValueError, TypeError) as exc:
        raise TrainingError(f"The rows in {folder} can't be read: {exc}. Restore the published file.") from exc


def _halueval(folder: Path, fifths: Collection[int]) -> Iterator[SupportRow]:
    for source, name in HALUEVAL.items():
        for number, line in enumerate((folder / "grounding" / name).read_text(encoding="utf-8").splitlines()):
            if number % 5 in fifths:
                row = json.loads(line)
                passages = (row["knowledge"].replace(".", ". "),)  # its sentences were joined without a space
                yield SupportRow(row["right_answer"], passages, True, source)
                yield SupportRow(row["hallucinated_answer"], passages, False, source)


def _statements(article: dict[str, Any], random: Random) -> Iterator[SupportRow]:
    """Yield each question as a statement with its answer, and with another answer or beside another paragraph."""
    paragraphs = article["paragraphs"]
    texts = [" ".join(split_sentences(p["context"])) for p in paragraphs]
    answers = [asked["answers"][0]["text"] for p in paragraphs for asked in p["qas"]]
    for at, paragraph in enumerate(paragraphs):
        for asked in paragraph["qas"]:
            right = asked["answers"][0]["text"]
            statement = _stated(asked["question"], right)
            if statement is None or len(right.split()) > 12:
                continue
            others = [text for text in random.sample(texts, min(MOST_PASSAGES, len(texts))) if right not in text]
            beside = others[: random.randrange(MOST_PASSAGES)]
            here = _shuffled([texts[at], *beside], random)
            yield SupportRow(statement, here, True, "squad")
            wrong = _other_answer(right, answers, texts[at], random)
            if wrong and random.random() < 0.6:
                yield SupportRow(_stated(asked["question"], wrong) or "", here, False, "squad, other answer")
            elif others:
                yield SupportRow(statement, tuple(others[: 1 + random.randrange(2)]), False, "squad, other paragraph")


def _stated(question: str, answer: str) -> str | None:
    """Return a question with the answer in the place of the words that ask; None when nothing asks."""
    text, asks = _WH.subn(lambda _: answer, question.strip().rstrip("?").strip(), count=1)
    return f"{text[0].upper()}{text[1:]}." if asks else None


def _other_answer(right: str, answers: Sequence[str], text: str, random: Random) -> str | None:
    alike = [a for a in answers if is_number(a) == is_number(right) and a[:1].isupper() == right[:1].isupper()]
    for wrong in random.sample(alike, min(8, len(alike))):
        if wrong not in text and right not in wrong and len(wrong.split()) <= 12:
            return wrong
    return None


def _conclusions(abstracts: Sequence[dict[str, Any]], random: Random) -> Iterator[SupportRow]:
    """Yield each conclusion beside its own abstract, and made wrong or beside another abstract."""
    for at, row in enumerate(abstracts):
        passages = tuple(row["CONTEXTS"][:MOST_PASSAGES])
        pool = Pool(tuple(s for text in passages for s in split_sentences(text)), ())
        for sentence in split_sentences(row["LONG_ANSWER"]):
            if not 5 <= len(sentence.split()) <= _LONGEST:
                continue
            yield SupportRow(sentence, passages, True, "pubmedqa")
            made = random.choice(ERRORS)(sentence, pool, random)
            if made and random.random() < 0.5:
                yield SupportRow(made, passages, False, "pubmedqa, made wrong")
            else:
                other = tuple(abstracts[(at + random.randrange(1, len(abstracts))) % len(abstracts)]["CONTEXTS"])
                yield SupportRow(sentence, other[:MOST_PASSAGES], False, "pubmedqa, other abstract")


def _page(passages: Sequence[Passage], random: Random) -> Iterator[SupportRow]:
    """Yield sentences of a page shortened or joined, made wrong, and beside passages that don't hold them."""
    for at, passage in enumerate(passages):
        beside = [" ".join(p.sentences) for i, p in enumerate(passages) if i != at][: random.randrange(MOST_PASSAGES)]
        here = _shuffled([" ".join(passage.sentences), *beside], random)
        rest = tuple(s for i, p in enumerate(passages) if i != at for s in p.sentences)
        pool = Pool(tuple(s for text in here for s in split_sentences(text)), rest)
        fit = [s for s in passage.sentences if 5 <= len(s.split()) <= _LONGEST]
        for sentence in random.sample(fit, min(3, len(fit))):
            yield SupportRow(_reworded(sentence, fit, random), here, True, "page")
            made = random.choice(ERRORS)(_reworded(sentence, fit, random), pool, random)
            if made:
                yield SupportRow(made, here, False, "page, made wrong")
        foreign = [s for s in rest if 5 <= len(s.split()) <= _LONGEST and all(s not in text for text in here)]
        if foreign:
            yield SupportRow(random.choice(foreign), here, False, "page, other passage")


def _reworded(sentence: str, others: Sequence[str], random: Random) -> str:
    """Return a sentence as it is, without an aside or an opener, or joined with another one."""
    kind = random.random()
    if kind < 0.25:
        return sentence
    if kind < 0.8:
        return _OPENER.sub("", _ASIDE.sub("", sentence))
    second = random.choice(others)
    return f"{sentence.rstrip('.')}, and {second[0].lower()}{second[1:]}"


def _shuffled(texts: Sequence[str], random: Random) -> tuple[str, ...]:
    return tuple(random.sample(list(texts), len(texts)))
