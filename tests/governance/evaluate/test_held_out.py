"""What counts as the passage and the sentence that answer, on held-out articles."""

import pytest

from core.schema import Message, Retrieval
from core.training.starter_sources import Passage, Question
from governance.evaluate.articles import as_evidence, find_distractors, is_gold, is_gold_sentence, slug
from tests.governance.door import GivenRetriever
from tests.governance.evaluate.given import evidence

PASSAGE = Passage("The River", "paragraph 2", ("It is long.", "It flows north."))
QUESTION = Question("Where does it flow?", PASSAGE, 1)


@pytest.mark.parametrize(
    ("document", "place", "gold"),
    [
        ("The River", "paragraph 2", True),
        ("The River", "paragraph 2, part 3", True),
        ("The River", "paragraph 21", False),
        ("The River", "paragraph 1", False),
        ("The Lake", "paragraph 2", False),
    ],
)
def test_gold_is_the_paragraph_that_answers_or_a_part_of_it(document: str, place: str, gold: bool) -> None:
    assert is_gold(evidence(1, document, ["It flows north."], place=place), QUESTION) is gold


@pytest.mark.parametrize(
    ("quoted", "gold"),
    [
        ("It flows north.", True),
        ("It  flows\nnorth.", True),
        ("It is long. It flows north.", True),
        ("It flows n", True),
        ("north", False),
        ("It is long.", False),
    ],
)
def test_a_quotation_is_the_sentence_even_where_it_was_cut_otherwise(quoted: str, gold: bool) -> None:
    assert is_gold_sentence(quoted, QUESTION) is gold


def test_a_passage_becomes_evidence_that_nobody_has_scored() -> None:
    made = as_evidence(PASSAGE)
    assert (made.document, made.place, made.dataset_id) == ("The River", "paragraph 2", slug("The River"))
    assert made.sentences == PASSAGE.sentences
    assert (made.score, made.sentence_scores) == (0.0, ())
    assert is_gold(made, QUESTION)


def test_distractors_are_what_retrieval_likes_beside_the_gold() -> None:
    found = (evidence(1, "The River", ["It flows north."]), evidence(2, "The Lake", ["It is deep."]))
    retriever = GivenRetriever(Retrieval("found", found), [])
    assert find_distractors(retriever, QUESTION, dataset_ids=["d"]) == [found[1]]
    assert retriever.asked == [((Message("user", "Where does it flow?"),), ("d",))]
