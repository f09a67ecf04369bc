"""Simple ways to choose a passage and a sentence, for comparison: shared words alone, MiniLM's cosine alone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from core.rag.embedding import Embedder, Vectors
from core.rag.reader import Reader
from core.schema import Evidence


@dataclass(frozen=True, slots=True)
class Choice:
    """The passage and the sentence that a baseline likes best; the sentence may stand in another passage."""

    passage: Evidence
    sentence_in: Evidence
    sentence: str


@dataclass(frozen=True, slots=True)
class Baselines:
    """Both baselines. Each text is embedded once."""

    words: Reader
    embedder: Embedder
    vectors: dict[str, Vectors] = field(default_factory=dict)

    def by_words(self, question: str, passages: Sequence[Evidence]) -> Choice:
        """Return the sentence that shares most with the question, and its passage."""
        scored = [
            (score, number, sentence)
            for number, each in enumerate(passages)
            for sentence, score in zip(each.sentences, self.words.score(question, each.sentences), strict=True)
        ]
        _, number, sentence = max(scored, key=lambda item: item[0])
        return Choice(passages[number], passages[number], sentence)

    def by_meaning(self, question: str, passages: Sequence[Evidence]) -> Choice:
        """Return the passage and the sentence nearest to the question."""
        sentences = [(each, sentence) for each in passages for sentence in each.sentences]
        self._embed([*(each.text for each in passages), *(sentence for _, sentence in sentences)])
        (asked,) = self.embedder.embed([question])
        passage = passages[self._nearest(asked, [each.text for each in passages])]
        holder, sentence = sentences[self._nearest(asked, [text for _, text in sentences])]
        return Choice(passage, holder, sentence)

    def _embed(self, texts: Iterable[str]) -> None:
        new = [text for text in dict.fromkeys(texts) if text not in self.vectors]
        self.vectors.update(zip(new, self.embedder.embed(new), strict=True))

    def _nearest(self, asked: Vectors, texts: Sequence[str]) -> int:
        return int(np.argmax(np.stack([self.vectors[text] for text in texts]) @ asked))
