from dataclasses import replace
from random import Random

import pytest

from core.rag.prompt import render_prompt
from core.schema import Message
from core.training.starter_adapter_evidence import answer_nearest, crowd, question_of, related
from core.training.starter_data import Conversation, build_conversation
from core.training.starter_evidence import number_evidence
from core.training.starter_sources import Passage

MEALS = (
    "Meals are paid up to 60 USD a day.",
    "Guests find meals in the canteen.",
    "Meals abroad are paid up to 90 USD.",
    "Dogs may come on Fridays.",
)


def _asking(question, *passages, gold=()):
    evidence = number_evidence([Passage("Travel", "Meals", sentences) for sentences in passages])
    prompt = render_prompt(
        [Message("user", question)], name="Ada", purpose="Answers.", style="balanced", evidence=evidence
    )
    return Conversation("policy", prompt, "", evidence, gold)


@pytest.mark.parametrize("kind", ["question", "keyword", "policy", "table"])
def test_a_crowd_keeps_question_answer_and_text(sources, kind):
    for index in range(20):
        turn = build_conversation(sources, seed=6, index=index, kind=kind)
        full = crowd(turn, sources, random=Random(index))
        assert question_of(full) == question_of(turn)
        assert [sentence for _, sentence in full.gold] == [sentence for _, sentence in turn.gold]
        assert all(sentence in full.evidence[number - 1].sentences for number, sentence in full.gold)
        assert {item.text for item in turn.evidence} <= {item.text for item in full.evidence}
        assert all(f"[{item.number}] {item.document}" in full.messages[-1].content for item in full.evidence)


def test_a_crowd_adds_passages_of_the_same_document(sources):
    turns = [build_conversation(sources, seed=6, index=index, kind="question") for index in range(30)]
    turns = [turn for turn in turns if turn.kind == "question" and len(turn.evidence) == 1]
    full = [crowd(turn, sources, random=Random(0)) for turn in turns]
    assert any(len(each.evidence) > 1 for each in full)
    for turn, each in zip(turns, full, strict=True):
        assert {item.document for item in each.evidence} == {turn.evidence[0].document}


def test_what_speaks_of_the_question_is_related_best_first():
    turn = _asking("How much is paid for meals?", MEALS, (MEALS[2],), gold=((1, MEALS[0]),))
    assert related(turn) == [(1, MEALS[2]), (1, MEALS[1])] or related(turn) == [(2, MEALS[2]), (1, MEALS[1])]
    assert related(replace(turn, gold=((1, MEALS[3]),)))[0][1] == MEALS[0]


def test_nothing_is_related_when_no_word_is_shared():
    assert related(_asking("Who pays?", MEALS, gold=((1, MEALS[0]),))) == []


def test_what_comes_nearest_answers_where_nothing_does():
    assert answer_nearest(_asking("May I bring my dogs?", MEALS)).gold == ((1, MEALS[3]),)
    assert answer_nearest(_asking("Who is king?", MEALS)).gold == ((1, MEALS[0]),)
    assert answer_nearest(_asking("Who is king?", ("x" * 500,))).gold == ()
