"""Held-out articles as datasets of a workbench, and the passages that their questions are tried on."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from core.datasets.card import DatasetCard
from core.encoder.sentence_encoder import SentenceEncoder
from core.rag.chunking import sentence_heading
from core.rag.cross_reading import CrossReading
from core.rag.embedding import Embedder
from core.rag.reader import Reader
from core.rag.reading import choose_answers
from core.rag.sentences import split_sentences
from core.schema import Evidence, Message, Retriever
from core.training.starter_sources import Passage, Question
from governance.evaluate.bench import Bench

_SLUG = re.compile(r"[^a-z0-9]+")


def add_articles(bench: Bench, questions: Sequence[Question]) -> dict[str, str]:
    """Ingest the articles of these questions, a heading for each paragraph; return document -> dataset id."""
    passages: dict[str, dict[str, str]] = {}
    for question in questions:
        text = question.passage.joiner.join(question.passage.sentences)
        passages.setdefault(question.passage.document, {})[question.passage.place] = text
    added = {}
    with TemporaryDirectory() as folder:
        for document, paragraphs in passages.items():
            path = Path(folder) / f"{slug(document)}.md"
            body = "\n\n".join(f"## {place}\n\n{text}" for place, text in paragraphs.items())
            path.write_text(f"# {document}\n\n{body}\n", encoding="utf-8")
            bench.workbench.datasets.ingest(path, card=_card(document))
            added[document] = slug(document)
    return added


def slug(document: str) -> str:
    """Return a dataset id for an article."""
    return _SLUG.sub("-", document.lower()).strip("-")


def is_gold(evidence: Evidence, question: Question) -> bool:
    """Say whether evidence comes from the paragraph that answers."""
    place = question.passage.place
    return evidence.document == question.passage.document and (
        evidence.place == place or evidence.place.startswith(f"{place}, part ")
    )


def is_gold_sentence(text: str, question: Question) -> bool:
    """Say whether a quotation is the sentence that answers; two ways of cutting sentences may differ at its ends."""
    wanted, got = (" ".join(t.split()) for t in (question.passage.sentences[question.gold], text))
    return wanted in got or (got in wanted and len(got) * 2 > len(wanted))


def as_evidence(passage: Passage) -> Evidence:
    """Return a passage as evidence that nobody has read yet."""
    text = passage.joiner.join(passage.sentences)
    return Evidence(
        number=1,
        chunk_id=f"{passage.document}/{passage.place}",
        dataset_id=slug(passage.document),
        dataset_version="held-out",
        dataset_title=passage.document,
        document=passage.document,
        place=passage.place,
        licence="CC-BY-SA-4.0",
        text=text,
        score=0.0,
        sentences=tuple(split_sentences(text)),
    )


@dataclass(frozen=True, slots=True)
class Judge:
    """Scores passages that no search brought, as retrieval scores those that it found."""

    reader: Reader
    embedder: Embedder
    encoder: SentenceEncoder
    cross: CrossReading

    def read(self, question: str, evidence: Sequence[Evidence]) -> list[Evidence]:
        """Return evidence with both readers' scores, numbered in its order."""
        asked, *held = self.embedder.embed([question, *(f"{e.document} > {e.place}\n{e.text}" for e in evidence)])
        meant = self.encoder.question(question)
        passages = [(sentence_heading(e.document, e.place), e.sentences) for e in evidence]
        meanings = [(sentences @ meant).tolist() for sentences in self.encoder.passages(passages)]
        read = [
            self.reader.score(
                question,
                e.sentences,
                context=f"{e.dataset_title} {e.document} {e.place}",
                similarity=float(asked @ vector),
                meanings=own,
            )
            for e, vector, own in zip(evidence, held, meanings, strict=True)
        ]
        scores = self.cross.score(question, passages, read, meanings=meanings)
        answers = choose_answers([[each] for each in scores], threshold=0.0)
        return [
            replace(e, number=n, sentence_scores=tuple(own), score=max(own, default=0.0), answering=answering)
            for n, (e, own, answering) in enumerate(zip(evidence, scores, answers, strict=True), start=1)
        ]

    def read_shuffled(self, question: Question, others: Sequence[Evidence], *, random: Random) -> list[Evidence]:
        """Return the gold passage and three others, scored, in random order and numbered in it."""
        mixed = [as_evidence(question.passage), *others[:3]]
        random.shuffle(mixed)
        return self.read(question.text, mixed)


def find_distractors(retriever: Retriever, question: Question, *, dataset_ids: Sequence[str]) -> list[Evidence]:
    """Return what retrieval likes best beside the gold paragraph, best first."""
    found = retriever.retrieve([Message("user", question.text)], dataset_ids=dataset_ids, top_k=6)
    return [e for e in found.evidence if not is_gold(e, question)]


def _card(document: str) -> DatasetCard:
    return DatasetCard(
        id=slug(document),
        title=document,
        description="An article that was held out of training.",
        category="General Knowledge",
        licence="CC-BY-SA-4.0",
        source="SQuAD 1.1, development set",
        tier="public",
        labels=[],
    )
