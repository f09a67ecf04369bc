from pathlib import Path

from core.rag.lexical import LexicalIndex
from core.rag.reader import Reader
from core.schema import Chunk
from governance.evaluate.baselines import Baselines
from tests.core.datasets.word_embedder import WordEmbedder
from tests.governance.evaluate.given import evidence

MEALS = evidence(1, "Meals", ["The policy covers meals and hotels.", "Sixty dollars are refunded a day."])
BRASS = evidence(2, "Brass", ["The nozzle is made of brass.", "Receipts are kept by the Finance team."])


def opened(folder: Path) -> tuple[Baselines, WordEmbedder]:
    lexical = LexicalIndex(folder)
    with lexical.writing() as writer:
        sentences = (*MEALS.sentences, *BRASS.sentences)
        writer.add([Chunk(f"c{n}", "d", "v", "Policy", "", n, text) for n, text in enumerate(sentences)])
        writer.commit()
    embedder = WordEmbedder()
    return Baselines(Reader(lexical), embedder), embedder


def test_words_alone_choose_the_sentence_that_shares_most_and_its_passage(tmp_path: Path) -> None:
    baselines, embedder = opened(tmp_path)
    choice = baselines.by_words("Who keeps the receipts of the Finance team?", [MEALS, BRASS])
    assert (choice.passage, choice.sentence_in, choice.sentence) == (BRASS, BRASS, BRASS.sentences[1])
    assert embedder.embedded == 0


def test_meaning_alone_chooses_passage_and_sentence_apart_and_embeds_each_text_once(tmp_path: Path) -> None:
    baselines, embedder = opened(tmp_path)
    long = evidence(3, "Long", ["nozzle brass nozzle brass", "nozzle brass made"])
    choice = baselines.by_meaning("the nozzle is made of brass.", [MEALS, BRASS, long])
    assert (choice.passage, choice.sentence_in, choice.sentence) == (BRASS, BRASS, BRASS.sentences[0])
    asked = baselines.by_meaning("nozzle brass made nozzle brass nozzle brass", [MEALS, BRASS, long])
    assert (asked.passage, asked.sentence_in) == (long, long)
    assert embedder.embedded == 2 + len({text for e in (MEALS, BRASS, long) for text in (e.text, *e.sentences)})
